// knows: sync · must not know: what is counted when
//! What the border counts itself.

use crate::sync::{AtomicUsize, Relaxed};

/// Counters of the border. Each event is rare, so it may cost a read-modify-write.
pub(super) struct Counters {
    pub(super) misused: Counter,
    pub(super) exhausted: Counter,
}

pub(super) struct Counter(AtomicUsize);

impl Counter {
    const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Counters {
    pub(super) const fn new() -> Self {
        Self { misused: Counter::new(), exhausted: Counter::new() }
    }
}
