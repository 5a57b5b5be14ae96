//! What a managed pool adds, by counting; for pools of one word.
//!
//! | operation | read-modify-writes | locks | looks at the clock |
//! |---|---|---|---|
//! | `get` and drop, without an option about time | 2 | 0 | 0 |
//! | the same while somebody looks after the pool | 2 | 0 | 0 |
//! | of these, the first one after each look, whose duration is measured | 2 more | 0 | 2 precise ones |
//! | while nobody does (a new connection's first is measured too, and then one in 32) | 2 | 0 | 2 |
//! | a check before it is claimed | 1 more | 0 | 1 more; 3 while nobody looks after it |
//! | a connect | 5 | 3 | 1, and 2 precise ones |
//! | the same with a lifetime, which is drawn at random | 1 more | 0 | 1 more, and 1 precise one |
//! | a connect that fails, and the error | 4 | 2 | 1, and 2 precise ones |
//! | parting with a connection, giving it back included | 1 | 1 | 0 |
//! | a look after a pool that nobody has used since the last one | 0 | 3 | 0 |
//!
//! Without `std` there are no histograms, and one read-modify-write less where a duration is measured. With `min_idle`
//! parting with a connection, a connect, and one that fails take one lock more, to wake the maintenance.

use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use super::{NOTHING, RECORD, TWO};
use crate::managed::{AsyncManager, Clock, Config, ConnGuard, Lifecycle, Manager, Nested, Pool};
use crate::sync::count::{Spent, during};

/// Debug builds refuse nested borrowings, unless told otherwise.
const CONFIG: Config = Config::new().nested(Nested::Allow);
pub(super) const TIMELESS: Config = CONFIG.max_lifetime(None).validate_after(None);

#[derive(Default)]
pub(super) struct Server {
    refuses: Cell<bool>,
}

impl Lifecycle for Server {
    type Connection = u64;
    type Error = ();
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<u64, ()> {
        if self.refuses.get() { Err(()) } else { Ok(7) }
    }
}

/// For tasks.
struct Quick;

impl Lifecycle for Quick {
    type Connection = u64;
    type Error = ();
}

impl AsyncManager for Quick {
    async fn connect(&self) -> Result<u64, ()> {
        Ok(7)
    }
}

/// A clock that counts how often it is looked at. No sleep on it ends.
#[derive(Default)]
pub(super) struct Hands {
    now: Cell<Duration>,
    precise: Cell<usize>,
    coarse: Cell<usize>,
}

impl Clock for Hands {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        self.precise.update(|looks| looks + 1);
        self.now.get()
    }

    fn coarse(&self) -> Duration {
        self.coarse.update(|looks| looks + 1);
        self.now.get()
    }
}

type Cost = (usize, usize, [usize; 2]);

/// Read-modify-writes, locks, and coarse and precise looks at the clock.
fn cost<M: Lifecycle, R>(pool: &Pool<M, 4, Hands>, work: impl FnOnce() -> R) -> (R, Cost) {
    let clock = pool.clock();
    let before = [clock.coarse.get(), clock.precise.get()];
    let (result, Spent { rmws, locks }) = during(work);
    (result, (rmws, locks, [clock.coarse.get() - before[0], clock.precise.get() - before[1]]))
}

fn vacant(config: Config) -> Pool<Server, 4, Hands> {
    Pool::const_with_clock(Server::default(), config, Hands::default())
}

/// With one connection, which has been borrowed before.
pub(super) fn used(config: Config) -> Pool<Server, 4, Hands> {
    let pool = vacant(config);
    drop(pool.try_get().unwrap());
    drop(pool.try_get().unwrap());
    pool
}

fn borrow(pool: &Pool<Server, 4, Hands>) -> Cost {
    cost(pool, || drop(pool.try_get().unwrap())).1
}

#[test]
fn a_pool_without_times_costs_what_a_plain_one_does() {
    let pool = used(TIMELESS);
    for _ in 0..40 {
        assert_eq!(borrow(&pool), (2, 0, [0, 0]));
    }
    assert_eq!(during(|| drop(pool.try_get_idle().unwrap())).1, TWO);
}

fn of_tasks(config: Config) -> Pool<Quick, 4, Hands> {
    Pool::const_with_clock(Quick, config, Hands::default())
}

fn borrow_as_a_task(pool: &Pool<Quick, 4, Hands>) -> Cost {
    cost(pool, || assert!(pin!(pool.get_async()).poll(&mut Context::from_waker(Waker::noop())).is_ready())).1
}

#[test]
fn a_pool_that_is_looked_after_costs_what_a_plain_one_does() {
    let (pool, mut context) = (of_tasks(CONFIG), Context::from_waker(Waker::noop()));
    borrow_as_a_task(&pool);
    assert!(pin!(pool.run_maintenance()).as_mut().poll(&mut context).is_pending());
    borrow_as_a_task(&pool);
    let mut upkeep = pin!(pool.run_maintenance());
    assert!(upkeep.as_mut().poll(&mut context).is_pending());
    assert_eq!(borrow_as_a_task(&pool), (3 + RECORD, 0, [0, 2]), "measured");
    for _ in 0..40 {
        assert_eq!(borrow_as_a_task(&pool), (2, 0, [0, 0]));
    }
}

#[test]
fn while_nobody_looks_after_a_pool_its_borrowers_look_at_the_clock() {
    let pool = used(CONFIG);
    for _ in 3..33 {
        assert_eq!(borrow(&pool), (2, 0, [2, 0]));
    }
    assert_eq!(borrow(&pool), (2 + RECORD, 0, [2, 2]), "measured");
}

#[test]
fn a_pool_without_times_that_is_not_looked_after_any_more_looks_at_no_clock() {
    let pool = of_tasks(TIMELESS);
    borrow_as_a_task(&pool);
    assert!(pin!(pool.run_maintenance()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    borrow_as_a_task(&pool);
    assert_eq!(borrow_as_a_task(&pool), (2, 0, [0, 0]));
}

#[test]
fn a_check_costs_one_rmw() {
    let pool = used(CONFIG);
    pool.clock().now.set(Duration::from_secs(1));
    assert_eq!(borrow(&pool), (3, 0, [5, 0]));
    let pool = used(CONFIG.validate_after(Some(Duration::ZERO)).max_lifetime(None));
    assert_eq!(borrow(&pool), (3, 0, [1, 0]));
}

#[test]
fn a_connect_costs_three_locks() {
    let connect = |config: Config| {
        let pool = used(config);
        let _first = pool.try_get().unwrap();
        let (second, cost) = cost(&pool, || pool.try_get().unwrap());
        drop(second);
        cost
    };
    assert_eq!(connect(TIMELESS), (4 + RECORD, 3, [1, 2]));
    assert_eq!(connect(CONFIG), (5 + RECORD, 3, [2, 3]));
    assert_eq!(connect(TIMELESS.min_idle(1)), (4 + RECORD, 4, [1, 2]));
}

#[test]
fn a_connect_that_fails_costs_two_locks() {
    let fail = |config| {
        let pool = vacant(config);
        pool.manager().refuses.set(true);
        cost(&pool, || assert!(pool.try_get().is_err())).1
    };
    assert_eq!(fail(TIMELESS), (4, 2, [1, 2]));
    assert_eq!(fail(TIMELESS.min_idle(1)), (4, 3, [1, 2]));
}

#[test]
fn parting_with_a_connection_costs_one_lock() {
    let part = |config| {
        let pool = used(config);
        let held = pool.try_get().unwrap();
        cost(&pool, || ConnGuard::discard(held)).1
    };
    assert_eq!(part(CONFIG), (1, 1, [0, 0]));
    assert_eq!(part(CONFIG.min_idle(1)), (1, 2, [0, 0]));
}

#[test]
fn a_look_after_a_quiet_pool_costs_no_rmw() {
    let pool = used(CONFIG);
    pool.maintain(Duration::ZERO);
    // What is told to the facade is kept under a lock of its own.
    let locks = 3 + usize::from(cfg!(feature = "metrics"));
    assert_eq!(cost(&pool, || pool.maintain(Duration::ZERO)).1, (0, locks, [0, 0]));
}

#[test]
fn reading_metrics_and_loans_takes_no_lock() {
    let pool = used(CONFIG);
    let _held = pool.try_get().unwrap();
    assert_eq!(during(|| pool.status()).1, NOTHING);
    assert_eq!(during(|| pool.metrics()).1.locks, 0);
    assert_eq!(during(|| pool.loans().count()), (1, NOTHING));
}

/// Beside what the manager's own futures and the clock's sleep need. With `tracing` there is a span too.
#[test]
#[cfg(not(feature = "tracing"))]
fn a_future_of_a_borrower_takes_less_than_120_words() {
    let pool = of_tasks(CONFIG);
    let words =
        [size_of_val(&pool.get_async()), size_of_val(&pool.run_maintenance())].map(|size| size / size_of::<usize>());
    assert!(words[0] < 120 && words[1] < 95, "{words:?} words");
}
