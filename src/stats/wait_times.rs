// knows: histogram, sync · must not know: who waits, what for
//! How long callers have waited, in a pool that was asked to record it: a wait costs two readings of the clock then,
//! and none otherwise.

use super::histogram::{Histogram, Recorder};
use crate::sync::{Stamp, const_fn};

pub(crate) struct WaitTimes {
    is_on: bool,
    times: Recorder,
}

impl WaitTimes {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { is_on: false, times: Recorder::new() }
        }
    }

    /// From now on times are recorded.
    pub(crate) const fn switch_on(&mut self) {
        self.is_on = true;
    }

    /// A wait begins.
    pub(crate) fn start(&self) -> Option<Stamp> {
        if self.is_on { Stamp::now() } else { None }
    }

    /// A wait has ended.
    pub(crate) fn record(&self, since: &Stamp) {
        self.times.record(since.elapsed());
    }

    pub(crate) fn read(&self) -> Histogram {
        self.times.read()
    }
}
