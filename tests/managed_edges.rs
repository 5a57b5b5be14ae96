//! Single situations of the managed pool in which something would be lost, delayed or said wrongly, step by step.
#![cfg(feature = "std")]

#[path = "common/chaos.rs"]
mod chaos;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use chaos::{
    Census, Conn, FOREVER, Gate, SimClock, comes, get_async_owned, lock, owned, panic_as_planned, survive, wait_until,
    watched,
};
use conn_pool::managed::{
    AsyncManager, Clock, Config, ConnGuard, DiscardReason, Event, GetError, Lifecycle, Manager, Reuse,
};

type Pool<const N: usize> = conn_pool::managed::Pool<Server, N, SimClock>;

/// A manager that does as it is told, once each; nothing special otherwise.
#[derive(Default)]
struct Server {
    census: Arc<Census>,
    /// What comes of the next checks.
    checks: Mutex<VecDeque<Result<(), ()>>>,
    /// What comes of the next connects.
    connects: Mutex<VecDeque<Result<(), ()>>>,
    panics: bool,
    /// Closed: `on_discard` waits for it.
    discards: Option<Gate>,
    /// A check of a task waits for it.
    checking: Option<Gate>,
    /// A thread connects, and waits for the other.
    connecting: Option<(Gate, Gate)>,
}

fn next(results: &Mutex<VecDeque<Result<(), ()>>>) -> Result<(), ()> {
    lock(results).pop_front().unwrap_or(Ok(()))
}

impl Lifecycle for Server {
    type Connection = Conn;
    type Error = ();

    fn on_discard(&self, connection: Conn, _reason: DiscardReason) {
        self.census.take_leave();
        if let Some(gate) = &self.discards {
            gate.wait();
        }
        drop(connection);
        if self.panics {
            panic_as_planned();
        }
    }

    fn on_event(&self, event: &Event<'_, ()>) {
        if self.panics && matches!(event, Event::Connected { .. }) {
            panic_as_planned();
        }
    }
}

impl Manager for Server {
    fn connect(&self, _within: Option<Duration>) -> Result<Conn, ()> {
        if let Some((begun, go)) = &self.connecting {
            begun.open();
            go.wait();
        }
        next(&self.connects).map(|()| self.census.connect())
    }

    fn is_valid(&self, _connection: &mut Conn, _within: Option<Duration>) -> Result<(), ()> {
        next(&self.checks)
    }
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<Conn, ()> {
        next(&self.connects).map(|()| self.census.connect())
    }

    async fn is_valid(&self, _connection: &mut Conn) -> Result<(), ()> {
        if let Some(gate) = &self.checking {
            gate.passed().await;
        }
        next(&self.checks)
    }
}

fn pool<const N: usize>(server: Server, config: Config) -> Arc<Pool<N>> {
    Arc::new(Pool::with_clock(server, config, SimClock::default()).unwrap())
}

fn check_each() -> Config {
    Config::new().validate_after(Some(Duration::ZERO))
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn assert_send<T: Send>(future: T) -> T {
    future
}

#[test]
fn futures_may_be_spawned_anywhere() {
    let pool = pool::<1>(Server::default(), Config::new());
    drop(assert_send(pool.get_async()));
    drop(assert_send(get_async_owned(Arc::clone(&pool))));
    drop(assert_send(pool.get_async_timeout(Duration::ZERO)));
    drop(assert_send(pool.maintain_async(Duration::ZERO)));
    drop(assert_send(pool.run_maintenance()));
}

#[test]
fn connections_are_lent_in_turn_from_the_first_on() {
    let pool = pool::<3>(Server::default(), Config::new().reuse(Reuse::RoundRobin));
    drop([pool.get().unwrap(), pool.get_timeout(FOREVER).unwrap(), pool.try_get().unwrap()]);
    let ids = [(); 4].map(|()| pool.get().unwrap().id);
    assert_eq!(ids, [0, 1, 2, 0]);
}

#[test]
fn a_thread_without_time_for_a_check_is_told_so() {
    let pool = pool::<1>(Server::default(), check_each());
    drop(pool.get().unwrap());
    let answer = watched("no time", move || pool.get_timeout(Duration::ZERO).map(drop));
    assert!(matches!(answer, Err(GetError::Timeout(_))), "{answer:?}");
}

#[test]
fn a_connection_that_is_too_old_is_not_lent_where_each_is_checked() {
    let config = check_each().max_lifetime(Some(Duration::from_secs(60))).lifetime_jitter_percent(0);
    let pool = pool::<1>(Server::default(), config);
    drop(pool.get().unwrap());
    pool.clock().advance(Duration::from_secs(60));
    assert_eq!(pool.get().unwrap().id, 1);
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Expired), 1);
}

#[test]
fn a_thread_is_not_taken_to_hold_what_it_has_given_back() {
    let pool = pool::<1>(Server::default(), Config::new().nested(conn_pool::managed::Nested::Refuse));
    let answer = watched("not nested", move || {
        let held = pool.get().unwrap();
        let mut task = Box::pin(get_async_owned(Arc::clone(&pool)));
        assert!(poll_once(task.as_mut()).is_pending());
        // Granted to the task, which has not come for it.
        drop(held);
        let waiting = Arc::clone(&pool);
        let later = thread::spawn(move || {
            wait_until("the thread waits", || waiting.status().waiting == 1);
            drop(task);
        });
        let answer = pool.get().map(drop);
        // Ends in any case, so that the task goes.
        if answer.is_ok() {
            later.join().unwrap();
        }
        answer
    });
    assert!(answer.is_ok(), "{answer:?}");
}

#[test]
fn a_manager_that_panics_again_and_again_does_not_end_the_program() {
    let server = Server { panics: true, connecting: Some(Default::default()), ..Server::default() };
    let pool = pool::<1>(server, Config::new());
    let borrower = thread::spawn({
        let pool = Arc::clone(&pool);
        move || survive(|| pool.get().map(drop)).is_none()
    });
    let (begun, go) = pool.manager().connecting.as_ref().unwrap();
    begun.wait();
    // Once while the event is told, and once as the connection is parted with because of that.
    pool.close();
    go.open();
    assert!(borrower.join().unwrap());
    assert_eq!(pool.drain(Duration::ZERO), Ok(()));
}

type Work = Box<dyn FnOnce() + Send>;

/// A clock on which something may happen when somebody looks at it, or falls asleep.
#[derive(Default)]
struct Alarm {
    clock: SimClock,
    /// When somebody looks, one by one.
    at_looks: Mutex<VecDeque<Work>>,
    before_sleep: Mutex<Option<Work>>,
}

impl Clock for Alarm {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn coarse(&self) -> Duration {
        let work = lock(&self.at_looks).pop_front();
        if let Some(work) = work {
            work();
        }
        self.now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let work = lock(&self.before_sleep).take();
        if let Some(work) = work {
            work();
        }
        self.clock.sleep(duration)
    }
}

/// A task that runs at once when it is woken, on the thread that wakes it, but for when it runs already.
struct Eager(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Wake for Eager {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        if let Ok(mut task) = self.0.try_lock() {
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the maintenance has ended");
        }
    }
}

/// A task that ends with the test: it owns a pool, which keeps its waker.
struct Ending(Arc<Eager>);

impl Drop for Ending {
    fn drop(&mut self) {
        let task = std::mem::replace(&mut *lock(&self.0.0), Box::pin(std::future::pending()));
        drop(task);
    }
}

type Floored = conn_pool::managed::Pool<Server, 1, Alarm>;

/// A pool whose maintenance keeps one connection ready, and has fallen asleep.
fn floored() -> (Arc<Floored>, Ending) {
    let config = Config::new().min_idle(1).max_lifetime(None).validate_after(None);
    let pool = Arc::new(Floored::with_clock(Server::default(), config, Alarm::default()).unwrap());
    let own = Arc::clone(&pool);
    let maintenance = Arc::new(Eager(Mutex::new(Box::pin(async move { own.run_maintenance().await }))));
    Arc::clone(&maintenance).wake();
    assert_eq!(pool.status().idle, 1);
    (pool, Ending(maintenance))
}

#[test]
fn maintenance_that_is_roused_by_a_discard_finds_room_to_connect() {
    let (pool, _maintenance) = floored();
    ConnGuard::discard(pool.try_get().unwrap());
    assert_eq!(pool.status().idle, 1);
}

#[test]
fn maintenance_is_roused_by_what_happens_while_it_falls_asleep() {
    let (pool, maintenance) = floored();
    let own = Arc::clone(&pool);
    *lock(&pool.clock().before_sleep) = Some(Box::new(move || ConnGuard::discard(own.try_get().unwrap())));
    // To look after the pool once more.
    pool.clock().clock.advance(Duration::from_secs(30));
    Arc::clone(&maintenance.0).wake();
    assert_eq!(pool.status().idle, 1);
}

#[test]
fn maintenance_does_not_sleep_over_what_happened_just_before() {
    let (pool, _maintenance) = floored();
    let own = Arc::clone(&pool);
    // At its first look it finds everything in order.
    let looks: [Work; 2] = [Box::new(|| ()), Box::new(move || ConnGuard::discard(own.try_get().unwrap()))];
    lock(&pool.clock().at_looks).extend(looks);
    pool.clock().clock.advance(Duration::from_secs(30));
    assert_eq!(pool.metrics().discarded_in_all(), 1);
    pool.clock().clock.advance(Duration::from_millis(10));
    assert_eq!(pool.status().idle, 1);
}

/// A pool whose maintenance looks after the age of one connection, made and given back once, and sleeps.
fn aged() -> (Arc<Floored>, Ending) {
    let config = Config::new().max_lifetime(None).keepalive(None).idle_timeout(None);
    let pool = Arc::new(Floored::with_clock(Server::default(), config, Alarm::default()).unwrap());
    drop(pool.try_get().unwrap());
    let own = Arc::clone(&pool);
    let maintenance = Arc::new(Eager(Mutex::new(Box::pin(async move { own.run_maintenance().await }))));
    Arc::clone(&maintenance).wake();
    (pool, Ending(maintenance))
}

#[test]
fn a_connection_in_use_is_not_checked_when_the_maintenance_looks_away() {
    let (pool, maintenance) = aged();
    for _ in 0..20 {
        let own = Arc::clone(&pool);
        // When the maintenance looks at the clock next, it has just ceased to be trusted.
        lock(&pool.clock().at_looks).push_back(Box::new(move || drop(own.try_get().unwrap())));
        pool.clock().clock.advance(Duration::from_millis(125));
        Arc::clone(&maintenance.0).wake();
        assert!(lock(&pool.clock().at_looks).is_empty(), "nobody has looked");
        drop(pool.try_get().unwrap());
    }
    assert_eq!(pool.metrics().checked, 0);
}

#[test]
fn a_connection_that_was_looked_at_in_vain_is_checked_though_the_maintenance_took_it_for_one_in_use() {
    let config = Config::new().max_lifetime(None).keepalive(None).idle_timeout(None);
    let pool = Arc::new(Floored::with_clock(Server::default(), config, Alarm::default()).unwrap());
    drop(pool.try_get().unwrap());
    let own = Arc::clone(&pool);
    let maintenance = Arc::new(Mutex::new(Box::pin(async move { own.run_maintenance().await })));
    let same = Arc::clone(&maintenance);
    let run = move || assert!(lock(&same).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    run();
    pool.clock().clock.advance(Duration::from_millis(125));
    // It finds that nobody uses the pool, and sleeps for long.
    run();
    pool.clock().clock.advance(Duration::from_secs(10));
    lock(&pool.clock().at_looks).push_back(Box::new(run));
    assert!(pool.try_get_idle().is_none());
    drop(pool.try_get().unwrap());
    assert_eq!(pool.metrics().checked, 1);
}

#[test]
fn maintenance_bears_with_connections_that_come_and_go() {
    let config = Config::new().max_lifetime(Some(Duration::from_millis(1))).lifetime_jitter_percent(0);
    let pool = pool::<1>(Server::default(), config);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // It finds a connection that is too old, and puts it back.
                drop(pool.try_get_idle());
            }
        });
        let work = || {
            for _ in 0..20_000 {
                drop(pool.get());
                pool.clock().advance(Duration::from_millis(1));
                pool.maintain(pool.clock().now());
            }
        };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.is_ok());
    });
}

#[test]
fn who_was_granted_a_connection_does_not_wait_until_another_is_parted_with() {
    for _ in 0..300 {
        let server = Server { discards: Some(Gate::default()), ..Server::default() };
        let pool = pool::<3>(server, Config::new());
        let mut held: Vec<_> = (0..3).map(|_| owned(pool.try_get().unwrap(), &pool)).collect();
        pool.resize(2).unwrap();
        let waiter = thread::spawn({
            let pool = Arc::clone(&pool);
            move || drop(pool.get().unwrap())
        });
        wait_until("it waits", || pool.status().waiting == 1);
        // One of two is one too many; the other is for the waiter. Both come back in one moment.
        let barrier = Arc::new(Barrier::new(2));
        let givers = [held.pop(), held.pop()].map(|held| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                barrier.wait();
                drop(held);
            })
        });
        let is_served = comes(|| waiter.is_finished());
        pool.manager().discards.as_ref().unwrap().open();
        assert!(is_served);
        for giver in givers {
            giver.join().unwrap();
        }
        waiter.join().unwrap();
    }
}

#[test]
fn who_finds_a_connection_unfit_makes_no_other_while_too_many_are_out() {
    let server = Server { checking: Some(Gate::default()), ..Server::default() };
    lock(&server.checks).push_back(Err(()));
    let pool = pool::<2>(server, check_each());
    let held = pool.try_get().unwrap();
    drop(pool.try_get().unwrap());
    let mut task = pin!(pool.get_async());
    assert!(poll_once(task.as_mut()).is_pending());
    pool.resize(1).unwrap();
    pool.manager().checking.as_ref().unwrap().open();
    // With the one that is still held there are as many as may be.
    assert!(poll_once(task.as_mut()).is_pending(), "another was made");
    drop(held);
    let Poll::Ready(Ok(guard)) = poll_once(task.as_mut()) else { panic!("the task was not served") };
    assert_eq!((guard.id, pool.manager().census.made()), (0, 2));
}
