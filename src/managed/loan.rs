//! From acquire to release: what happens to a slot and its connection in between, whichever caller it is for.

#![expect(clippy::manual_async_fn, reason = "an async function keeps room for its arguments twice")]

pub(super) mod acquire;
#[cfg(feature = "ffi")]
pub(super) mod asked;
#[cfg(feature = "std")]
pub(super) mod attended;
#[cfg(feature = "std")]
pub(super) mod blocking;
pub(super) mod caller;
pub(super) mod current;
pub(super) mod hand_off;
pub(super) mod insert;
pub(super) mod limits;
pub(super) mod prepare;
pub(super) mod release;
#[cfg(feature = "std")]
pub(super) mod release_last;
pub(super) mod search;
mod short_lived;
pub(super) mod task;
mod timed;
pub(super) mod tokens;
