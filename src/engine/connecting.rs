//! Layer 2 · part of the engine · knows: bitmap, books · must not know: what connecting is
//!
//! Lending vacant slots: a pool that connects hands out a slot without a connection when there is none with one, and
//! whoever gets it connects in it, without the lock. Newcomers and waiters get them by the rules of all slots. So a
//! connect that fails is no special case: the slot is put down, and goes to the next in line.

use super::capacity::narrow;
use super::{Aftermath, Core, Engine};

impl Engine {
    /// From now on up to `most` vacant slots are lent at once.
    pub(crate) const fn lend_vacant(&mut self, most: usize) {
        self.max_connecting = narrow(most);
    }

    pub(super) const fn connects(&self) -> bool {
        self.max_connecting > 0
    }
}

/// For the holder of a slot that was lent.
impl<'a> Core<'a> {
    /// The wait for a connection is over: the holder of a vacant slot has filled it.
    ///
    /// The holder must have put the slot into a guard before it drops the `Aftermath`.
    pub(crate) fn connected(self, slot: usize) -> Aftermath<'a> {
        debug_assert!(self.books().get(slot).is_filled());
        self.count_lending(slot);
        // Others may have waited until fewer connect at once.
        self.locked(|_, _| self.engine.connecting.sub(1)).1
    }

    /// A vacant slot for the pool's own upkeep, within the limit of those who connect at once. It ends with
    /// [`refilled`](Self::refilled), or by putting it down as [`NotConnected`](super::Emptied::NotConnected).
    pub(crate) fn claim_to_refill(self) -> Option<usize> {
        self.engine.lock.with(|_| if self.engine.is_closed() { None } else { self.claim_vacant() })
    }

    /// As [`connected`](Self::connected), for a connection that nobody uses yet: it is given back next.
    pub(crate) fn refilled(self, slot: usize) -> Aftermath<'a> {
        debug_assert!(self.books().get(slot).is_filled());
        self.locked(|_, _| self.engine.connecting.sub(1)).1
    }

    /// Whether the holder of a slot may connect in it anew, having found its connection unfit and dropped it. If not, the
    /// slot is to be put down as [`Discarded`](super::Emptied::Discarded), and its holder begins from the start.
    ///
    /// Not while more are out than may be: the slot is one of those to be retired. Not while the pool is suspended. When a
    /// server goes away all connections to it are found unfit at once, and this is where their holders would all come back
    /// at once: so the limit holds here too. Nobody in line is overtaken: while there is room to connect and somebody waits,
    /// no slot is vacant.
    #[must_use = "the slot is still to be put down if it may not"]
    pub(crate) fn begin_anew(self, slot: usize) -> bool {
        debug_assert!(!self.books().get(slot).is_filled());
        self.engine.lock.with(|_| {
            let is_room = self.engine.connecting.get() < self.engine.max_connecting.into();
            let may = is_room && self.lends();
            if may {
                self.count_past(slot);
                self.engine.counters.discarded.add(1);
                self.engine.connecting.add(1);
            }
            may
        })
    }
}

/// Under the lock.
impl Core<'_> {
    /// A slot to be lent, with a connection if there is one: for the lock's holder.
    pub(super) fn claim_to_lend(self) -> Option<usize> {
        self.map.claim_attended().or_else(|| self.lend_vacant())
    }

    /// A vacant slot, for somebody to connect in it.
    pub(super) fn lend_vacant(self) -> Option<usize> {
        let slot = self.claim_vacant()?;
        // It is in use from now on, whatever comes of it; a connection that is lent is looked at when its use is counted.
        self.engine.counters.peak_in_use.raise(self.in_use());
        Some(slot)
    }

    /// How many vacant slots may be lent now.
    pub(crate) fn room_to_connect(self) -> usize {
        let most = usize::from(self.engine.max_connecting).saturating_sub(self.engine.connecting.get());
        self.engine.vacant.get().min(most)
    }

    fn claim_vacant(self) -> Option<usize> {
        if self.room_to_connect() == 0 {
            return None;
        }
        let slot = self.take_vacant()?;
        self.engine.connecting.add(1);
        Some(slot)
    }

    /// Counts the use of a connection that is lent under the lock; a vacant slot has none to count yet.
    pub(super) fn count_lending(self, slot: usize) {
        let book = self.books().get(slot);
        if book.is_filled() && book.count_use() {
            self.look_for_a_peak();
        }
    }
}
