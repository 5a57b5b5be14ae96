// knows: ticket, slot_state, state, token, stats · must not know: the wait queue
//! What the engine counts, beside what it needs to know itself.

use super::slot_state::SlotState;
use super::state::Engine;
use super::ticket::Position;
use super::token::SlotToken;
use crate::stats::Metrics;

impl Engine<'_> {
    /// Counts the use of a connection that is claimed without the lock; `true` if a peak may be due.
    #[inline(always)]
    pub(super) fn count_claim(self, slot: &SlotToken) -> bool {
        self.count_claim_of(self.states().get(slot.index()))
    }

    /// As [`count_claim`](Self::count_claim), of a slot whose state is at hand.
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the shape of the twin that does not count")]
    pub(super) fn count_claim_of(self, state: &SlotState) -> bool {
        state.count_use()
    }

    /// Counts the use of a connection that is granted, under the lock; a vacant slot has no use to count yet.
    pub(super) fn count_grant(self, slot: &SlotToken) {
        let state = self.states().get(slot.index());
        if state.is_filled() && state.count_use() {
            self.record_peak();
        }
    }

    /// A caller has joined the queue.
    pub(super) fn count_wait(self, position: Position) {
        let (state, counters) = (self.state(), &self.state().counters);
        if !position.is_pausing() {
            counters.waited.add(1);
        }
        counters.peak_waiting.raise(state.waiting.get());
        counters.peak_in_use.raise(self.in_use());
    }

    /// Adds up the uses of a connection that is gone.
    pub(super) fn count_past(self, slot: &SlotToken) {
        let counters = &self.state().counters;
        let uses = self.states().get(slot.index()).uses();
        counters.past_uses.add(uses);
        counters.past_reuses.add(uses.saturating_sub(1));
        counters.peak_in_use.raise(uses.min(1));
    }

    fn present_uses(self) -> impl Iterator<Item = usize> {
        self.states().iter().filter(|state| state.is_filled()).map(SlotState::uses)
    }

    /// How often a connection was acquired.
    pub(crate) fn acquired(self) -> usize {
        self.present_uses().fold(self.state().counters.past_uses.get(), usize::wrapping_add)
    }

    pub(crate) fn metrics(self) -> Metrics {
        let counters = &self.state().counters;
        self.record_peak_now();
        let reuses = self.present_uses().map(|uses| uses.saturating_sub(1));
        Metrics {
            acquired: self.acquired(),
            reused: reuses.fold(counters.past_reuses.get(), usize::wrapping_add),
            waited: counters.waited.get(),
            timed_out: counters.timed_out.get(),
            cancelled: counters.cancelled.get(),
            discarded: counters.discarded.get(),
            overtakes: self.state().overtakes.get(),
            most_overtaken: counters.most_overtaken.get(),
            peak_in_use: counters.peak_in_use.get(),
            peak_waiting: counters.peak_waiting.get(),
        }
    }

    pub(crate) fn reset_peaks(self) {
        self.hold(|_| {
            self.arm_peaks();
            self.state().counters.peak_in_use.set(self.in_use());
            self.state().counters.peak_waiting.set(self.state().waiting.get());
        });
    }

    /// Makes the next use of each slot report that a peak may be due.
    fn arm_peaks(self) {
        self.states().iter().for_each(SlotState::arm_peak);
    }

    /// Records how many connections are in use, if that is more than ever before.
    pub(crate) fn record_peak(self) {
        let in_use = self.in_use();
        // A peak of one is found later, in the slots' states, by `record_peak_now`; so the first claim need not pay for
        // it.
        if in_use > 1 {
            self.state().counters.peak_in_use.raise(in_use);
        }
    }

    fn record_peak_now(self) {
        let was_one = self.states().iter().any(|state| state.is_filled() && !state.is_peak_due());
        self.state().counters.peak_in_use.raise(self.in_use().max(usize::from(was_one)));
        self.arm_peaks();
    }
}
