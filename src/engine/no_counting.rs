// knows: ticket, slot_state, state, token · must not know: the wait queue
//! Stands in where nothing is counted.

use super::slot_state::SlotState;
use super::state::Engine;
use super::ticket::Position;
use super::token::SlotToken;

#[expect(clippy::unused_self, reason = "the shape of the twin that counts")]
impl Engine<'_> {
    #[inline(always)]
    pub(super) const fn count_claim(self, _: &SlotToken) -> bool {
        false
    }

    #[inline(always)]
    pub(super) const fn count_claim_of(self, _: &SlotState) -> bool {
        false
    }

    pub(super) const fn count_grant(self, _: &SlotToken) {}

    pub(super) const fn count_wait(self, _: Position) {}

    pub(super) const fn count_past(self, _: &SlotToken) {}

    pub(crate) const fn record_peak(self) {}
}
