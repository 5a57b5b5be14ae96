// knows: storage, engine, sync · must not know: which pool it is, how a caller waits
//! A pool as its slots, guards and waiters see it.

use core::ops::Deref;

use super::storage::Slot;
use crate::engine::{Engine, SlotToken, VacateReason};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// What every pool is made of: implemented once a pool, whatever holds it.
pub(crate) trait PoolParts {
    type Connection;
    /// What the pool records about each slot, beside the connection.
    type Extra;
    /// What a shared guard shows of the pool, besides the connection: `Sync` if the guard is to be.
    type Shown;

    fn engine(&self) -> Engine<'_>;
    fn slots(&self) -> &[Slot<Self::Connection, Self::Extra>];

    /// A guard lets go of its slot, which is filled.
    fn release(&self, slot: SlotToken);

    /// Ends the connection of a filled slot and vacates the slot, also if the connection's destructor panics.
    fn dispose(&self, slot: SlotToken, why: VacateReason);
}

/// How a guard holds on to its pool: `&P`, or an `Arc<P>`.
pub(crate) trait Handle: Deref<Target: PoolParts> {}

impl<P: PoolParts> Handle for &P {}

#[cfg(feature = "alloc")]
impl<P: PoolParts> Handle for Arc<P> {}

/// The connection that a handle's pool lends.
pub(crate) type ConnectionOf<H> = <<H as Deref>::Target as PoolParts>::Connection;
/// What a shared guard of a handle's pool shows of the pool.
pub(crate) type ShownBy<H> = <<H as Deref>::Target as PoolParts>::Shown;
