// knows: sync · must not know: what is counted when
//! Counters for what only a pool for C counts.

use crate::sync::{AtomicUsize, Relaxed};

/// What they count is rare, so each event may cost a read-modify-write.
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
