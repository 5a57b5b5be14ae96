//! Managers, wakers, clocks and callers that panic: it costs no slot.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use conn_pool::managed::{CanSleep, Clock, Config, ConnGuard, DiscardReason, Nested, OnPanic, Pool, Retry};

use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, pool, quiet, secs};
use crate::kit::{Call, Gate, Job, Outcome, Script, SimClock, panics, poll_with, waker_that};

#[test]
fn a_manager_that_panics_when_a_connection_comes_back_costs_no_slot() {
    for call in [Call::Broken, Call::Reset, Call::Dirty] {
        let pool = pool::<1>(quiet());
        let held = pool.get().unwrap();
        let mut waiter = Job::begun(pool.get_async());
        pool.manager().then(call, Outcome::Panic);
        assert!(panics(|| drop(held)));
        assert_eq!((waiter.woken_to_end().unwrap().number, pool.manager().live()), (2, 1));
    }
}

#[test]
fn a_manager_that_panics_when_a_connection_goes_costs_no_slot() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async());
    pool.manager().then(Call::Discard, Outcome::Panic);
    assert!(panics(|| ConnGuard::discard(held)));
    assert_eq!((waiter.woken_to_end().unwrap().number, pool.manager().live()), (2, 1));
}

#[test]
fn a_check_that_panics_costs_its_connection_and_no_slot() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    for outcome in [Outcome::Ok, Outcome::Panic] {
        drop(pool.get().unwrap());
        pool.manager().then(Call::Check, Outcome::Panic).then(Call::Discard, outcome);
        assert!(panics(|| drop(pool.get())));
        assert_at_rest(&pool);
    }
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 2);
}

#[test]
fn a_manager_that_panics_again_and_again_does_not_end_the_program() {
    let (pool, gate) = (pool::<1>(Config::new()), Gate::default());
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    pool.manager().then(Call::Event, Outcome::Panic).then(Call::Discard, Outcome::Panic);
    let borrower = thread::spawn({
        let pool = Arc::clone(&pool);
        move || panics(|| drop(pool.get()))
    });
    gate.wait_for_arrivals(1);
    // Once while the event is told, and once as the connection is parted with because of that.
    pool.close();
    gate.open();
    assert!(borrower.join().unwrap());
    assert_eq!([Call::Event, Call::Discard].map(|call| pool.manager().calls(call)), [1, 1]);
    assert_eq!(pool.drain(Duration::ZERO), Ok(()));
}

fn panic_while_holding(pool: &SimPool<1>) {
    assert!(panics(|| {
        let _held = pool.get().unwrap();
        panic!("its borrower panics");
    }));
}

#[test]
fn a_connection_held_in_a_panic_may_be_reset_instead() {
    let pool = pool::<1>(quiet().on_panic(OnPanic::Reset));
    panic_while_holding(&pool);
    assert_eq!((pool.manager().calls(Call::Reset), pool.status().idle), (1, 1));
    pool.manager().then(Call::Reset, Outcome::Error);
    panic_while_holding(&pool);
    assert_eq!(pool.manager().discards(DiscardReason::ResetFailed), 1);
    for call in [Call::Broken, Call::Reset, Call::Dirty] {
        pool.manager().then(call, Outcome::Panic);
        panic_while_holding(&pool);
    }
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 3);
    assert_at_rest(&pool);
}

#[test]
fn a_manager_that_panics_while_a_panic_unwinds_costs_no_slot() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Discard, Outcome::Panic);
    panic_while_holding(&pool);
    assert_eq!(pool.manager().calls(Call::Reset), 0);
    assert_at_rest(&pool);
}

#[test]
fn a_waker_of_the_maintenance_that_panics_costs_no_slot() {
    let (pool, is_bad) = (pool::<3>(quiet().min_idle(1)), Arc::new(AtomicBool::new(false)));
    let mut maintenance = Box::pin(pool.run_maintenance());
    let waker = {
        let is_bad = Arc::clone(&is_bad);
        waker_that(move || assert!(!is_bad.load(Relaxed), "a waker panics"))
    };
    let _held = [(); 2].map(|()| {
        assert!(poll_with(&mut maintenance, &waker).is_pending());
        pool.get().unwrap()
    });
    is_bad.store(true, Relaxed);
    assert!(panics(|| drop(pool.get())), "a caller that waits woke no maintenance");
    is_bad.store(false, Relaxed);
    assert_eq!((pool.status().in_use, pool.status().waiting), (2, 0), "{pool:?}");
    assert!(poll_with(&mut maintenance, &waker).is_pending());
    assert_eq!((pool.status().in_use, pool.status().idle), (2, 1), "{pool:?}");
}

#[test]
fn the_maintenance_ends_with_its_pool_even_if_a_farewell_panics() {
    let pool = pool::<1>(quiet());
    drop(pool.get().unwrap());
    let mut maintenance = Job::begun(pool.run_maintenance());
    pool.manager().then(Call::Discard, Outcome::Panic);
    assert!(panics(|| pool.close()));
    maintenance.woken_to_end();
}

/// A clock whose sleeps, when they are told to, panic if they are dropped.
#[derive(Default)]
struct Brittle {
    clock: SimClock,
    breaks: Arc<AtomicBool>,
}

impl Clock for Brittle {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        struct Sleep(Arc<AtomicBool>);
        impl Drop for Sleep {
            fn drop(&mut self) {
                assert!(!self.0.load(Relaxed) || thread::panicking(), "a sleep panics");
            }
        }
        let (sleep, over) = (Sleep(Arc::clone(&self.breaks)), self.clock.sleep(duration));
        async move {
            over.await;
            drop(sleep);
        }
    }
}

impl CanSleep for Brittle {}

fn with_brittle_clock(config: Config) -> Pool<Script, 1, Brittle> {
    Pool::with_clock(Script::default(), config, Brittle::default()).unwrap()
}

/// Has `work` panic when the sleep is dropped that limited its time.
fn breaks(pool: &Pool<Script, 1, Brittle>, work: impl FnOnce()) {
    pool.clock().breaks.store(true, Relaxed);
    assert!(panics(work), "no sleep was dropped");
    pool.clock().breaks.store(false, Relaxed);
    assert_eq!(pool.status().in_use, 0, "{pool:?}");
}

#[test]
fn a_sleep_that_panics_after_the_wait_costs_no_slot() {
    let pool = with_brittle_clock(quiet().nested(Nested::Allow));
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async_timeout(secs(1)));
    drop(held);
    breaks(&pool, || drop(waiter.poll()));
    assert_eq!(pool.get().unwrap().number, 1);
}

#[test]
fn a_sleep_that_panics_after_the_pause_between_two_connects_costs_no_slot() {
    let retry = Retry { attempts: 1, first_pause: secs(1), longest_pause: secs(1) };
    let pool = with_brittle_clock(quiet().nested(Nested::Allow).retry(retry));
    pool.manager().then(Call::Connect, Outcome::Error);
    let mut caller = Job::begun(pool.get_async());
    drop(pool.get().unwrap());
    breaks(&pool, || drop(caller.poll()));
    assert_eq!(pool.get().unwrap().number, 1);
}

#[test]
fn a_sleep_that_panics_after_a_connect_costs_no_slot() {
    let pool = with_brittle_clock(quiet().connect_timeout(Some(secs(1))));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    gate.open();
    breaks(&pool, || drop(caller.poll()));
    drop(caller);
    assert_eq!((pool.status().vacant, pool.get().unwrap().number), (1, 2));
}

#[test]
fn a_sleep_that_panics_after_a_check_costs_no_slot() {
    let pool = with_brittle_clock(quiet().validate_after(Some(secs(0))).validation_timeout(Some(secs(1))));
    drop(pool.get().unwrap());
    let gate = Gate::default();
    pool.manager().then(Call::Check, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    gate.open();
    breaks(&pool, || drop(caller.poll()));
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 1, "its state is unknown");
}
