//! A pool that connects, cut down to its engine: a caller that gets a vacant slot connects in it. The test owns the
//! slot until it says whether the connect succeeded.

use core::array;

use crate::engine::{
    AcquireError, Bitmap, DoubleRelease, Engine, EngineState, Layout, Released, SlotToken, VacateReason, WaiterKind,
};
use crate::fairness::Fairness;
use crate::slot::{Acquire, PoolParts, RawGuard, Slot, end_release, release, storage, teardown, try_acquire};

#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod again;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod from_c;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod placing;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod tests;

pub(super) struct Rig<C, const N: usize> {
    engine: EngineState,
    slots: [Slot<C>; N],
}

impl<C, const N: usize> Rig<C, N> {
    /// Every slot is vacant; `most` callers at once may connect.
    pub(super) fn new(most: usize, fairness: Fairness) -> Self {
        let mut engine = EngineState::new(N);
        engine.set_fairness(fairness);
        engine.set_max_connecting(most);
        Self { engine, slots: array::from_fn(|_| Slot::vacant(())) }
    }

    pub(super) fn engine(&self) -> Engine<'_> {
        Engine::new(&self.engine, Bitmap::new(storage::states(&self.slots), const { Layout::new(N) }))
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
        let (to_vacate, batch) = self.engine().fill_for_callers(slot);
        end_release(self, to_vacate, batch);
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
        drop(self.engine().resize(max_size));
    }

    pub(super) fn drop_surplus(&self) {
        teardown::drop_surplus(self);
    }

    pub(super) fn close(&self) {
        teardown::close(self, || {});
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

    fn release(&self, slot: SlotToken) {
        release(self, slot);
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
