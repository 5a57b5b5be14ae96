//! One slot and its connection, for any pool: the guard that owns it, how it is acquired and released, and how its
//! connection ends.

mod acquire;
mod drain;
mod guard;
mod mapped;
#[cfg(feature = "std")]
mod park;
mod parts;
mod release;
mod slow_path;
pub(crate) mod storage;
pub(crate) mod teardown;

pub(crate) use acquire::{Acquire, claim_after, claim_any, claim_first, try_acquire};
pub use drain::Drain;
pub(crate) use guard::{RawGuard, guard};
pub use mapped::MappedGuard;
#[cfg(feature = "std")]
pub(crate) use park::{Patience, acquire, acquire_with, wait_for_drain};
#[cfg(feature = "std")]
pub(crate) use parts::Handle;
pub(crate) use parts::{PoolParts, Releases};
pub(crate) use release::{end_release, release, release_unused};
pub(crate) use slow_path::{slow_path, waiting_path};
pub(crate) use storage::Slot;
