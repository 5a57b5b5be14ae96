// knows: sync · must not know: what time is asked for
//! Where a managed pool gets the time from.

use core::future::{Future, pending};
use core::time::Duration;

use crate::sync;

/// Tells a pool the time, from an arbitrary start, never backwards.
///
/// The pool uses it for the ages of connections, for how long they are idle or in use, for the pauses after connects
/// that failed, and for the deadlines of tasks. The deadlines of *threads*, and the sleep of the health check, always
/// go by the system's clock.
///
/// With `std` the pool has a clock of its own, [`SystemClock`], by which tasks sleep too. Firmware implements this
/// trait on a timer. A program that awaits may implement it on its runtime. A test may keep the time itself.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{CanSleep, Clock};
/// use std::time::Duration;
///
/// # mod runtime { pub mod time { pub async fn sleep(_: std::time::Duration) {} } }
/// struct RuntimeClock(std::time::Instant);
///
/// impl Clock for RuntimeClock {
///     const CAN_SLEEP: bool = true;
///
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
///
///     fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
///         runtime::time::sleep(duration)
///     }
/// }
///
/// impl CanSleep for RuntimeClock {}
/// ```
pub trait Clock {
    /// Whether [`sleep`](Self::sleep) ends. A clock for which this is `true` is also [`CanSleep`].
    const CAN_SLEEP: bool = false;

    /// The time.
    fn now(&self) -> Duration;

    /// The time, as precisely as it can be read for nearly nothing: for the ages of connections. The default is
    /// [`now`](Self::now).
    fn coarse(&self) -> Duration {
        self.now()
    }

    /// For how long the machine has been suspended, in all, since some start: what [`now`](Self::now) has left out. It
    /// never shrinks. The default is zero.
    ///
    /// A server closes connections to a machine that sleeps. Each [maintenance](super::Pool::maintain) pass asks for
    /// this; if it has grown since the last one, by more than [`validate_after`](super::Config::validate_after) (500 ms
    /// where that is zero or `None`), then every connection is checked before a caller gets it, those too that are in
    /// use.
    fn suspended(&self) -> Duration {
        Duration::ZERO
    }

    /// Ends when `duration` has passed. The default never ends, as [`CAN_SLEEP`](Self::CAN_SLEEP) tells: the pool then
    /// limits no task's time, and refuses what would need that: by [`CanSleep`] where the compiler can tell, else when
    /// it is built.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let _ = duration;
        pending()
    }
}

/// A clock by which tasks can sleep: what calls with a time limit ask for, and maintenance by a task. Its
/// [`CAN_SLEEP`](Clock::CAN_SLEEP) is `true`; the compiler refuses to use it otherwise.
///
/// [`Clock`] has an example.
#[diagnostic::on_unimplemented(
    message = "no task can sleep by the clock `{Self}`",
    label = "this needs a clock that can sleep",
    note = "with the feature `std` of conn_pool the pool's default clock, `SystemClock`, can; a clock of your own can if \
            it defines `Clock::CAN_SLEEP` and `Clock::sleep`, and implements `CanSleep`"
)]
pub trait CanSleep: Clock {}

/// What `CanSleep` promises, as far as it can be checked.
pub(super) const fn assert_can_sleep<K: CanSleep>() {
    assert!(K::CAN_SLEEP, "the pool's clock is `CanSleep`, and its `Clock::CAN_SLEEP` is false: define it as true");
}

macro_rules! pointer {
    ($(#[$meta:meta])* $pointer:ty) => {
        $(#[$meta])*
        impl<K: CanSleep + ?Sized> CanSleep for $pointer {}

        $(#[$meta])*
        impl<K: Clock + ?Sized> Clock for $pointer {
            const CAN_SLEEP: bool = K::CAN_SLEEP;

            fn now(&self) -> Duration {
                K::now(self)
            }

            fn coarse(&self) -> Duration {
                K::coarse(self)
            }

            fn suspended(&self) -> Duration {
                K::suspended(self)
            }

            fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
                K::sleep(self, duration)
            }
        }
    };
}

pointer!(&K);
pointer!(
    #[cfg(feature = "alloc")]
    sync::Arc<K>
);

/// The system's monotonic clock. Tasks sleep by it (feature `std`): on a tokio runtime by its timers (feature `tokio`),
/// elsewhere by a thread that all pools share, which is started when a task first waits for a time, and ends when none
/// has done so for 10 s.
///
/// On Linux [`coarse`](Clock::coarse) is the kernel's coarse clock, which is some
/// milliseconds behind at most, and [`suspended`](Clock::suspended) is told from the kernel's boot-time clock. On other
/// systems `suspended` is zero.
///
/// On a tokio runtime whose time is paused, [`now`](Clock::now) and [`sleep`](Clock::sleep) go by that time, and so do
/// the deadlines of tasks; the ages of connections go by the system's.
///
/// A tokio runtime without timers makes a task panic that waits for a time: enable them (`enable_time`, or
/// `enable_all`).
///
/// Without `std` there is none: its time stands still, and connections do not age. Implement [`Clock`] then.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    const CAN_SLEEP: bool = sync::CAN_SLEEP;

    fn now(&self) -> Duration {
        sync::present()
    }

    #[inline]
    fn coarse(&self) -> Duration {
        sync::coarse_monotonic()
    }

    fn suspended(&self) -> Duration {
        sync::suspended()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        sync::sleep(duration)
    }
}

#[cfg(all(feature = "std", not(any(conn_pool_loom, conn_pool_shuttle))))]
impl CanSleep for SystemClock {}

/// A moment in milliseconds, which wrap. The order of two moments is known if they are less than half a round apart: 24
/// days where a word has 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Millis(pub(crate) usize);

/// No end to a connection's life.
pub(super) const FOR_EVER: usize = usize::MAX;

/// The longest span. A longer one looks like a moment that is yet to come, and counts as 0.
const LONGEST: usize = isize::MAX as usize;

impl Millis {
    #[expect(clippy::cast_possible_truncation, reason = "moments wrap")]
    pub(crate) const fn at(time: Duration) -> Self {
        // In 64 bits, since a longer division costs firmware a kilobyte.
        Self(time.as_secs().wrapping_mul(1000).wrapping_add(time.subsec_millis() as u64) as usize)
    }

    /// How long ago `earlier` was; 0 if it is later.
    pub(crate) const fn since(self, earlier: Self) -> usize {
        let span = self.0.wrapping_sub(earlier.0);
        if span > LONGEST { 0 } else { span }
    }

    pub(crate) const fn later_of(self, other: Self) -> Self {
        if other.since(self) > 0 { other } else { self }
    }
}

/// A span in milliseconds, rounded up, and at most the longest.
#[expect(clippy::cast_possible_truncation, reason = "compared before")]
pub(crate) const fn span(duration: Duration) -> usize {
    let part = duration.subsec_nanos().div_ceil(1_000_000);
    let millis = duration.as_secs().saturating_mul(1000).saturating_add(part as u64);
    if millis > LONGEST as u64 { LONGEST } else { millis as usize }
}

/// The same; no limit is one that never ends.
pub(super) const fn span_or_for_ever(limit: Option<Duration>) -> usize {
    match limit {
        Some(limit) => span(limit),
        None => FOR_EVER,
    }
}

pub(crate) const fn duration(span: usize) -> Duration {
    Duration::from_millis(span as u64)
}

#[cfg(test)]
mod tests {
    use super::{Clock, Duration, LONGEST, Millis, SystemClock, duration, span};

    #[test]
    fn moments_wrap() {
        let early = Millis(usize::MAX - 4);
        let late = Millis(5);
        assert_eq!((late.since(early), early.since(late)), (10, 0));
        assert_eq!((late.later_of(early), early.later_of(late)), (late, late));
    }

    #[test]
    fn any_time_is_a_moment() {
        let last = Duration::new(u64::MAX / 1000, 999_999_999);
        assert_eq!(Millis::at(last + Duration::from_millis(5)).since(Millis::at(last)), 5);
        let a_second_before = Duration::MAX.saturating_sub(Duration::from_secs(1));
        assert_eq!(Millis::at(Duration::MAX).since(Millis::at(a_second_before)), 1000);
    }

    #[test]
    fn spans_are_rounded_up_and_end_somewhere() {
        assert_eq!(span(Duration::from_micros(1)), 1);
        assert_eq!(span(Duration::from_millis(7)), 7);
        assert_eq!(span(Duration::MAX), LONGEST);
        assert_eq!(duration(7), Duration::from_millis(7));
    }

    #[test]
    fn a_machine_that_runs_is_not_suspended() {
        let has_grown = || {
            let (before, began) = (SystemClock.suspended(), SystemClock.now());
            // Without `std` its time stands still.
            let _later = (0..1_000_000).find(|_| SystemClock.now() >= began + Duration::from_millis(20));
            SystemClock.suspended().saturating_sub(before) > Duration::from_millis(5)
        };
        // The test may be interrupted between two readings of the clocks.
        assert!((0..20).any(|_| !has_grown()));
    }

    #[test]
    fn the_coarse_clock_keeps_up_with_the_precise_one() {
        let coarse = SystemClock.coarse();
        let precise = SystemClock.now();
        assert!(coarse <= precise && precise < coarse + Duration::from_millis(500), "{coarse:?}, {precise:?}");
    }
}
