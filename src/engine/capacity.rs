// knows: layout, state, token, wake_batch · must not know: waiters
//! Slots that come and go: filling, vacating.

use super::layout::SLOTS_A_HOLD;
use super::state::{AcquireError, Engine, Locked};
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
    /// It was reserved, and no connection was put in.
    NotFilled,
}

impl<'a> Engine<'a> {
    /// Reserves a vacant slot for a connection; once filled it is released with [`release`](Self::release).
    pub(crate) fn reserve(self) -> Result<SlotToken, AcquireError> {
        let mut from = 0;
        loop {
            let found = self.hold(|_| {
                if self.is_closed() {
                    return Err(AcquireError::Closed);
                }
                if self.vacant() == 0 {
                    return Err(AcquireError::Exhausted);
                }
                Ok(self.take_vacant_of(from, SLOTS_A_HOLD))
            });
            match found {
                Ok(Some(slot)) => return Ok(slot),
                // Not there: further on, or where another caller has vacated one meanwhile.
                Ok(None) => from = if from + SLOTS_A_HOLD < self.slots() { from + SLOTS_A_HOLD } else { 0 },
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a vacant slot of these; it is the caller's from then on.
    pub(super) fn take_vacant_of(self, from: usize, count: usize) -> Option<SlotToken> {
        let to = (from + count).min(self.slots());
        let slot = (from..to).find(|slot| self.states().get(*slot).is_vacant())?;
        self.states().get(slot).set_taken();
        self.state().occupied.add(1);
        Some(SlotToken::new(slot))
    }

    /// Takes back a slot without a connection, from its owner.
    pub(crate) fn vacate(self, slot: SlotToken, why: VacateReason) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            match why {
                // No connection is gone.
                VacateReason::NotFilled => return self.put_down(slot),
                VacateReason::NotConnected => {
                    self.end_connect();
                    return self.put_down(slot);
                }
                VacateReason::Discarded => self.state().counters.discarded.add(1),
                VacateReason::Closed | VacateReason::Surplus => {}
            }
            self.count_past(&slot);
            if why == VacateReason::Surplus { self.put_down_surplus(locked, slot) } else { self.put_down(slot) }
        })
        .1
    }

    /// Claims one particular slot if it is idle and no caller waits. In a suspended pool waiters do not count, since
    /// none is served before it is resumed.
    pub(crate) fn claim_slot(self, slot: usize) -> Option<SlotToken> {
        self.map().claim_slot(slot).unwrap_or_else(|_| {
            self.hold(|locked| {
                let is_wanted = !locked.queue.is_empty() && !self.state().is_suspended();
                if is_wanted || self.is_closed() { None } else { self.map().claim_slot_locked(slot) }
            })
        })
    }

    /// Claims a slot whose connection a resize has set aside, for the caller to vacate.
    pub(crate) fn claim_surplus(self) -> Option<SlotToken> {
        let mut from = 0;
        loop {
            let (slot, is_any) = self.hold(|locked| {
                let is_any = locked.set_aside > 0;
                (if is_any { self.claim_set_aside_of(locked, from, SLOTS_A_HOLD) } else { None }, is_any)
            });
            if slot.is_some() || !is_any {
                return slot;
            }
            from = if from + SLOTS_A_HOLD < self.slots() { from + SLOTS_A_HOLD } else { 0 };
        }
    }
}

/// Under the lock.
impl Engine<'_> {
    pub(super) fn put_down(self, slot: SlotToken) {
        if self.state().surplus.get() > 0 {
            self.state().surplus.sub(1);
            self.states().get(slot.into_raw()).set_retired();
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
            self.states().get(slot.into_raw()).set_retired();
        }
    }

    pub(super) fn make_vacant(self, slot: SlotToken) {
        self.states().get(slot.into_raw()).set_vacant();
        self.state().occupied.sub(1);
    }

    pub(super) fn claim_set_aside(self, locked: &mut Locked) -> Option<SlotToken> {
        if locked.set_aside == 0 { None } else { self.claim_set_aside_of(locked, 0, self.slots()) }
    }

    fn claim_set_aside_of(self, locked: &mut Locked, from: usize, count: usize) -> Option<SlotToken> {
        let states = self.states();
        let to = (from + count).min(self.slots());
        let slot = (from..to).find(|slot| states.get(*slot).is_retired() && states.get(*slot).is_filled())?;
        locked.set_aside -= 1;
        locked.dropping_surplus += 1;
        states.get(slot).set_recalled();
        Some(SlotToken::new(slot))
    }
}
