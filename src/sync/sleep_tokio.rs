// knows: clock, timer · must not know: pools
//! How a task sleeps: by the timers of the tokio runtime that it runs on, and by our own elsewhere.

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
    let (began, was) = *BEGAN.get_or_init(|| (Instant::now(), monotonic()));
    was + time::Instant::now().into_std().saturating_duration_since(began)
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
