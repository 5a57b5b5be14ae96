// knows: block, clock, event, loan, manager, parts, record, slot, engine · must not know: how a connection is looked at
//! The guard of a shared pool.

use core::time::Duration;

use super::block::{Block, BlockRef, InUse};
use crate::engine::SlotToken;
use crate::managed::clock::duration;
use crate::managed::event::DiscardReason;
use crate::managed::loan::tokens::{detach, discard};
use crate::managed::manager::Lifecycle;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{REQUIRED, SCOPED};
use crate::slot::{PoolParts, RawGuard, guard};

guard! {
    /// An acquired connection of a [`SharedPool`](super::SharedPool). It is owned: it may be sent to any thread or
    /// task, and outlive every handle of the pool.
    ///
    /// When it is dropped, the manager looks at the connection and resets it, as for a
    /// [`managed::ConnGuard`](crate::managed::ConnGuard), and the next caller gets it. That needs no runtime.
    ///
    /// # Panics
    ///
    /// Dropping it panics if the manager does, or a waiter's waker. The slot is never lost by that.
    SharedConnGuard,
    struct[M: Lifecycle],
    impl[M: Lifecycle], for[M],
    InUse<M>, M::Connection
}

impl<M: Lifecycle> SharedConnGuard<M> {
    #[inline(always)]
    pub(super) fn new(block: &Block<M>, slot: SlotToken) -> Self {
        Self(RawGuard::new(InUse::of(block), slot))
    }

    /// As [`ConnGuard::discard`](crate::managed::ConnGuard::discard).
    ///
    /// # Panics
    ///
    /// If the manager's [`on_discard`](Lifecycle::on_discard) does; the slot is vacant all the same.
    pub fn discard(guard: Self) {
        let owner = BlockRef::of(guard.0.pool());
        let (_, slot) = guard.0.into_parts();
        discard(&*owner, slot, DiscardReason::Discarded);
    }

    /// As [`ConnGuard::detach`](crate::managed::ConnGuard::detach).
    ///
    /// # Panics
    ///
    /// If a waiter's waker does; the connection is dropped then.
    #[must_use = "the connection ends if it is not kept"]
    pub fn detach(guard: Self) -> M::Connection {
        let owner = BlockRef::of(guard.0.pool());
        let (_, slot) = guard.0.into_parts();
        detach(&*owner, slot)
    }

    /// As [`ConnGuard::require_check`](crate::managed::ConnGuard::require_check).
    pub fn require_check(guard: &Self) {
        guard.0.pool().record(guard.0.slot()).mark(REQUIRED);
    }

    /// As [`ConnGuard::scope`](crate::managed::ConnGuard::scope).
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment; the guard is the caller's still.
    pub async fn scope<T>(guard: &mut Self, work: impl AsyncFnOnce(&mut M::Connection) -> T) -> T {
        let slot = guard.0.slot();
        // A scope around this one ends later.
        let is_new = guard.0.pool().record(slot).mark(SCOPED);
        let output = work(&mut *guard).await;
        if is_new {
            guard.0.pool().record(slot).unmark(SCOPED);
        }
        output
    }

    /// How long ago the connection was made.
    #[must_use]
    pub fn age(guard: &Self) -> Duration {
        let pool: &Block<M> = guard.0.pool();
        duration(pool.record(guard.0.slot()).age(pool.coarse()))
    }

    /// How often the connection was acquired, this time included.
    #[must_use]
    pub fn uses(guard: &Self) -> usize {
        guard.0.pool().engine().states().get(guard.0.slot()).uses()
    }
}
