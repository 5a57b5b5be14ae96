// knows: storage, engine, sync · must not know: which pool it is, how a caller waits
//! A pool as its slots, guards and waiters see it.

use core::ops::Deref;

use super::storage::Slot;
use crate::engine::{Engine, SlotToken, SlowPath, VacateReason};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// What a guard that knows neither its pool's type nor its connection's needs of the pool.
pub(crate) trait Releases {
    /// Releases the slot of a guard; the slot is filled.
    fn release(&self, slot: SlotToken);
}

/// What every pool is made of: implemented once for each type of pool, whichever handle its guards have.
pub(crate) trait PoolParts: Releases {
    type Connection;
    /// What the pool records about each slot, beside the connection.
    type Extra;
    /// What a shared guard gives access to besides the connection: it has to be `Sync` for the guard to be `Sync`.
    type Shown;

    fn engine(&self) -> Engine<'_>;
    fn slots(&self) -> &[Slot<Self::Connection, Self::Extra>];

    /// The slow path of this kind of pool, for callers that wait.
    fn waiting_path(&self) -> &'static SlowPath;

    /// Whether the pool itself counts the callers that give up, who may wait several times, or while they do not wait.
    #[inline(always)]
    fn counts_callers(&self) -> bool {
        false
    }

    /// Ends the connection of a filled slot and vacates the slot, also if the connection's destructor panics.
    fn dispose(&self, slot: SlotToken, why: VacateReason);
}

/// A guard's reference to its pool: `&P`, or an `Arc<P>`.
pub(crate) trait Handle: Deref<Target: PoolParts> {}

impl<P: PoolParts + ?Sized> Handle for &P {}

#[cfg(feature = "alloc")]
impl<P: PoolParts> Handle for Arc<P> {}

/// The connections of a handle's pool.
pub(crate) type ConnectionOf<H> = <<H as Deref>::Target as PoolParts>::Connection;
/// What a shared guard of a handle's pool gives access to besides the connection.
pub(crate) type ShownBy<H> = <<H as Deref>::Target as PoolParts>::Shown;
