// knows: ticket, state, token, wait_queue, wake_batch · must not know: what connecting is
//! Stands in where no pool connects: vacant slots are nobody's before they are filled.

use core::ptr::NonNull;

use super::state::{AcquireError, Engine, Locked};
use super::ticket::Position;
use super::token::SlotToken;
use super::wait_queue::{Node, Waiter};
use super::wake_batch::WakeBatch;

/// Whether pools may connect.
pub(crate) const CONNECTS: bool = false;

#[expect(clippy::unused_self, reason = "the shape of the twin that connects")]
impl<'a> Engine<'a> {
    #[inline(always)]
    pub(super) const fn connects(self) -> bool {
        false
    }

    pub(super) const fn connecting(self) -> usize {
        0
    }

    pub(super) const fn end_connect(self) {}

    pub(super) const fn is_queue_full(self) -> bool {
        false
    }

    pub(super) fn claim_any_locked(self) -> Option<SlotToken> {
        self.map().claim_locked()
    }

    pub(super) const fn claim_vacant_to_connect(self) -> Option<SlotToken> {
        None
    }

    pub(super) const fn room_for_callers(self) -> usize {
        0
    }

    pub(super) const fn is_pausing(_: &Node) -> bool {
        false
    }

    pub(super) const fn first_to_connect(_: &Locked) -> Option<NonNull<Waiter>> {
        None
    }

    pub(super) const fn ask_connector(self, _: &mut Locked) {}

    pub(super) const fn call_connector(self, _: &mut Locked, _: &mut WakeBatch<'a>) {}

    pub(super) const fn dismiss_due(self, _: &mut Locked, _: &mut WakeBatch<'a>) {}

    /// Every caller is a newcomer.
    pub(super) fn claim_in_position(self, locked: &mut Locked, _: Position) -> Result<SlotToken, AcquireError> {
        self.claim_as_newcomer(locked)
    }
}
