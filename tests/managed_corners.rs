//! Corners of the managed pool: what may be shared, what panics where, and what a suspended, closed or watched pool does.
#![cfg(feature = "std")]

mod common;
#[path = "common/managed.rs"]
mod kit;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use common::{panics, poll_with, wait_until, waker_that};
use conn_pool::managed::{Clock, Config, ConnGuard, DiscardReason, Event, GetError, Manager, Nested, Pool, Retry};
use kit::{
    Call, Conn, Failed, Gate, Job, Outcome, Script, SimClock, SimPool, maintain, millis, owned, pool, quiet, secs,
};

/// A clock that only one thread may read.
#[derive(Default)]
struct OwnClock(Cell<Duration>);

impl Clock for OwnClock {
    fn now(&self) -> Duration {
        self.0.get()
    }
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

/// Whether a type is `Sync`: what it has itself comes before what a trait gives it.
struct IsSync<T>(PhantomData<T>);
impl<T: Sync> IsSync<T> {
    const ANSWER: bool = true;
}
trait Otherwise {
    const ANSWER: bool = false;
}
impl<T> Otherwise for IsSync<T> {}

/// A guard reads the clock, to tell its connection's age: so it is shared between threads only if that may be.
const _: () = {
    assert!(IsSync::<ConnGuard<'static, Script, 1, SimClock>>::ANSWER);
    assert!(!IsSync::<ConnGuard<'static, Script, 1, OwnClock>>::ANSWER);
};

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
    assert!(panics(|| drop(pool.get())), "nobody was woken by a connect");
    is_bad.store(false, Relaxed);
    assert_eq!((pool.status().in_use, pool.status().idle), (2, 1), "{pool:?}");
}

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
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 1, "nobody knows in what state it is");
}

#[test]
fn an_idle_connection_is_found_wherever_it_is() {
    let pool = pool::<16>(quiet().nested(Nested::Allow));
    let mut held: Vec<_> = (0..16).map(|_| pool.get().unwrap()).collect();
    let last = held.pop().unwrap().number;
    assert_eq!(pool.try_get_idle().map(|idle| idle.number), Some(last));
}

#[test]
fn a_thread_that_took_what_was_idle_does_not_wait_for_itself() {
    let pool = pool::<1>(quiet().nested(Nested::Refuse));
    drop(pool.get().unwrap());
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _held = pool.try_get_idle().unwrap();
            assert!(matches!(pool.get(), Err(GetError::Nested { .. })));
        });
        wait_until(|| thread.is_finished() || pool.status().waiting == 1);
        pool.close();
    });
}

#[test]
fn a_connection_borrowed_by_a_thread_that_has_ended_is_nobody_elses() {
    let pool = pool::<1>(quiet().nested(Nested::Refuse));
    let held = thread::scope(|scope| scope.spawn(|| owned(pool.get().unwrap(), &pool)).join().unwrap());
    thread::scope(|scope| {
        let other = scope.spawn(|| pool.get().map(|got| got.number));
        wait_until(|| pool.status().waiting == 1 || other.is_finished());
        drop(held);
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_connect_of_the_maintenance_that_panics_is_not_tried_again_at_once() {
    let retry = Retry { attempts: 0, first_pause: secs(1), longest_pause: secs(4) };
    let pool = pool::<2>(quiet().min_idle(1).retry(retry));
    pool.manager().always(Call::Connect, Outcome::Panic);
    assert!(panics(|| _ = maintain(&pool)));
    maintain(&pool);
    assert_eq!(pool.manager().calls(Call::Connect), 1);
}

#[test]
fn idle_connections_of_a_suspended_pool_are_evicted_though_callers_wait() {
    let pool = pool::<2>(quiet());
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    pool.suspend();
    let mut waiting = Job::begun(pool.get_async());
    assert_eq!((pool.evict_all(), pool.status().vacant), (2, 2));
    waiting.wait_on();
    pool.resume();
    assert_eq!(waiting.woken_to_end().unwrap().number, 3);
}

#[test]
fn a_suspended_pool_does_not_replace_what_is_found_unfit() {
    let (pool, gate) = (pool::<1>(quiet().validate_after(Some(secs(0)))), Gate::default());
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::error_at(&gate));
    let mut caller = Job::begun(pool.get_async());
    pool.suspend();
    gate.open();
    caller.wait_on();
    assert_eq!((pool.status().vacant, pool.status().waiting), (1, 1));
    pool.resume();
    assert_eq!(caller.woken_to_end().unwrap().number, 2);
}

#[test]
fn a_connection_that_marks_are_trusted_for_is_not_lent_beyond_its_life() {
    let pool = pool::<1>(quiet().max_lifetime(Some(millis(16_000))).lifetime_jitter_percent(0));
    drop(pool.get().unwrap());
    let mut maintenance = Job::begun(pool.run_maintenance());
    for _ in 0..15 {
        drop(pool.try_get_idle());
        pool.clock().advance(millis(999));
        let _pending = maintenance.poll();
        pool.clock().advance(millis(1));
        let _pending = maintenance.poll();
    }
    // The last look was just before the end.
    drop(pool.try_get_idle());
    pool.clock().advance(millis(995));
    let _pending = maintenance.poll();
    pool.clock().advance(millis(5));
    assert!(pool.try_get_idle().is_none());
}

#[test]
fn a_connection_that_is_checked_is_borrowed_once() {
    let pool = pool::<1>(quiet().nested(Nested::Allow));
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    let checked = pool.get().unwrap();
    assert_eq!((pool.manager().calls(Call::Check), ConnGuard::uses(&checked)), (1, 2));
    assert_eq!(pool.metrics().pool.acquired, 2);
}

/// Two that are out, the first connected first.
fn two_out(pool: &SimPool<2>) -> [ConnGuard<'_, Script, 2, SimClock>; 2] {
    [pool.get().unwrap(), pool.get().unwrap()]
}

#[test]
fn what_is_found_out_about_a_connection_is_noted_of_that_one() {
    let pool = pool::<2>(quiet().nested(Nested::Allow));
    let [first, second] = two_out(&pool);
    pool.manager().then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::Error);
    drop(second);
    drop(first);
    let _both = two_out(&pool);
    assert_eq!(pool.manager().discarded(), [2], "the one that is dirty is checked");
}

#[test]
fn what_is_to_go_when_it_comes_back_is_that_one() {
    let pool = pool::<2>(quiet().nested(Nested::Allow));
    let [first, second] = two_out(&pool);
    pool.evict_all();
    drop(first);
    assert_eq!(pool.manager().discarded(), [1]);
    let _third = pool.get().unwrap();
    drop(second);
    assert_eq!(pool.manager().discarded(), [1, 2]);
}

#[test]
fn what_a_closed_pool_parts_with_was_not_discarded_by_a_borrower() {
    let pool = pool::<2>(quiet().nested(Nested::Allow));
    let [idle, held] = two_out(&pool);
    drop(idle);
    pool.close();
    drop(held);
    assert_eq!((pool.manager().discards(DiscardReason::Closed), pool.metrics().pool.discarded), (2, 0));
}

#[test]
fn a_thread_that_has_time_left_tries_to_connect_again() {
    let retry = Retry { attempts: 1, first_pause: millis(1), longest_pause: millis(1) };
    let pool = pool::<1>(quiet().retry(retry));
    pool.manager().then(Call::Connect, Outcome::Error);
    assert!(pool.get_timeout(secs(30)).is_ok());
    assert_eq!(pool.manager().calls(Call::Connect), 2);
}

#[test]
fn a_look_for_an_idle_connection_that_finds_none_fit_is_no_borrowing() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    assert!(pool.try_get_idle().is_none());
    assert_eq!(pool.metrics().pool.acquired, 1);
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

/// A manager that a pool knows by its duties only.
type AnyManager = dyn Manager<Connection = Conn, Error = Failed> + Send + Sync;

#[test]
fn a_pointer_to_a_manager_is_a_manager() {
    let script = Script::default();
    let by_reference = Pool::<_, 1>::new(&script, quiet()).unwrap();
    let shared = Pool::<_, 1>::new(Arc::new(script.clone()), quiet()).unwrap();
    let unknown = Pool::<_, 1>::new(Box::new(script.clone()) as Box<AnyManager>, quiet()).unwrap();
    assert_eq!((by_reference.get().unwrap().number, unknown.get().unwrap().number), (1, 2));
    script.then(Call::Broken, Outcome::Error).then(Call::Dirty, Outcome::Error);
    drop(by_reference.get().unwrap());
    drop(unknown.get().unwrap());
    assert_eq!((script.discards(DiscardReason::Broken), script.calls(Call::Reset)), (1, 3));
    drop(unknown.get().unwrap());
    assert_eq!(script.calls(Call::Check), 1);
    assert_eq!(Job::new(shared.get_async()).end().unwrap().number, 3);
    assert_eq!(script.events(), ["connected"; 3]);
}

#[test]
fn an_event_can_be_printed() {
    let (error, took) = (&Failed(Call::Connect, 1), millis(5));
    let print = |event: Event<'_, Failed>| event.to_string();
    assert_eq!(
        print(Event::ConnectFailed { error: Some(error), took }),
        "cannot connect: Connect 1 failed (after 5ms)"
    );
    assert_eq!(print(Event::ConnectFailed { error: None, took }), "cannot connect: no answer within 5ms");
    assert_eq!(print(Event::CheckFailed { error: None }), "a connection did not answer its check in time");
    assert_eq!(print(Event::ResetFailed { error }), "a connection could not be reset: Connect 1 failed");
}
