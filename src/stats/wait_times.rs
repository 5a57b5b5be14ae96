// knows: histogram, stat, sync · must not know: who waits, what for
//! How long callers have waited, in a pool that was asked to record it: a wait costs two readings of the clock then,
//! and none otherwise. Callers that are served at once record nothing: their number is known when the times are read.

use super::histogram::{Histogram, Recorder};
use super::stat::Stat;
use crate::sync::{Stamp, const_fn};

pub(crate) struct WaitTimes {
    is_on: bool,
    times: Recorder,
    /// Of the recorded waits, those that ended without a connection.
    unserved: Stat,
}

impl WaitTimes {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { is_on: false, times: Recorder::new(), unserved: Stat::new(0) }
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
    pub(crate) fn record(&self, since: &Stamp, is_served: bool) {
        self.times.record(since.elapsed());
        if !is_served {
            self.unserved.add_shared(1);
        }
    }

    /// The times of all callers, of whom so many have `acquired` a connection.
    pub(crate) fn read(&self, acquired: usize) -> Histogram {
        let waits = self.times.read();
        if !self.is_on {
            return waits;
        }
        let served = waits.count().saturating_sub(self.unserved.get());
        waits.with_zeros(acquired.saturating_sub(served))
    }
}
