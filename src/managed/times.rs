// knows: policies, published, stats, sync · must not know: what is timed when
//! How long things take in a managed pool.

use super::policies::Measured;
#[cfg(feature = "metrics")]
use super::published::Published;
#[cfg(feature = "std")]
use crate::stats::Histogram;
use crate::stats::Recorder;
#[cfg(feature = "std")]
use crate::stats::Stat;
use crate::sync::const_fn;

/// How long things took, from [`Pool::times`](super::Pool::times): copies of the pool's counts.
#[cfg(feature = "std")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How long callers waited for others, all of them: those that were served, at once too, and those that gave up or
    /// were refused. Recorded as [`Config::wait_times`](super::Config::wait_times) says, and empty otherwise. Calls of
    /// `try_get` that were refused are not among them.
    pub wait: Histogram,
    /// How long it took from asking to having, for all callers that were served: waiting, connecting and checking
    /// together. Recorded when `wait` is. A server that takes long to let anyone in shows here and not in `wait`.
    pub acquire: Histogram,
    /// How long connects took, those that succeeded.
    pub connect: Histogram,
    /// For how long connections were in use: a sample, since each measurement reads the clock twice. Its count is not
    /// that of the loans, and grows at a rate that says nothing; mean and percentiles are those of the loans that were
    /// measured.
    ///
    /// Each connection's next loan is measured after a pass of maintenance. Without maintenance its first loan is, and
    /// then one in 32, if an option of the pool needs the clock (`max_lifetime`, `validate_after`).
    pub hold: Histogram,
}

/// After so many callers that could not be served at once, one in [`SAMPLED`] is measured, and stands for all of these.
#[cfg(feature = "std")]
const ALL_UP_TO: usize = 64;
#[cfg(feature = "std")]
const SAMPLED: u8 = 8;

/// What the managed pool measures.
pub(crate) struct TimeRecorders {
    /// Of the callers that could not be served at once; the others are added when the times are read.
    pub(super) wait: Recorder,
    pub(super) acquire: Recorder,
    pub(super) connect: Recorder,
    pub(super) hold: Recorder,
    /// How many callers could not be served at once, if only some are measured.
    #[cfg(feature = "std")]
    turn: Stat,
    /// What of these was published to the `metrics` facade.
    #[cfg(feature = "metrics")]
    pub(super) published: Published,
}

impl TimeRecorders {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self {
                connect: Recorder::new(),
                hold: Recorder::new(),
                wait: Recorder::new(),
                acquire: Recorder::new(),
                #[cfg(feature = "std")]
                turn: Stat::new(0),
                #[cfg(feature = "metrics")]
                published: Published::new(),
            }
        }
    }

    /// For how many callers the next one stands that cannot be served at once; 0: it is not measured.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn weigh(&self, measured: Measured) -> u8 {
        match measured {
            Measured::Default | Measured::None => 0,
            Measured::All => 1,
            Measured::Sample => self.weigh_sample(),
        }
    }

    #[cfg(feature = "std")]
    #[inline(never)]
    fn weigh_sample(&self) -> u8 {
        // A load and a store, and no read-modify-write: it is no count but a sample's.
        let turn = self.turn.get();
        self.turn.add(1);
        match turn % usize::from(SAMPLED) {
            _ if turn < ALL_UP_TO => 1,
            0 => SAMPLED,
            _ => 0,
        }
    }

    #[cfg(not(feature = "std"))]
    #[expect(clippy::unused_self, reason = "the shape of the one with histograms")]
    pub(super) const fn weigh(&self, _measured: Measured) -> u8 {
        0
    }

    /// The times of a pool of whose callers so many have `acquired` a connection.
    #[cfg(feature = "std")]
    pub(super) fn read(&self, measured: Measured, acquired: usize) -> Times {
        let (wait, acquire) = (self.wait.read(), self.acquire.read());
        let at_once = if measured.is_on() { acquired.saturating_sub(acquire.count()) } else { 0 };
        Times {
            wait: wait.with_zeros(at_once),
            acquire: acquire.with_zeros(at_once),
            connect: self.connect.read(),
            hold: self.hold.read(),
        }
    }
}

#[cfg(all(test, feature = "std", not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{ALL_UP_TO, Measured, SAMPLED, TimeRecorders};

    /// However many are measured, they stand for all.
    #[test]
    fn a_sample_stands_for_all_that_could_not_be_served_at_once() {
        let times = TimeRecorders::new();
        let mut weighed = 0;
        for turn in 0..10 * ALL_UP_TO {
            weighed += usize::from(times.weigh(Measured::Sample));
            assert!((turn + 1..turn + 1 + usize::from(SAMPLED)).contains(&weighed), "{weighed} of {turn}");
        }
        assert_eq!(weighed, 10 * ALL_UP_TO);
    }

    #[test]
    fn all_are_measured_or_none() {
        let times = TimeRecorders::new();
        for measured in [Measured::Default, Measured::None, Measured::All] {
            let weight = u8::from(measured == Measured::All);
            assert!((0..100).all(|_| times.weigh(measured) == weight));
        }
    }
}
