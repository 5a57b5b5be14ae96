//! Embassy's time as the clock of a managed pool, by a driver whose time the test keeps.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Clock, Config, EmbassyClock, GetError, Lifecycle, Pool};
use embassy_time_driver::{Driver, TICK_HZ, time_driver_impl};

struct ByHand {
    now: AtomicU64,
    wakes: Mutex<Vec<u64>>,
}

time_driver_impl!(static TIME: ByHand = ByHand { now: AtomicU64::new(0), wakes: Mutex::new(Vec::new()) });

impl Driver for ByHand {
    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn schedule_wake(&self, at: u64, _waker: &Waker) {
        self.wakes.lock().unwrap().push(at);
    }
}

/// The time is the program's, so one test at a time has it.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pass(time: Duration) {
    let ticks = u64::try_from(time.as_nanos() * u128::from(TICK_HZ) / 1_000_000_000).unwrap();
    TIME.now.fetch_add(ticks, Ordering::Relaxed);
}

fn last_wake() -> u64 {
    *TIME.wakes.lock().unwrap().last().expect("none was asked for")
}

#[test]
fn a_sleep_ends_when_the_time_of_the_driver_has_come_and_not_before() {
    let _alone = alone();
    let began = EmbassyClock.now();
    let mut context = Context::from_waker(Waker::noop());
    // A nanosecond is part of a tick, and a sleep takes no less than was asked for.
    let mut sleep = pin!(EmbassyClock.sleep(Duration::from_millis(3) - Duration::from_nanos(1)));
    assert!(sleep.as_mut().poll(&mut context).is_pending());
    let until = last_wake();
    TIME.now.store(until - 1, Ordering::Relaxed);
    assert!(sleep.as_mut().poll(&mut context).is_pending());
    TIME.now.store(until, Ordering::Relaxed);
    assert!(sleep.as_mut().poll(&mut context).is_ready());
    assert_eq!(EmbassyClock.now(), began + Duration::from_millis(3));
}

#[test]
fn a_sleep_of_the_longest_duration_has_an_end_that_the_driver_can_tell() {
    let _alone = alone();
    let mut never = pin!(EmbassyClock.sleep(Duration::MAX));
    assert!(never.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(last_wake(), u64::MAX);
}

struct Bus;

impl Lifecycle for Bus {
    type Connection = u8;
    type Error = Infallible;
}

impl AsyncManager for Bus {
    async fn connect(&self) -> Result<u8, Infallible> {
        Ok(7)
    }
}

#[test]
fn a_wait_ends_at_its_deadline_by_the_time_of_the_driver() {
    let _alone = alone();
    let pool = Pool::<_, 1, _>::with_clock(Bus, Config::new(), EmbassyClock).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(held)) = pin!(pool.get_async()).poll(&mut context) else { panic!("it connects at once") };
    let mut get = pin!(pool.get_async_timeout(Duration::from_millis(20)));
    assert!(get.as_mut().poll(&mut context).is_pending());
    pass(Duration::from_millis(19));
    assert!(get.as_mut().poll(&mut context).is_pending());
    pass(Duration::from_millis(1));
    assert!(matches!(get.poll(&mut context), Poll::Ready(Err(GetError::Timeout(_)))));
    drop(held);
}
