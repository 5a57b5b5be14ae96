// knows: clock, timer · must not know: pools
//! How a task sleeps, and where one is spawned: on the tokio runtime that it runs on. Elsewhere tasks sleep by timers
//! of our own.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::boxed::Box;
use std::sync::OnceLock;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::time;

use super::clock::monotonic;
use super::timer::Timer;

/// Whether a task can sleep.
pub(crate) const CAN_SLEEP: bool = true;

/// The monotonic clock; within a tokio runtime whose time is paused, that time.
pub(crate) fn present() -> Duration {
    static BEGAN: OnceLock<(Instant, Duration)> = OnceLock::new();
    let (began, was) = *BEGAN.get_or_init(|| {
        // In this order: if the thread is interrupted in between, the time is behind the clock, and nothing is early.
        let was = monotonic();
        (Instant::now(), was)
    });
    by_monotonic(present_instant(), began, was)
}

/// When that is by the monotonic clock, which was at `was` when it `began`.
fn by_monotonic(instant: Instant, began: Instant, was: Duration) -> Duration {
    match instant.checked_duration_since(began) {
        Some(since) => was + since,
        // Of a time that was paused before.
        None => was.saturating_sub(began.duration_since(instant)),
    }
}

/// The same time as the system's clock has it.
pub(crate) fn present_instant() -> Instant {
    time::Instant::now().into_std()
}

/// A timer of the runtime is large, so it has an allocation of its own.
pub(crate) enum Sleep {
    Own(Timer),
    Tokio(Pin<Box<time::Sleep>>),
}

/// Ends when `duration` has passed.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    if Handle::try_current().is_ok() {
        Sleep::Tokio(Box::pin(time::sleep(duration)))
    } else {
        Sleep::Own(Timer::new(duration))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.get_mut() {
            Self::Own(timer) => pin!(timer).poll(context),
            Self::Tokio(timer) => timer.as_mut().poll(context),
        }
    }
}

/// A runtime on which tasks can be spawned, whether or not it is still there.
#[derive(Clone)]
pub(crate) struct Runtime(Handle);

impl Runtime {
    /// The one that the caller runs on.
    pub(crate) fn present() -> Option<Self> {
        Handle::try_current().ok().map(Self)
    }

    /// Spawns a task; one that has ended drops it at once.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

/// Runs work that blocks on a thread of the runtime's that is there for that, to its end, whether or not the future is
/// polled again. It panics as the work does.
///
/// # Panics
///
/// Outside of a runtime; and if that is shut down before the work has begun.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        if error.is_panic() {
            std::panic::resume_unwind(error.into_panic());
        }
        panic!("the tokio runtime was shut down before the work on a connection began")
    })
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{Duration, Instant, by_monotonic};

    #[test]
    fn a_time_that_was_paused_before_the_clock_began_does_not_stand_still() {
        let second = Duration::from_secs(1);
        let paused = Instant::now();
        let later = |seconds| by_monotonic(paused + seconds * second, paused + 5 * second, 100 * second);
        assert_eq!([0, 3, 5, 7].map(later), [95, 98, 100, 102].map(|seconds| seconds * second));
    }
}
