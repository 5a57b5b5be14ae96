// knows: clock · must not know: runtimes
//! Where no task can sleep: on bare metal, and in models, unless the pool's clock can.

use core::future::{Future, poll_fn};
use core::mem::replace;
use core::task::Poll;
use core::time::Duration;

pub(crate) use super::clock::monotonic as present;

/// Whether a task can sleep.
pub(crate) const CAN_SLEEP: bool = false;

/// Never ends; in models, where time stands still, a short sleep ends at its second poll, for which it wakes the
/// sleeper.
pub(crate) fn sleep(duration: Duration) -> impl Future<Output = ()> {
    let may_end = cfg!(any(conn_pool_loom, conn_pool_shuttle)) && duration <= Duration::from_millis(10);
    let mut was_seen = false;
    poll_fn(move |context| {
        if may_end && replace(&mut was_seen, true) {
            return Poll::Ready(());
        }
        if may_end {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
}

/// The time as the system's clock has it.
#[cfg(feature = "std")]
pub(crate) fn present_instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// There is none.
#[cfg(feature = "std")]
#[derive(Clone)]
pub(crate) struct Runtime(core::convert::Infallible);

#[cfg(feature = "std")]
impl Runtime {
    pub(crate) const fn present() -> Option<Self> {
        None
    }

    pub(crate) fn spawn(&self, _task: impl Future<Output = ()> + Send + 'static) {
        match self.0 {}
    }
}
