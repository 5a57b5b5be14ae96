//! Errors that say why, and the shapes of manager that a pool can carry.
#![cfg(feature = "std")]

mod common;
#[path = "common/managed.rs"]
mod kit;

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Debug};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{FOREVER, wait_until};
use conn_pool::managed::{
    AsyncManager, Config, ConnGuard, DrainError, GetError, HealthCheck, Lifecycle, Loan, Manager, OwnedConnGuard, Pool,
    PoolReport,
};
use kit::{
    Call, Failed, Gate, Job, Outcome, Script, SimClock, SimPool, get_async_owned, maintain, millis, pool, quiet, secs,
};

#[test]
fn a_timeout_tells_how_full_the_pool_is_and_who_holds_longest() {
    let pool = pool::<2>(quiet().max_lifetime(Some(secs(3600))).name("orders"));
    let (_first, line) = (pool.get().unwrap(), line!());
    pool.clock().advance(secs(7));
    let _second = pool.get().unwrap();
    let _waiter = Job::begun(pool.get_async());
    let error = pool.get_timeout(millis(5)).unwrap_err();
    let expected = format!(
        "timed out waiting for a connection (pool \"orders\": in use: 2 of 2, idle: 0, vacant: 0, waiting: 1; \
         longest held for 7s, borrowed at {}:{line}:",
        file!()
    );
    assert!(error.to_string().starts_with(&expected), "{error}\n{expected}");
}

/// Each kind of error, by its name, with the beginning of its text.
#[test]
fn each_error_says_what_is_wrong() {
    let pool = pool::<1>(quiet().max_waiting(1).connect_timeout(Some(secs(9))));
    let mut errors = Vec::new();
    pool.manager().then(Call::Connect, Outcome::Error);
    errors.push(pool.get().unwrap_err());
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let mut slow = Job::begun(pool.get_async());
    pool.clock().advance(secs(9));
    errors.push(slow.end().unwrap_err());
    let held = pool.get().unwrap();
    errors.push(pool.try_get().unwrap_err());
    assert!(pool.report().to_string().starts_with("in use: 1 of 1"), "what `Exhausted` itself does not say");
    errors.push(pool.get_timeout(Duration::ZERO).unwrap_err());
    let waiter = Job::begun(pool.get_async());
    errors.push(pool.get_timeout(FOREVER).unwrap_err());
    drop(waiter);
    pool.close();
    errors.push(pool.get().unwrap_err());
    drop(held);
    let told: Vec<_> = errors.iter().map(|error| (error.name(), error.to_string())).collect();
    let expected = [
        ("connect", "cannot connect: Connect 1 failed (in use: "),
        ("connect_timeout", "cannot connect: no answer within 9s (in use: "),
        ("exhausted", "no connection is free"),
        ("timeout", "timed out waiting for a connection (in use: 1 of 1"),
        ("queue_full", "wait queue is full: 1 callers waiting (in use: 1 of 1, idle: 0, vacant: 0, waiting: 1"),
        ("closed", "the pool is closed (in use: 1 of 1"),
    ];
    for ((name, text), (expected_name, beginning)) in told.iter().zip(expected) {
        assert!(*name == expected_name && text.starts_with(beginning), "{name}: {text}");
    }
    assert!(errors.iter().all(|error| error.report().is_none() == matches!(error, GetError::Exhausted)));
}

#[test]
fn a_failed_connect_is_no_longer_in_use_when_it_is_told_of() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Connect, Outcome::Error);
    let status = pool.get().unwrap_err().report().unwrap().status;
    assert_eq!((status.in_use, status.connecting, status.vacant), (0, 0, 1));
}

#[test]
fn a_nested_error_names_both_places() {
    let pool = pool::<1>(quiet().nested(conn_pool::managed::Nested::Refuse));
    let (_held, line) = (pool.get().unwrap(), line!());
    let error = pool.get().unwrap_err();
    assert_eq!(error.name(), "nested");
    let text = error.to_string();
    assert!(text.starts_with("this thread would wait for itself: it holds a connection of the same pool (held for"));
    assert!(text.contains(&format!("{}:{line}:", file!())), "{text}");
}

/// Nothing else could be made within the limit of connects, so the caller learns what was wrong with what was there.
#[test]
fn a_failed_check_is_the_error_if_nothing_better_comes_in_time() {
    let pool = pool::<2>(quiet().max_connecting(1).validate_after(Some(Duration::ZERO)));
    drop(pool.get().unwrap());
    let held = pool.get().unwrap();
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let _stuck = Job::begun(pool.get_async());
    drop(held);
    pool.manager().then(Call::Check, Outcome::Error);
    let error = pool.try_get().unwrap_err();
    assert_eq!(error.name(), "invalid");
    assert!(error.to_string().starts_with("the idle connection failed its check: Check 2 failed ("), "{error}");
    assert_eq!(error.into_manager_error(), Some(Failed(Call::Check, 2)));
}

#[test]
fn a_pool_without_slots_says_so() {
    let pool = pool::<0>(quiet());
    let error = pool.get().unwrap_err();
    assert_eq!((error.name(), error.report()), ("no_connections", None));
    assert_eq!(pool.try_get().unwrap_err(), GetError::NoConnections);
    assert_eq!(Job::new(pool.get_async()).end().unwrap_err(), GetError::NoConnections);
    maintain(&pool);
    pool.drain(Duration::ZERO).unwrap();
}

#[test]
fn the_source_of_an_error_is_the_managers() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Connect, Outcome::Error);
    let error = pool.get().unwrap_err();
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&Failed(Call::Connect, 1)));
    pool.close();
    assert!(pool.get().unwrap_err().source().is_none());
}

fn assert_send<T: Send>(_: &T) {}

#[test]
fn futures_and_guards_may_go_to_other_threads() {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<SimPool<2>>();
    send::<ConnGuard<'static, Script, 2, SimClock>>();
    sync::<OwnedConnGuard<Script, 2, SimClock>>();
    send::<OwnedConnGuard<Script, 2, SimClock>>();
    send_and_sync::<GetError<Failed>>();
    send_and_sync::<(HealthCheck, Loan, PoolReport, DrainError, Config)>();
    let pool = pool::<2>(quiet());
    assert_send(&pool.get_async());
    assert_send(&get_async_owned(Arc::clone(&pool)));
    assert_send(&pool.get_async_timeout(secs(1)));
    assert_send(&pool.maintain_async(Duration::ZERO));
    assert_send(&pool.run_maintenance());
    assert_send(&pool.drain_async());
}

#[test]
fn a_future_that_owns_its_pool_may_be_spawned() {
    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
        thread::spawn(|| futures::executor::block_on(future)).join().unwrap()
    }
    let pool = pool::<2>(quiet());
    let held = spawn(get_async_owned(Arc::clone(&pool))).unwrap();
    assert_eq!(held.number, 1);
    let own = Arc::clone(&pool);
    spawn(async move { assert_eq!(own.get_async_timeout(secs(1)).await.unwrap().number, 2) });
    let own = Arc::clone(&pool);
    pool.close();
    spawn(async move { own.run_maintenance().await });
}

/// As r2d2's managers: the error can be printed, and cannot be sent.
struct LikeR2d2;

#[derive(Debug)]
struct Stuck(Rc<Cell<usize>>);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stuck {}", self.0.get())
    }
}

impl Error for Stuck {}

impl Lifecycle for LikeR2d2 {
    type Connection = String;
    type Error = Stuck;
}

impl Manager for LikeR2d2 {
    fn connect(&self, _: Option<Duration>) -> Result<String, Stuck> {
        Err(Stuck(Rc::new(Cell::new(3))))
    }
}

#[test]
fn an_error_that_cannot_be_sent_reaches_its_caller() {
    static POOL: Pool<LikeR2d2, 2> = Pool::const_new(LikeR2d2, Config::new());
    let told = thread::spawn(|| POOL.get().unwrap_err().to_string()).join().unwrap();
    assert!(told.starts_with("cannot connect: stuck 3"), "{told}");
    assert!(POOL.get().unwrap_err().source().unwrap().is::<Stuck>());
}

/// Its pool is shared between threads, and looked after by one.
#[test]
fn a_manager_whose_error_cannot_be_sent_has_its_health_checked() {
    let pool = Arc::new(Pool::<_, 2>::new(LikeR2d2, Config::new().min_idle(1)).unwrap());
    let health = pool.health_check().unwrap();
    wait_until(|| pool.metrics().connect_failed > 0);
    drop(health);
}

/// As deadpool's managers: the error can be sent, and is no `std` error; nothing is `'static`.
struct LikeDeadpool<'a>(&'a AtomicUsize);

struct Opaque;

impl<'a> Lifecycle for LikeDeadpool<'a> {
    type Connection = &'a AtomicUsize;
    type Error = Opaque;
}

impl<'a> AsyncManager for LikeDeadpool<'a> {
    async fn connect(&self) -> Result<&'a AtomicUsize, Opaque> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 { Err(Opaque) } else { Ok(self.0) }
    }
}

#[test]
fn an_error_that_is_no_std_error_reaches_its_caller() {
    let count = AtomicUsize::new(0);
    let pool = Pool::<_, 2>::new(LikeDeadpool(&count), Config::new()).unwrap();
    assert_send(&pool.get_async());
    let error = Job::new(pool.get_async()).end().err().unwrap();
    assert!(matches!(error, GetError::Connect { error: Opaque, .. }));
    assert_eq!(Job::new(pool.get_async()).end().ok().unwrap().load(Ordering::Relaxed), 2);
}

/// A connection that cannot be sent, in a pool that stays on its thread.
#[test]
fn a_connection_may_be_bound_to_its_thread() {
    struct Local;
    impl Lifecycle for Local {
        type Connection = Rc<Cell<usize>>;
        type Error = ();
    }
    impl Manager for Local {
        fn connect(&self, _: Option<Duration>) -> Result<Rc<Cell<usize>>, ()> {
            Ok(Rc::default())
        }
    }
    let pool = Pool::<_, 1>::new(Local, Config::new()).unwrap();
    pool.get().unwrap().set(5);
    assert_eq!(pool.get().unwrap().get(), 5);
}

/// A pool in a `static`, on the system's clock.
#[test]
fn a_static_pool_is_ready_from_the_start() {
    struct Words;
    impl Lifecycle for Words {
        type Connection = String;
        type Error = fmt::Error;
    }
    impl Manager for Words {
        fn connect(&self, _: Option<Duration>) -> Result<String, fmt::Error> {
            Ok("connected".into())
        }
    }
    static POOL: Pool<Words, 4> = Pool::const_new(Words, Config::new().max_size(2).name("static"));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(*POOL.get().unwrap(), "connected")));
        }
    });
    assert!(POOL.status().idle <= 2 && POOL.metrics().connected <= 2);
    assert_eq!((POOL.status().in_use, POOL.config().check(4)), (0, Ok(())));
}
