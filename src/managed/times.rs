// knows: published, stats, sync · must not know: what is timed when
//! How long things take in a managed pool.

#[cfg(feature = "metrics")]
use super::published::Published;
#[cfg(feature = "std")]
use crate::stats::Histogram;
use crate::stats::Recorder;
use crate::sync::const_fn;

/// How long things took, from [`Pool::times`](super::Pool::times): copies of the pool's counts.
#[cfg(feature = "std")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How long callers waited in the queue, those that were served and those that gave up; callers that did not have
    /// to wait are not counted.
    pub wait: Histogram,
    /// How long connects took, those that succeeded.
    pub connect: Histogram,
    /// For how long connections were in use: a sample, since each measurement reads the clock twice. Each connection's
    /// next loan is measured after a pass of maintenance. Without maintenance its first loan is, and then one in 32, if
    /// an option of the pool needs the clock (`max_lifetime`, `validate_after`).
    pub hold: Histogram,
}

/// What the managed pool measures; the engine measures how long callers wait.
pub(crate) struct TimeRecorders {
    pub(super) connect: Recorder,
    pub(super) hold: Recorder,
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
                #[cfg(feature = "metrics")]
                published: Published::new(),
            }
        }
    }

    #[cfg(feature = "std")]
    pub(super) fn read(&self, wait: Histogram) -> Times {
        Times { wait, connect: self.connect.read(), hold: self.hold.read() }
    }
}
