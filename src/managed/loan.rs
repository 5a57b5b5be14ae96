//! From acquire to release: what happens to a slot and its connection in between, whichever caller it is for.

pub(super) mod acquire;
#[cfg(feature = "std")]
pub(super) mod blocking;
pub(super) mod caller;
pub(super) mod current;
pub(super) mod hand_off;
pub(super) mod prepare;
pub(super) mod release;
pub(super) mod tokens;
