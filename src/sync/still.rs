//! Layer 0 · part of sync · knows: nothing · must not know: threads, clocks
//!
//! What there is where nobody tells the time or one thread from another: on bare metal, and in models.

use core::time::Duration;

/// Time stands still.
pub(crate) fn monotonic() -> Duration {
    Duration::ZERO
}

/// The same clock.
pub(crate) fn coarse_monotonic() -> Duration {
    monotonic()
}

/// Nobody can tell whether a panic unwinds.
#[inline(always)]
pub(crate) fn is_panicking() -> bool {
    false
}

/// No thread has a number.
pub(crate) fn thread_number() -> usize {
    0
}
