// knows: nothing · must not know: slots, waiters, connections
//! Stands in where nothing is counted.

/// Takes no room.
pub(crate) struct Counter;

#[expect(clippy::unused_self, reason = "the shape of the twin that counts")]
impl Counter {
    pub(crate) const fn new(_: usize) -> Self {
        Self
    }

    pub(crate) const fn get(&self) -> usize {
        0
    }

    pub(crate) const fn add(&self, _: usize) {}

    pub(crate) const fn sub(&self, _: usize) {}

    pub(crate) const fn raise(&self, _: usize) {}
}

/// Takes no room.
pub(crate) struct Counters {
    pub(crate) timed_out: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) discarded: Counter,
    pub(crate) most_overtaken: Counter,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self { timed_out: Counter, cancelled: Counter, discarded: Counter, most_overtaken: Counter }
    }
}
