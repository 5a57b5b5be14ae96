// knows: nothing · must not know: pools
//! The twin of `hosted` in a build without `std`: no pool asks for its connects.

/// Takes no room.
pub(crate) struct Tickets;

/// Takes no room.
pub(crate) struct TicketRecord;

impl TicketRecord {
    pub(super) const fn new() -> Self {
        Self
    }
}

impl Tickets {
    pub(super) const fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the shape of the twin")]
    pub(super) const fn begin(&mut self) {}
}
