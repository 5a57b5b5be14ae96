// knows: wait_queue · must not know: who is granted what
//! What a caller brings to the queue.

use super::wait_queue::TicketNumber;

/// A caller's place in the order of service, which it keeps from one wait to the next.
pub(crate) struct Ticket {
    pub(crate) number: TicketNumber,
    pub(crate) position: Position,
    /// It waits without a deadline, in a pool that may end its wait.
    pub(crate) waits_forever: bool,
}

impl Ticket {
    /// Of a caller that has not waited yet: behind all others.
    pub(crate) const NEW: Self = Self { number: None, position: Position::Last, waits_forever: false };
}

/// Which position in the queue a caller has a right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// The end.
    Last,
    /// Before all callers that arrived later: it was granted a slot, and the slot's connection was unfit.
    #[cfg(feature = "managed")]
    Again,
    /// As `Again`, for a connection only: its connect has failed, and it pauses before it connects again.
    #[cfg(feature = "managed")]
    Pausing,
}

impl Position {
    /// It waits for a connection only.
    #[cfg(feature = "managed")]
    pub(crate) fn is_pausing(self) -> bool {
        self == Self::Pausing
    }

    /// Nobody pauses.
    #[cfg(not(feature = "managed"))]
    #[expect(clippy::unused_self, reason = "the shape of the twin that pauses")]
    pub(crate) const fn is_pausing(self) -> bool {
        false
    }
}
