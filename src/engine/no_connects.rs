// knows: wait_queue · must not know: slots, connections
//! Stands in where no pool connects: without the managed pool's feature there are only plain pools.

use super::wait_queue::TicketNumber;

/// Takes no room.
pub(crate) struct Connects;

impl Connects {
    pub(crate) const fn new() -> Self {
        Self
    }
}

/// Takes no room.
pub(super) struct Demand;

impl Demand {
    pub(super) const fn new() -> Self {
        Self
    }

    /// Nobody waits a second time.
    #[expect(clippy::unused_self, reason = "the shape of the twin that numbers")]
    pub(super) const fn next_number(&mut self) -> TicketNumber {
        None
    }

    #[expect(clippy::unused_self, reason = "the shape of the twin that counts")]
    pub(super) const fn has_calls(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "the shape of the twin that counts")]
    pub(super) const fn add_dismissed(&mut self) {}

    #[expect(clippy::unused_self, reason = "the shape of the twin that counts")]
    pub(super) const fn remove_dismissed(&mut self) {}
}
