//! A pool that connects, cut down to what its tests need: the engine lends vacant slots, and whoever gets one connects in
//! it. A slot is in the hands of the test until it says what became of it.

use core::array;

use crate::acquire::{Acquire, try_acquire};
use crate::bitmap::{Bitmap, GivenBack, Layout};
use crate::engine::{Core, Emptied, Engine, Refusal};
use crate::error::PoolError;
use crate::fairness::Fairness;
use crate::guard::{Handle, Held, attend_to_others, empty};
use crate::line::Kind;
use crate::slots::{self, Slot};

#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod again;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod from_c;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
mod tests;

pub(crate) struct Lender<C, const N: usize> {
    engine: Engine,
    slots: [Slot<C>; N],
}

impl<C, const N: usize> Lender<C, N> {
    /// Every slot is vacant; `most` at once are lent to connect in.
    pub(crate) fn new(most: usize, fairness: Fairness) -> Self {
        let mut engine = Engine::new(N);
        engine.set_fairness(fairness);
        engine.lend_vacant(most);
        Self { engine, slots: array::from_fn(|_| Slot::vacant(())) }
    }

    pub(crate) fn core(&self) -> Core<'_> {
        Core::new(&self.engine, Bitmap::new(slots::books(&self.slots), const { Layout::new(N) }))
    }

    /// One wait for a slot.
    pub(crate) fn acquire(&self, kind: Kind) -> Acquire<&Self> {
        Acquire::new(self, kind)
    }

    pub(crate) fn try_slot(&self) -> Result<usize, Refusal> {
        try_acquire(self)
    }

    pub(crate) fn is_filled(&self, slot: usize) -> bool {
        self.core().books().get(slot).is_filled()
    }

    /// The holder of a slot that has a connection.
    pub(crate) fn held(&self, slot: usize) -> Held<&Self> {
        assert!(self.is_filled(slot), "slot {slot} is without a connection");
        Held::new(self, slot)
    }

    /// Connecting has succeeded.
    pub(crate) fn connect(&self, slot: usize, connection: C) -> Held<&Self> {
        assert!(!self.is_filled(slot), "slot {slot} has a connection");
        // SAFETY: the slot was lent to the caller (I2), and is not filled (I3).
        unsafe { slots::fill(&self.slots, slot, connection) };
        let held = self.held(slot);
        drop(self.core().connected(slot));
        held
    }

    /// Puts a connection into a vacant slot, for whoever comes first; or fails to make one. Nothing if there is no room.
    pub(crate) fn refill(&self, connection: Option<C>) {
        let Some(slot) = self.core().claim_to_refill() else { return };
        let Some(connection) = connection else { return self.fail(slot) };
        // SAFETY: the slot was lent for this (I2), and is not filled (I3).
        unsafe { slots::fill(&self.slots, slot, connection) };
        let held = self.held(slot);
        drop(self.core().refilled(slot));
        drop(held);
    }

    /// Connecting has failed.
    pub(crate) fn fail(&self, slot: usize) {
        drop(self.core().vacate(slot, Emptied::NotConnected));
    }

    /// Drops an unfit connection, and answers the slot if another may be made in it at once.
    pub(crate) fn reject(&self, unfit: Held<&Self>) -> Option<usize> {
        let (_, slot) = unfit.into_parts();
        // SAFETY: the slot was the guard's (I2), and is filled (I3).
        unsafe { slots::empty(&self.slots, slot) };
        let may = self.core().begin_anew(slot);
        if !may {
            drop(self.core().vacate(slot, Emptied::Discarded));
        }
        may.then_some(slot)
    }

    /// Puts a connection into a vacant slot that nobody was lent.
    pub(crate) fn insert(&self, connection: C) -> Result<(), Refusal> {
        let slot = self.core().reserve()?;
        // SAFETY: the slot was reserved for this call (I2), and was vacant (I3).
        unsafe { slots::fill(&self.slots, slot, connection) };
        drop(self.held(slot));
        Ok(())
    }

    /// Gives a slot back that the caller may not own any more; `false` if it is free already.
    pub(crate) fn give_back_once(&self, slot: usize) -> bool {
        match self.core().give_back_once(slot) {
            GivenBack::Now => return true,
            GivenBack::Already => return false,
            GivenBack::NotYet => {}
        }
        let (given_back, aftermath) = self.core().give_back_attended(slot);
        drop(aftermath);
        if let Ok(Some((slot, why))) = given_back {
            empty(&self, slot, why);
        }
        given_back.is_ok()
    }

    pub(crate) fn resize(&self, max_size: usize) {
        drop(self.core().resize(max_size));
    }

    pub(crate) fn drop_surplus(&self) {
        while let Some(slot) = self.core().claim_surplus() {
            empty(&self, slot, Emptied::SetAside);
        }
    }

    pub(crate) fn close(&self) {
        drop(self.core().close());
        while let Some((slot, why)) = self.core().claim_closed() {
            empty(&self, slot, why);
        }
    }
}

impl<C, const N: usize> Handle for &Lender<C, N> {
    type Connection = C;
    type Note = ();
    type Shared = ();

    fn core(&self) -> Core<'_> {
        Lender::core(self)
    }

    fn slots(&self) -> &[Slot<C>] {
        &self.slots
    }

    fn look_for_a_peak(&self) {
        Lender::core(self).look_for_a_peak();
    }

    fn attend_to_others(&self) {
        attend_to_others(self, |slot, why| empty(self, slot, why));
    }

    fn explain(&self, refusal: Refusal) -> PoolError {
        unreachable!("asked for by faces that have words for it: {refusal:?}")
    }
}

impl<C, const N: usize> Drop for Lender<C, N> {
    fn drop(&mut self) {
        for slot in (0..N).filter(|slot| slots::books(&self.slots).get(*slot).is_filled()) {
            // SAFETY: the pool is borrowed exclusively, so all slots are its own (I2); and this one is filled (I3).
            unsafe { slots::empty(&self.slots, slot) };
        }
    }
}
