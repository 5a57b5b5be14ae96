// knows: clock · must not know: pools
//! The time of embassy.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use embassy_time_driver::{TICK_HZ, now, schedule_wake};

use super::clock::{CanSleep, Clock};

/// The clock of `embassy-time` (feature `embassy-time`): whatever driver the program has for it. It can sleep, so tasks
/// have time limits: `get_async_timeout`, `connect_timeout`, [`run_maintenance`](super::Pool::run_maintenance).
///
/// # Examples
///
/// ```no_run
/// use conn_pool::managed::{AsyncManager, Config, EmbassyClock, GetError, Lifecycle, Pool};
/// use core::time::Duration;
///
/// struct Modem;
/// struct Session;
/// #[derive(Debug)]
/// struct NoCarrier;
///
/// impl Lifecycle for Modem {
///     type Connection = Session;
///     type Error = NoCarrier;
/// }
///
/// impl AsyncManager for Modem {
///     async fn connect(&self) -> Result<Session, NoCarrier> {
///         Ok(Session)
///     }
/// }
///
/// static SESSIONS: Pool<Modem, 2, EmbassyClock> =
///     Pool::const_with_clock(Modem, Config::new(), EmbassyClock);
///
/// async fn send() -> Result<(), GetError<NoCarrier>> {
///     let session = SESSIONS.get_async_timeout(Duration::from_millis(500)).await?;
///     drop(session);
///     Ok(())
/// }
/// # fn main() {
/// # struct NoTime;
/// # impl embassy_time_driver::Driver for NoTime {
/// #     fn now(&self) -> u64 { 0 }
/// #     fn schedule_wake(&self, _: u64, _: &std::task::Waker) {}
/// # }
/// # embassy_time_driver::time_driver_impl!(static TIME: NoTime = NoTime);
/// # drop(send());
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbassyClock;

impl Clock for EmbassyClock {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        duration(now())
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        Sleep { until: now().saturating_add(ticks(duration)) }
    }
}

impl CanSleep for EmbassyClock {}

/// Ends when the driver's time has come.
struct Sleep {
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if now() >= self.until {
            return Poll::Ready(());
        }
        schedule_wake(self.until, context.waker());
        Poll::Pending
    }
}

const NANOS: u64 = 1_000_000_000;

#[expect(clippy::cast_possible_truncation, reason = "less than a second")]
const fn duration(ticks: u64) -> Duration {
    // The rest is below TICK_HZ, which is far below 2^34.
    Duration::new(ticks / TICK_HZ, ((ticks % TICK_HZ) * NANOS / TICK_HZ) as u32)
}

/// Rounded up: a sleep takes no less than was asked for.
const fn ticks(duration: Duration) -> u64 {
    let rest = (duration.subsec_nanos() as u64 * TICK_HZ).div_ceil(NANOS);
    duration.as_secs().saturating_mul(TICK_HZ).saturating_add(rest)
}
