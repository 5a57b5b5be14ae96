// knows: connects, state, token, wake_batch · must not know: who connects
//! A connect for callers that fails elsewhere than in a call of theirs: one of them is told.

use super::connects::Dismissal;
use super::state::{Engine, Locked};
use super::token::SlotToken;
use super::wake_batch::WakeBatch;

impl<'a> Engine<'a> {
    /// The connect in a slot of [`claim_wanted`](Self::claim_wanted) has failed: the slot is vacated, and the wait ends
    /// of the caller for which no other connect is under way.
    pub(crate) fn fail_for_callers(self, slot: SlotToken) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            self.end_connect();
            self.put_down(slot);
            self.dismiss_unprovided(locked);
        })
        .1
    }
}

/// Under the lock.
impl Engine<'_> {
    /// Dismisses the head of the queue, if more callers wait than there are connections for, made or being made.
    pub(super) fn dismiss_unprovided(self, locked: &mut Locked) {
        if self.is_closed() || self.state().is_suspended() {
            return;
        }
        let due = if let Dismissal::All(count) = locked.demand.dismissal { count } else { 0 };
        let wanting = locked.demand.wanting(self.state().waiting.get());
        if wanting > usize::from(due) + self.map().count_free() + self.connecting() {
            locked.demand.dismissal = Dismissal::All(due + 1);
        }
    }
}
