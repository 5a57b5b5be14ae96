//! Layer 2 · part of the engine · knows: bitmap, books · must not know: the line
//!
//! Slots that come and go: filling, emptying, resizing.

use super::{Aftermath, Core, Refusal, Shared};

/// Why a slot was emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptied {
    /// Its holder found the connection unfit.
    Discarded,
    /// The pool is closed.
    Closed,
    /// A resize had set its connection aside.
    SetAside,
    /// It was lent to connect in, and is without a connection still.
    NotConnected,
}

impl<'a> Core<'a> {
    /// Reserves a vacant slot for a connection; it is given back with [`give_back`](Self::give_back) when filled.
    pub(crate) fn reserve(self) -> Result<usize, Refusal> {
        self.engine.lock.with(|_| {
            if self.engine.is_closed() {
                return Err(Refusal::Closed);
            }
            self.take_vacant().ok_or(Refusal::Exhausted)
        })
    }

    /// Takes a vacant slot out of the books; it is the caller's then.
    pub(super) fn take_vacant(self) -> Option<usize> {
        if self.engine.vacant.get() == 0 {
            return None;
        }
        let slot = (0..self.books().len()).find(|slot| self.books().get(*slot).is_vacant())?;
        self.books().get(slot).set_vacant(false);
        self.engine.vacant.sub(1);
        Some(slot)
    }

    /// Takes back a slot whose connection was dropped, from its owner.
    pub(crate) fn vacate(self, slot: usize, why: Emptied) -> Aftermath<'a> {
        self.locked(|shared, _| {
            if why == Emptied::NotConnected {
                self.engine.connecting.sub(1);
                return self.put_down(slot);
            }
            self.count_past(slot);
            match why {
                Emptied::Discarded => {
                    self.engine.counters.discarded.add(1);
                    self.put_down(slot);
                }
                Emptied::Closed | Emptied::NotConnected => self.put_down(slot),
                Emptied::SetAside => self.put_down_set_aside(shared, slot),
            }
        })
        .1
    }

    /// The uses of a connection that is gone.
    pub(super) fn count_past(self, slot: usize) {
        let (counters, uses) = (&self.engine.counters, self.books().get(slot).uses());
        counters.past_uses.add(uses);
        counters.past_reuses.add(uses.saturating_sub(1));
        counters.peak_in_use.raise(uses.min(1));
    }

    /// Claims one particular slot if it is idle and nobody waits for it. In a suspended pool nobody does yet.
    pub(crate) fn claim_slot(self, slot: usize) -> bool {
        match self.map.claim_slot(slot) {
            Ok(claimed) => claimed,
            Err(_) => self.engine.lock.with(|shared| {
                let is_wanted = !shared.line.is_empty() && !self.engine.is_suspended();
                !is_wanted && !self.engine.is_closed() && self.map.claim_slot_attended(slot)
            }),
        }
    }

    /// Sets how many connections may be out at once; at most as many as there are slots.
    ///
    /// Growing brings back what was set aside, connections first. Shrinking retires vacant slots, then idle ones, then
    /// held ones as they come back. A closed pool stays as it is.
    pub(crate) fn resize(self, max_size: usize) -> Aftermath<'a> {
        debug_assert!(max_size <= self.books().len());
        self.locked(|shared, _| {
            if self.engine.is_closed() {
                return;
            }
            self.attend(shared);
            let before = self.engine.max_size.get();
            self.engine.max_size.set(max_size);
            match max_size.checked_sub(before) {
                Some(more) => self.grow_by(shared, more),
                None => self.shrink_by(shared, before - max_size),
            }
        })
        .1
    }

    /// Claims a connection that a resize set aside, for the caller to drop.
    pub(crate) fn claim_surplus(self) -> Option<usize> {
        self.engine.lock.with(|shared| self.claim_set_aside(shared))
    }

    /// Everything that is out beyond the maximum and has come back is set aside.
    pub(super) fn retire_surplus(self, shared: &mut Shared) {
        while self.engine.surplus.get() > 0
            && let Some(slot) = self.map.claim_attended()
        {
            self.engine.surplus.sub(1);
            self.books().get(slot).set_retired(true);
            shared.set_aside += 1;
        }
    }

    fn put_down(self, slot: usize) {
        if self.engine.surplus.get() > 0 {
            self.engine.surplus.sub(1);
            self.books().get(slot).set_retired(true);
        } else {
            self.make_vacant(slot);
        }
    }

    /// Puts down a slot that was retired before its connection was dropped. It stays so, unless the pool has grown in the
    /// meantime and found too few others.
    fn put_down_set_aside(self, shared: &mut Shared, slot: usize) {
        shared.shedding -= 1;
        if shared.recalled > 0 {
            shared.recalled -= 1;
            self.make_vacant(slot);
        } else {
            self.books().get(slot).set_retired(true);
        }
    }

    fn make_vacant(self, slot: usize) {
        self.books().get(slot).set_vacant(true);
        self.engine.vacant.add(1);
    }

    fn grow_by(self, shared: &mut Shared, mut more: usize) {
        let kept_out = more.min(self.engine.surplus.get());
        self.engine.surplus.sub(kept_out);
        more -= kept_out;
        let retired = |filled: bool| {
            let books = self.books();
            (0..books.len()).filter(move |slot| books.get(*slot).is_retired() && books.get(*slot).is_filled() == filled)
        };
        for slot in retired(true).chain(retired(false)).take(more) {
            more -= 1;
            self.books().get(slot).set_retired(false);
            if self.books().get(slot).is_filled() {
                shared.set_aside -= 1;
                // Whoever must be attended to is: the caller settles.
                let _attended = self.map.give_back(slot);
            } else {
                self.make_vacant(slot);
            }
        }
        shared.recalled += narrow(more);
        debug_assert!(shared.recalled <= shared.shedding, "slots are missing");
    }

    fn shrink_by(self, shared: &mut Shared, mut fewer: usize) {
        let vacant = fewer.min(self.engine.vacant.get());
        let books = self.books();
        for slot in (0..books.len()).rev().filter(|slot| books.get(*slot).is_vacant()).take(vacant) {
            books.get(slot).set_vacant(false);
            books.get(slot).set_retired(true);
        }
        self.engine.vacant.sub(vacant);
        fewer -= vacant;
        let not_recalled = fewer.min(shared.recalled.into());
        shared.recalled -= narrow(not_recalled);
        self.engine.surplus.add(fewer - not_recalled);
    }

    pub(super) fn claim_set_aside(self, shared: &mut Shared) -> Option<usize> {
        if shared.set_aside == 0 {
            return None;
        }
        let books = self.books();
        let slot = (0..books.len()).find(|slot| books.get(*slot).is_retired() && books.get(*slot).is_filled())?;
        shared.set_aside -= 1;
        shared.shedding += 1;
        books.get(slot).set_retired(false);
        Some(slot)
    }
}

/// A number of slots, which is 4096 at most.
pub(super) const fn narrow(slots: usize) -> u16 {
    debug_assert!(slots <= 4096);
    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 4096 slots")]
    let narrow = slots as u16;
    narrow
}
