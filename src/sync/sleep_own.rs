// knows: clock, timer · must not know: runtimes
//! Where no runtime is known: tasks sleep by timers of our own, and none is spawned.

use core::future::Future;
use core::time::Duration;

pub(crate) use super::clock::monotonic as present;
pub(crate) use super::timer::Timer as Sleep;

/// Whether a task can sleep.
pub(crate) const CAN_SLEEP: bool = true;

/// Ends when `duration` has passed.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    Sleep::new(duration)
}

/// The time as the system's clock has it.
pub(crate) fn present_instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// There is none.
#[derive(Clone)]
pub(crate) struct Runtime(core::convert::Infallible);

impl Runtime {
    pub(crate) const fn present() -> Option<Self> {
        None
    }

    pub(crate) fn spawn(&self, _task: impl Future<Output = ()> + Send + 'static) {
        match self.0 {}
    }
}
