// knows: clock, timer · must not know: runtimes
//! How a task sleeps where no runtime is known: by timers of our own.

use core::time::Duration;

pub(crate) use super::clock::monotonic as present;
pub(crate) use super::timer::Timer as Sleep;

/// Whether a task can sleep.
pub(crate) const CAN_SLEEP: bool = true;

/// Ends when `duration` has passed.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    Sleep::new(duration)
}
