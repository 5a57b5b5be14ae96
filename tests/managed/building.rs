//! What a configuration makes of a pool, and where a pool may be.

use std::time::Duration;
use std::{fmt, thread};

use conn_pool::managed::{Config, GetError, Lifecycle, Manager, Pool};

use crate::kit::managed::{assert_at_rest, maintain, pool, quiet, take_all};
use crate::kit::{Call, Job, Script, SimClock, panics};

#[test]
fn what_contradicts_itself_builds_no_pool() {
    let built = Pool::<_, 2, _>::with_clock(Script::default(), quiet().max_size(3), SimClock::default());
    let error = built.expect_err("three connections do not fit in two slots");
    assert_eq!(error, quiet().max_size(3).check(2).unwrap_err());
    assert!(panics(|| drop(Pool::<_, 2>::const_new(Script::default(), quiet().min_idle(3)))));
}

#[test]
fn nothing_is_opened_that_nobody_asked_for() {
    let pool = pool::<4>(Config::new());
    maintain(&pool);
    assert_eq!(pool.manager().calls(Call::Connect), 0);
}

#[test]
fn max_size_is_the_most_that_is_lent() {
    let pool = pool::<4>(quiet().max_size(2));
    let held = take_all(&pool);
    assert_eq!((held.len(), pool.manager().live(), pool.status().max_size), (2, 2, 2));
    drop(held);
    assert_at_rest(&pool);
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
