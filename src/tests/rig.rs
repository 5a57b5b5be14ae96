//! A pool that connects, cut down to its engine: a caller that gets a vacant slot connects in it. The test owns the
//! slot until it says whether the connect succeeded.

use core::array;
use core::mem::offset_of;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Poll, Waker};

use crate::engine::{
    AcquireError, DoubleRelease, Engine, EngineState, Joined, Layout, Position, Released, SlotToken, SlowPath,
    VacateReason, Waiter, WaiterKind, WakeBatch,
};
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
use crate::engine::{LeaveReason, Left};
use crate::fairness::Fairness;
use crate::slot::{
    Acquire, PoolParts, RawGuard, Releases, Slot, end_release, release, slow_path, storage, teardown, try_acquire,
    waiting_path,
};

#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod again;
#[cfg(all(feature = "std", not(any(conn_pool_loom, conn_pool_shuttle))))]
mod asking;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod connector;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod from_c;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle, feature = "std", feature = "critical-section", feature = "ffi")))]
mod interrupting;
#[cfg(all(feature = "std", not(any(conn_pool_loom, conn_pool_shuttle))))]
mod parking;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod placing;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod resizing;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod tests;

pub(super) struct Rig<C, const N: usize> {
    engine: EngineState,
    slots: [Slot<C>; N],
}

impl<C, const N: usize> Rig<C, N> {
    const LAYOUT: Layout = Layout::new(N, storage::offsets::<C, ()>(offset_of!(Self, engine), offset_of!(Self, slots)));

    /// Every slot is vacant; `most` callers at once may connect.
    pub(super) fn new(most: usize, fairness: Fairness) -> Self {
        let mut engine = EngineState::new(0);
        engine.set_fairness(fairness);
        engine.connects_mut().set_max_connecting(most);
        Self { engine, slots: array::from_fn(|_| Slot::vacant(())) }
    }

    #[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
    pub(super) fn spare_callbacks(&mut self) {
        self.engine.connects_mut().spare_callbacks();
    }

    pub(super) fn engine(&self) -> Engine<'_> {
        // SAFETY: the layout says where the engine and the slots lie in this pool, which is shared for the borrow (I5).
        unsafe { Engine::new(NonNull::from(self).cast(), const { &Self::LAYOUT }) }
    }

    /// Joins the queue, or takes a free slot.
    ///
    /// # Safety
    ///
    /// As for the engine's `join`.
    pub(super) unsafe fn join(
        &self,
        waiter: Pin<&Waiter>,
        waker: Waker,
        position: Position,
    ) -> (Joined, WakeBatch<'_>) {
        let (mut batch, mut waker) = (self.engine().batch(), Some(waker));
        // SAFETY: it is this pool's slow path, and the caller promises the rest.
        let joined = unsafe { self.engine().join(waiter, &mut waker, position, slow_path::<Self>(), &mut batch) };
        (joined, batch)
    }

    /// How a waiter stands.
    pub(super) fn check(&self, waiter: Pin<&Waiter>) -> (Poll<Option<SlotToken>>, WakeBatch<'_>) {
        let mut wakes = self.engine().batch();
        (self.engine().check(waiter, Waker::noop(), &mut wakes), wakes)
    }

    /// Leaves the queue.
    #[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
    pub(super) fn leave(&self, waiter: Pin<&Waiter>, reason: LeaveReason) -> (Left, WakeBatch<'_>) {
        let mut wakes = self.engine().batch();
        (self.engine().leave(waiter, reason, &mut wakes), wakes)
    }

    /// One wait for a slot.
    pub(super) fn acquire(&self, kind: WaiterKind) -> Acquire<'_, Self> {
        Acquire::new(self, kind)
    }

    pub(super) fn try_slot(&self) -> Result<SlotToken, AcquireError> {
        try_acquire(self)
    }

    pub(super) fn is_filled(&self, slot: &SlotToken) -> bool {
        self.engine().states().get(slot.index()).is_filled()
    }

    /// The guard of a slot that has a connection.
    pub(super) fn held(&self, slot: SlotToken) -> RawGuard<&Self> {
        assert!(self.is_filled(&slot), "{slot:?} is without a connection");
        RawGuard::new(self, slot)
    }

    /// Connecting has succeeded.
    pub(super) fn connect(&self, slot: SlotToken, connection: C) -> RawGuard<&Self> {
        self.fill(&slot, connection);
        let wakes = self.engine().connected(&slot);
        let held = self.held(slot);
        drop(wakes);
        held
    }

    /// Connects in a vacant slot as maintenance does, or fails to; the connection goes to the first caller. Does
    /// nothing if there is no room to connect.
    pub(super) fn refill(&self, connection: Option<C>) {
        let Some(slot) = self.engine().claim_to_refill() else { return };
        let Some(connection) = connection else { return self.fail(slot) };
        self.fill(&slot, connection);
        let wakes = self.engine().refilled(&slot);
        let held = self.held(slot);
        drop(wakes);
        drop(held);
    }

    /// The connector has connected in the slot, for the first caller.
    pub(super) fn connect_for_callers(&self, slot: SlotToken, connection: C) {
        self.fill(&slot, connection);
        let (to_vacate, mut batch) = self.engine().fill_for_callers(slot);
        end_release(self, to_vacate, &mut batch);
    }

    /// Connecting has failed.
    pub(super) fn fail(&self, slot: SlotToken) {
        drop(self.engine().vacate(slot, VacateReason::NotConnected));
    }

    /// Drops an unfit connection; answers its slot if the caller may reconnect in it at once.
    pub(super) fn reject(&self, unfit: RawGuard<&Self>) -> Option<SlotToken> {
        let (_, slot) = unfit.into_parts();
        // SAFETY: a guard's slot is filled (I3).
        unsafe { storage::empty(&self.slots, &slot) };
        if self.engine().reclaim_to_connect(&slot) {
            return Some(slot);
        }
        drop(self.engine().vacate(slot, VacateReason::Discarded));
        None
    }

    /// Puts a connection into a vacant slot, for the first caller.
    pub(super) fn insert(&self, connection: C) -> Result<(), AcquireError> {
        let slot = self.engine().reserve()?;
        self.fill(&slot, connection);
        drop(self.held(slot));
        Ok(())
    }

    fn fill(&self, slot: &SlotToken, connection: C) {
        assert!(!self.is_filled(slot), "{slot:?} has a connection");
        // SAFETY: the slot is not filled (I3), as was just asserted.
        unsafe { storage::fill(&self.slots, slot, connection) };
    }

    /// Releases a slot that the caller may not own any more; `false` if the slot is free already.
    pub(super) fn release_once(&self, slot: usize) -> bool {
        match self.engine().release_once(slot) {
            Released::Now => return true,
            Released::Already => return false,
            Released::NotYet => {}
        }
        let (released, wakes) = self.engine().release_once_locked(slot);
        drop(wakes);
        match released {
            Ok(Some((slot, why))) => self.dispose(slot, why),
            Ok(None) => {}
            Err(DoubleRelease) => return false,
        }
        true
    }

    pub(super) fn resize(&self, max_size: usize) {
        // SAFETY: it is this pool's slow path (I11).
        drop(unsafe { self.engine().resize(max_size, slow_path::<Self>()) });
    }

    pub(super) fn drop_surplus(&self) {
        teardown::drop_surplus(self);
    }

    pub(super) fn close(&self) {
        teardown::close(self, || {});
    }
}

impl<C, const N: usize> Releases for Rig<C, N> {
    fn release(&self, slot: SlotToken) {
        release(self, slot);
    }
}

impl<C, const N: usize> PoolParts for Rig<C, N> {
    type Connection = C;
    type Extra = ();
    type Shown = ();

    fn engine(&self) -> Engine<'_> {
        Rig::engine(self)
    }

    fn slots(&self) -> &[Slot<C>] {
        &self.slots
    }

    fn waiting_path(&self) -> &'static SlowPath {
        waiting_path::<Self>()
    }

    fn dispose(&self, slot: SlotToken, why: VacateReason) {
        teardown::drop_in_place(self, slot, why);
    }
}

impl<C, const N: usize> Drop for Rig<C, N> {
    fn drop(&mut self) {
        teardown::drop_all(&mut self.slots, |slots, slot| {
            // SAFETY: only filled slots are handed over (I3).
            unsafe { storage::empty(slots, slot) };
        });
    }
}
