// knows: state, token, wake_batch · must not know: waiters
//! Slots that come and go: filling, vacating, resizing.

use super::state::{AcquireError, Engine, Locked, narrow};
use super::token::SlotToken;
use super::wake_batch::WakeBatch;

/// Why a slot was vacated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VacateReason {
    /// Its connection was unfit or unwanted.
    Discarded,
    /// The pool is closed.
    Closed,
    /// A resize had set its connection aside.
    Surplus,
    /// It was claimed to connect in, and no connection was made.
    NotConnected,
}

impl<'a> Engine<'a> {
    /// Reserves a vacant slot for a connection; once filled it is released with [`release`](Self::release).
    pub(crate) fn reserve(self) -> Result<SlotToken, AcquireError> {
        self.state.lock.with(|_| {
            if self.is_closed() {
                return Err(AcquireError::Closed);
            }
            self.take_vacant(0).ok_or(AcquireError::Exhausted)
        })
    }

    /// Takes a vacant slot, the first from the beginning of a word on; it is the caller's from then on.
    pub(super) fn take_vacant(self, word: usize) -> Option<SlotToken> {
        if self.state.vacant.get() == 0 {
            return None;
        }
        let slot = self.map.slots_from(word).find(|slot| self.states().get(*slot).is_vacant())?;
        self.states().get(slot).set_vacant(false);
        self.state.vacant.sub(1);
        Some(SlotToken::new(slot))
    }

    /// Takes back a slot without a connection, from its owner.
    pub(crate) fn vacate(self, slot: SlotToken, why: VacateReason) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            if why == VacateReason::NotConnected {
                self.state.connecting.sub(1);
                return self.put_down(slot);
            }
            self.count_past(&slot);
            match why {
                VacateReason::Discarded => {
                    self.state.counters.discarded.add(1);
                    self.put_down(slot);
                }
                VacateReason::Closed | VacateReason::NotConnected => self.put_down(slot),
                VacateReason::Surplus => self.put_down_surplus(locked, slot),
            }
        })
        .1
    }

    /// Adds up the uses of a connection that is gone.
    pub(super) fn count_past(self, slot: &SlotToken) {
        let counters = &self.state.counters;
        let uses = self.states().get(slot.index()).uses();
        counters.past_uses.add(uses);
        counters.past_reuses.add(uses.saturating_sub(1));
        counters.peak_in_use.raise(uses.min(1));
    }

    /// Claims one particular slot if it is idle and no caller waits. In a suspended pool waiters do not count, since
    /// none is served before it is resumed.
    pub(crate) fn claim_slot(self, slot: usize) -> Option<SlotToken> {
        self.map.claim_slot(slot).unwrap_or_else(|_| {
            self.state.lock.with(|locked| {
                let is_wanted = !locked.queue.is_empty() && !self.state.is_suspended();
                if is_wanted || self.is_closed() { None } else { self.map.claim_slot_locked(slot) }
            })
        })
    }

    /// Sets how many slots may be in use at once; at most as many as there are.
    ///
    /// Growing brings back what was set aside, connections first. Shrinking retires vacant slots, then idle ones, then
    /// those in use as they are released. A closed pool stays as it is.
    pub(crate) fn resize(self, max_size: usize) -> WakeBatch<'a> {
        debug_assert!(max_size <= self.states().len());
        self.locked(|locked, _| {
            if self.is_closed() {
                return;
            }
            self.close_fast_path(locked);
            let before = self.state.max_size.get();
            self.state.max_size.set(max_size);
            match max_size.checked_sub(before) {
                Some(more) => self.grow_by(locked, more),
                None => self.shrink_by(locked, before - max_size),
            }
        })
        .1
    }

    /// Claims a slot whose connection a resize has set aside, for the caller to vacate.
    pub(crate) fn claim_surplus(self) -> Option<SlotToken> {
        self.state.lock.with(|locked| self.claim_set_aside(locked))
    }

    /// Retires free slots as long as there is a surplus, and so sets their connections aside.
    pub(super) fn retire_surplus(self, locked: &mut Locked) {
        while self.state.surplus.get() > 0
            && let Some(slot) = self.map.claim_locked()
        {
            self.state.surplus.sub(1);
            self.states().get(slot.index()).set_retired(true);
            locked.set_aside += 1;
        }
    }

    fn put_down(self, slot: SlotToken) {
        if self.state.surplus.get() > 0 {
            self.state.surplus.sub(1);
            self.states().get(slot.into_raw()).set_retired(true);
        } else {
            self.make_vacant(slot);
        }
    }

    /// Puts down a slot that was retired before its connection was dropped. It stays retired, unless the pool has grown
    /// in the meantime and found too few other slots.
    fn put_down_surplus(self, locked: &mut Locked, slot: SlotToken) {
        locked.dropping_surplus -= 1;
        if locked.recalled > 0 {
            locked.recalled -= 1;
            self.make_vacant(slot);
        } else {
            self.states().get(slot.index()).set_retired(true);
        }
    }

    fn make_vacant(self, slot: SlotToken) {
        self.states().get(slot.into_raw()).set_vacant(true);
        self.state.vacant.add(1);
    }

    fn grow_by(self, locked: &mut Locked, mut more: usize) {
        let stays_in_use = more.min(self.state.surplus.get());
        self.state.surplus.sub(stays_in_use);
        more -= stays_in_use;
        let retired = |filled: bool| {
            let states = self.states();
            let is_retired =
                move |slot: &usize| states.get(*slot).is_retired() && states.get(*slot).is_filled() == filled;
            (0..states.len()).filter(is_retired)
        };
        for slot in retired(true).chain(retired(false)).take(more) {
            more -= 1;
            self.bring_back(locked, SlotToken::new(slot));
        }
        locked.recalled += narrow(more);
        debug_assert!(locked.recalled <= locked.dropping_surplus, "slots are missing");
    }

    /// Ends the retirement of a slot.
    fn bring_back(self, locked: &mut Locked, slot: SlotToken) {
        let state = self.states().get(slot.index());
        state.set_retired(false);
        if state.is_filled() {
            locked.set_aside -= 1;
            // The caller settles in any case.
            let _slow = self.map.release(slot);
        } else {
            self.make_vacant(slot);
        }
    }

    fn shrink_by(self, locked: &mut Locked, mut fewer: usize) {
        let vacant = fewer.min(self.state.vacant.get());
        let states = self.states();
        for slot in (0..states.len()).rev().filter(|slot| states.get(*slot).is_vacant()).take(vacant) {
            states.get(slot).set_vacant(false);
            states.get(slot).set_retired(true);
        }
        self.state.vacant.sub(vacant);
        fewer -= vacant;
        let not_recalled = fewer.min(locked.recalled.into());
        locked.recalled -= narrow(not_recalled);
        self.state.surplus.add(fewer - not_recalled);
    }

    pub(super) fn claim_set_aside(self, locked: &mut Locked) -> Option<SlotToken> {
        if locked.set_aside == 0 {
            return None;
        }
        let states = self.states();
        let slot = (0..states.len()).find(|slot| states.get(*slot).is_retired() && states.get(*slot).is_filled())?;
        locked.set_aside -= 1;
        locked.dropping_surplus += 1;
        states.get(slot).set_retired(false);
        Some(SlotToken::new(slot))
    }
}
