// knows: nothing · must not know: threads, clocks
//! Time and thread numbers where there are none: on bare metal, and in models.

use core::time::Duration;

/// The moment a wait began, which is never known.
pub(crate) enum Stamp {}

impl Stamp {
    pub(crate) const fn now() -> Option<Self> {
        None
    }

    pub(crate) const fn elapsed(&self) -> Duration {
        match *self {}
    }
}

/// Time stands still.
pub(crate) fn monotonic() -> Duration {
    Duration::ZERO
}

/// The same clock.
pub(crate) fn coarse_monotonic() -> Duration {
    monotonic()
}

/// Nobody knows.
pub(crate) fn suspended() -> Duration {
    Duration::ZERO
}

/// Whether a panic unwinds is not known.
#[inline(always)]
pub(crate) fn is_panicking() -> bool {
    false
}

/// What `work` answers: a panic is not to be survived.
#[allow(dead_code, reason = "for the maintenance of managed pools")]
#[expect(clippy::unnecessary_wraps, reason = "the shape of the twin that survives it")]
pub(crate) fn survive<T>(work: impl FnOnce() -> T) -> Option<T> {
    Some(work())
}

/// No thread has a number.
pub(crate) fn thread_number() -> usize {
    0
}
