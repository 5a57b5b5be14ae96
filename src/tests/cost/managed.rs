//! What a managed pool adds, by counting; for pools of one word.
//!
//! | operation | read-modify-writes | locks | readings of the clock |
//! |---|---|---|---|
//! | `get` and drop, without an option about time | 2 | 0 | 0 |
//! | the same while maintenance runs | 2 | 0 | 0 |
//! | the same with `validate_after` or `validate_every`, to see that maintenance was not late | 2 | 0 | 1 |
//! | the first of these after each maintenance pass, whose duration is measured | 3 more | 0 | 2 precise ones more |
//! | while no maintenance runs | 2 | 0 | 1 |
//! | of these, a connection's first and then one in 32, which are measured | 2 more | 0 | 2 precise ones more |
//! | with `wait_times`, a caller that is served at once | 0 more | 0 | 0 more |
//! | with `wait_times`, a caller that waits | 4 more | 0 | 4 precise ones more |
//! | a check before the connection is lent | 1 more | 0 | 1 more; 3 while no maintenance runs |
//! | a connect | 6 | 3 | 1, and 2 precise ones |
//! | the same with a lifetime, which is drawn at random | 1 more | 0 | 1 more, and 1 precise one |
//! | a connect that fails, and the error | 4 | 2 | 1, and 2 precise ones |
//! | a discard, the release of its slot included | 1 | 1 | 0 |
//! | a maintenance pass over a pool that was not used since the last one | 0 | 3 | 0 |
//!
//! Without `std` there are no histograms, and two read-modify-writes less where a duration is measured. With `min_idle`
//! a discard, a connect, and one that fails take one lock more, to wake maintenance.

use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use super::{NOTHING, RECORD, TWO};
use crate::managed::{AsyncManager, CanSleep, Clock, Config, ConnGuard, Lifecycle, Manager, Nested, Pool};
use crate::sync::count::{Spent, during};

/// Debug builds refuse a nested loan, unless told otherwise.
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

/// A manager for tasks.
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

/// A clock that counts how often it is read. No sleep on it ends.
#[derive(Default)]
pub(super) struct Hands {
    now: Cell<Duration>,
    precise: Cell<usize>,
    coarse: Cell<usize>,
    suspended: Cell<usize>,
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

    fn suspended(&self) -> Duration {
        self.suspended.update(|looks| looks + 1);
        Duration::ZERO
    }
}

impl CanSleep for Hands {}

type Cost = (usize, usize, [usize; 2]);

/// Read-modify-writes, locks, and coarse and precise readings of the clock.
fn cost<M: Lifecycle, R>(pool: &Pool<M, 4, Hands>, work: impl FnOnce() -> R) -> (R, Cost) {
    let clock = pool.clock();
    let before = [clock.coarse.get(), clock.precise.get()];
    let (result, Spent { rmws, locks }) = during(work);
    (result, (rmws, locks, [clock.coarse.get() - before[0], clock.precise.get() - before[1]]))
}

fn vacant(config: Config) -> Pool<Server, 4, Hands> {
    Pool::const_with_clock(Server::default(), config, Hands::default())
}

/// With one connection, which was acquired before.
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

/// What a caller that waits for a connection costs from its first poll on, until it has it.
fn wait_as_a_task(config: Config) -> Cost {
    let (pool, mut context) = (of_tasks(config.max_size(1)), Context::from_waker(Waker::noop()));
    borrow_as_a_task(&pool);
    borrow_as_a_task(&pool);
    let held = pool.try_get_idle().unwrap();
    let mut waits = pin!(pool.get_async());
    let first = cost(&pool, || assert!(waits.as_mut().poll(&mut context).is_pending())).1;
    drop(held);
    let second = cost(&pool, || waits.as_mut().poll(&mut context).is_ready()).1;
    (first.0 + second.0, first.1 + second.1, [0, 1].map(|clock| first.2[clock] + second.2[clock]))
}

/// The times of those that are served at once are not measured: they are known to be next to nothing.
#[test]
fn wait_times_cost_only_callers_that_are_not_served_at_once() {
    let timed = TIMELESS.wait_times(true);
    let pool = used(timed);
    for _ in 0..40 {
        assert_eq!(borrow(&pool), (2, 0, [0, 0]));
    }
    let (without, with) = (wait_as_a_task(TIMELESS), wait_as_a_task(timed));
    let readings = if cfg!(feature = "std") { 4 } else { 0 };
    assert_eq!(with, (without.0 + 2 * RECORD, without.1, [without.2[0], without.2[1] + readings]));
}

fn of_tasks(config: Config) -> Pool<Quick, 4, Hands> {
    Pool::const_with_clock(Quick, config, Hands::default())
}

fn borrow_as_a_task(pool: &Pool<Quick, 4, Hands>) -> Cost {
    cost(pool, || assert!(pin!(pool.get_async()).poll(&mut Context::from_waker(Waker::noop())).is_ready())).1
}

/// What it costs while maintenance marks: the first time after a pass, and then.
fn assert_cost_with_maintenance(config: Config, measured: Cost, cost: Cost) {
    let (pool, mut context) = (of_tasks(config), Context::from_waker(Waker::noop()));
    borrow_as_a_task(&pool);
    assert!(pin!(pool.run_maintenance()).as_mut().poll(&mut context).is_pending());
    borrow_as_a_task(&pool);
    let mut upkeep = pin!(pool.run_maintenance());
    assert!(upkeep.as_mut().poll(&mut context).is_pending());
    assert_eq!(borrow_as_a_task(&pool), measured, "measured");
    for _ in 0..40 {
        assert_eq!(borrow_as_a_task(&pool), cost);
    }
}

#[test]
fn a_pool_with_maintenance_costs_what_a_plain_one_does() {
    for config in [CONFIG.validate_after(None), TIMELESS] {
        assert_cost_with_maintenance(config, (3 + RECORD, 0, [0, 2]), (2, 0, [0, 0]));
    }
}

/// The acquire reads the clock, to see that the marks are recent; the release does not.
#[test]
fn where_marks_tell_what_to_check_they_cost_one_reading_of_the_clock() {
    for config in [CONFIG, CONFIG.max_lifetime(None), TIMELESS.validate_every(Some(Duration::from_secs(1)))] {
        assert_cost_with_maintenance(config, (3 + RECORD, 0, [1, 2]), (2, 0, [1, 0]));
    }
}

#[test]
fn without_maintenance_callers_read_the_clock() {
    let pool = used(CONFIG);
    for _ in 3..33 {
        assert_eq!(borrow(&pool), (2, 0, [1, 0]));
    }
    assert_eq!(borrow(&pool), (2 + RECORD, 0, [1, 2]), "measured");
    assert_eq!(pool.clock().suspended.get(), 0);
}

/// One reading where an option about time is set that acquires have to keep; none for what maintenance keeps.
#[test]
fn without_maintenance_only_options_that_need_it_cost_a_reading_of_the_clock() {
    let some = Some(Duration::from_secs(100));
    let off = TIMELESS.idle_timeout(None).keepalive(None);
    let costs = [
        (off, 0),
        (off.idle_timeout(some), 0),
        (off.validate_after(Some(Duration::ZERO)), 1),
        (off.max_lifetime(some), 1),
        (off.validate_after(some), 1),
        (off.validate_every(some), 1),
    ];
    for (case, (config, reads)) in costs.into_iter().enumerate() {
        let pool = used(config);
        for _ in 3..33 {
            assert_eq!(borrow(&pool).2, [reads, 0], "case {case}");
        }
        assert_eq!(pool.clock().suspended.get(), 0);
    }
}

#[test]
fn with_maintenance_only_marks_that_have_to_be_recent_cost_a_reading_of_the_clock() {
    let some = Some(Duration::from_secs(100));
    let off = TIMELESS.idle_timeout(None).keepalive(None);
    let costs = [(off, 0), (off.idle_timeout(some), 0), (off.max_lifetime(some), 0), (off.validate_after(some), 1)];
    for (case, (config, reads)) in costs.into_iter().enumerate() {
        let (pool, mut context) = (of_tasks(config), Context::from_waker(Waker::noop()));
        borrow_as_a_task(&pool);
        let mut upkeep = pin!(pool.run_maintenance());
        assert!(upkeep.as_mut().poll(&mut context).is_pending());
        for _ in 0..2 {
            borrow_as_a_task(&pool);
        }
        assert!(upkeep.as_mut().poll(&mut context).is_pending());
        borrow_as_a_task(&pool);
        let suspended = pool.clock().suspended.get();
        for _ in 0..40 {
            assert_eq!(borrow_as_a_task(&pool).2, [reads, 0], "case {case}");
        }
        assert_eq!(pool.clock().suspended.get(), suspended);
    }
}

#[test]
fn a_pool_without_times_reads_no_clock_after_its_maintenance_has_ended() {
    let pool = of_tasks(TIMELESS);
    borrow_as_a_task(&pool);
    assert!(pin!(pool.run_maintenance()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    borrow_as_a_task(&pool);
    assert_eq!(borrow_as_a_task(&pool), (2, 0, [0, 0]));
}

#[test]
fn a_check_costs_one_rmw_and_one_that_the_clock_asks_for_two_more() {
    let pool = used(CONFIG);
    pool.clock().now.set(Duration::from_secs(1));
    // What the clock has told is kept as a mark, until it is checked.
    assert_eq!(borrow(&pool), (5, 0, [4, 0]));
    let pool = used(CONFIG.validate_after(Some(Duration::ZERO)).max_lifetime(None));
    assert_eq!(borrow(&pool), (3, 0, [1, 0]));
}

#[cfg(feature = "std")]
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

#[cfg(feature = "std")]
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
fn a_discard_costs_one_lock() {
    let part = |config| {
        let pool = used(config);
        let held = pool.try_get().unwrap();
        cost(&pool, || ConnGuard::discard(held)).1
    };
    assert_eq!(part(CONFIG), (1, 1, [0, 0]));
    assert_eq!(part(CONFIG.min_idle(1)), (1, 2, [0, 0]));
}

#[test]
fn a_maintenance_pass_over_a_quiet_pool_costs_no_rmw() {
    let pool = used(CONFIG);
    pool.maintain(Duration::ZERO);
    // What was published to the facade is kept under a lock of its own.
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
fn a_callers_future_takes_320_bytes_at_most_and_without_an_allocator_328() {
    let (pool, some) = (of_tasks(CONFIG), Duration::from_secs(1));
    let sizes = [
        size_of_val(&pool.get_async()),
        size_of_val(&pool.get_async_timeout(some)),
        size_of_val(&pool.get_async_deadline(some)),
    ];
    let most = if cfg!(feature = "alloc") { 320 } else { 328 };
    assert!(sizes.iter().all(|size| *size <= most), "{sizes:?} bytes");
}

#[test]
fn the_future_of_maintenance_takes_440_bytes_at_most_beside_what_it_allocates() {
    let pool = of_tasks(CONFIG);
    let sizes = [size_of_val(&pool.run_maintenance()), size_of_val(&pool.maintain_async(Duration::ZERO))];
    // Without an allocator the future has the connect and the check that it makes in itself.
    let most = [if cfg!(feature = "alloc") { 440 } else { 720 }, 560];
    assert!(sizes[0] <= most[0] && sizes[1] <= most[1], "{sizes:?} bytes");
}
