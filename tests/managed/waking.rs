//! Maintenance that sleeps is woken when the floor is no longer kept, whenever that happens.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, CanSleep, Clock, Config, ConnGuard, Lifecycle, Manager, Pool};

use crate::kit::{Bell, Script, SimClock, lock, poll_with, waker_that};

type Hook = Box<dyn FnOnce(&'static Stage) + Send>;

/// A pool whose clock, manager and sleep the test runs something in the midst of. Its sleep never ends, and no option
/// has it look now and then.
#[derive(Default)]
struct Stage {
    pool: OnceLock<Pool<&'static Stage, 2, &'static Stage>>,
    is_down: AtomicBool,
    /// At a look at the clock with a connection in the pool, after so many others.
    in_clock: Mutex<Option<Hook>>,
    looks_before: AtomicUsize,
    in_connect: Mutex<Option<Hook>>,
    in_sleep: Mutex<Option<Hook>>,
    slept: Mutex<Vec<Duration>>,
}

impl Stage {
    /// With one connection at most.
    fn new() -> &'static Self {
        Self::with(Config::new().max_size(1))
    }

    fn with(config: Config) -> &'static Self {
        // For ever, in a place where leak detectors see it.
        static STAGES: Mutex<Vec<&'static Stage>> = Mutex::new(Vec::new());
        let stage: &'static Self = Box::leak(Box::default());
        STAGES.lock().unwrap().push(stage);
        let config = config.min_idle(1).max_lifetime(None).validate_after(None).idle_timeout(None).keepalive(None);
        stage.pool.set(Pool::with_clock(stage, config, stage).unwrap()).unwrap();
        stage
    }

    fn pool(&self) -> &Pool<&'static Stage, 2, &'static Stage> {
        self.pool.get().unwrap()
    }

    fn idle(&self) -> usize {
        self.pool().status().idle
    }

    fn run(&'static self, hook: &Mutex<Option<Hook>>) {
        let hook = hook.lock().unwrap().take();
        if let Some(hook) = hook {
            hook(self);
        }
    }

    fn connected(&'static self) -> Result<(), &'static str> {
        self.run(&self.in_connect);
        if self.is_down.load(Ordering::SeqCst) { Err("down") } else { Ok(()) }
    }
}

impl Lifecycle for &'static Stage {
    type Connection = ();
    type Error = &'static str;
}

impl Manager for &'static Stage {
    fn connect(&self, _within: Option<Duration>) -> Result<(), &'static str> {
        self.connected()
    }
}

impl AsyncManager for &'static Stage {
    async fn connect(&self) -> Result<(), &'static str> {
        self.connected()
    }
}

impl Clock for Stage {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn coarse(&self) -> Duration {
        if let Some(pool) = self.pool.get()
            && pool.status().idle == 1
        {
            let stage = *pool.manager();
            let before = stage.looks_before.load(Ordering::SeqCst);
            stage.looks_before.store(before.saturating_sub(1), Ordering::SeqCst);
            if before == 0 {
                stage.run(&stage.in_clock);
            }
        }
        Duration::ZERO
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let stage = *self.pool().manager();
        stage.slept.lock().unwrap().push(duration);
        stage.run(&stage.in_sleep);
        poll_fn(|_| Poll::Pending)
    }
}

impl CanSleep for Stage {}

/// The maintenance, which has kept the floor and sleeps.
fn asleep(stage: &'static Stage) -> Pin<Box<impl Future<Output = ()>>> {
    let mut upkeep = Box::pin(stage.pool().run_maintenance());
    assert!(poll_with(&mut upkeep, Waker::noop()).is_pending());
    upkeep
}

#[test]
fn it_is_roused_when_the_slot_of_a_discarded_connection_is_vacant() {
    let stage = Stage::new();
    let mut upkeep = asleep(stage);
    let guard = stage.pool().try_get().unwrap();
    let vacant = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&vacant);
    let waker = waker_that(move || seen.lock().unwrap().push(stage.pool().status().vacant));
    assert!(poll_with(&mut upkeep, &waker).is_pending());
    ConnGuard::discard(guard);
    assert_eq!(*vacant.lock().unwrap(), [1]);
    assert!(poll_with(&mut upkeep, &waker).is_pending());
    assert_eq!(stage.idle(), 1);
}

#[test]
fn it_is_roused_when_a_caller_could_not_connect() {
    let stage = Stage::new();
    let upkeep = Arc::new(Mutex::new(Box::pin(stage.pool().run_maintenance())));
    let (bell, waker) = Bell::new();
    let (polled, woken) = (Arc::clone(&upkeep), waker.clone());
    stage.is_down.store(true, Ordering::SeqCst);
    // It finds no room, since the caller connects in the only slot, and goes to sleep.
    *stage.in_connect.lock().unwrap() =
        Some(Box::new(move |_| assert!(poll_with(&mut polled.lock().unwrap(), &woken).is_pending())));
    stage.pool().try_get().unwrap_err();
    assert_eq!(bell.rings(), 1);
    stage.is_down.store(false, Ordering::SeqCst);
    assert!(poll_with(&mut upkeep.lock().unwrap(), &waker).is_pending());
    assert_eq!(stage.idle(), 1);
}

#[test]
fn it_is_roused_when_there_is_room_for_another_who_connects() {
    let stage = Stage::with(Config::new().max_connecting(1));
    let upkeep = Arc::new(Mutex::new(Box::pin(stage.pool().run_maintenance())));
    let (bell, waker) = Bell::new();
    let (polled, woken) = (Arc::clone(&upkeep), waker.clone());
    *stage.in_connect.lock().unwrap() =
        Some(Box::new(move |_| assert!(poll_with(&mut polled.lock().unwrap(), &woken).is_pending())));
    let _guard = stage.pool().try_get().unwrap();
    assert_eq!((stage.idle(), bell.rings()), (0, 1));
    assert!(poll_with(&mut upkeep.lock().unwrap(), &waker).is_pending());
    assert_eq!(stage.idle(), 1);
}

/// At each of its looks at the clock before it goes to sleep.
#[test]
fn what_goes_while_it_is_about_to_sleep_is_noticed() {
    let mut looks = 0;
    loop {
        let stage = Stage::new();
        stage.looks_before.store(looks, Ordering::SeqCst);
        *stage.in_clock.lock().unwrap() = Some(Box::new(|stage| assert_eq!(stage.pool().evict_all(), 1)));
        let _upkeep = asleep(stage);
        if stage.in_clock.lock().unwrap().take().is_some() {
            break;
        }
        let slept = *stage.slept.lock().unwrap().last().unwrap();
        let is_noticed = stage.idle() == 1 || slept < Duration::from_secs(1);
        assert!(is_noticed, "look {looks}: it sleeps for {slept:?} while the floor is not kept");
        looks += 1;
    }
    assert!(looks > 1, "it looked at the clock {looks} times");
}

#[test]
fn what_goes_when_it_has_just_decided_to_sleep_is_noticed() {
    let stage = Stage::new();
    *stage.in_sleep.lock().unwrap() = Some(Box::new(|stage| assert_eq!(stage.pool().evict_all(), 1)));
    let (bell, waker) = Bell::new();
    let mut upkeep = Box::pin(stage.pool().run_maintenance());
    assert!(poll_with(&mut upkeep, &waker).is_pending());
    assert!(bell.rings() > 0);
    assert!(poll_with(&mut upkeep, &waker).is_pending());
    assert_eq!(stage.idle(), 1);
}

type Work = Box<dyn FnOnce() + Send>;

/// A clock on which something may happen when it is read, or when a sleep begins.
#[derive(Default)]
struct Alarm {
    clock: SimClock,
    /// When it is read, one by one.
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

impl CanSleep for Alarm {}

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

type Floored = conn_pool::managed::Pool<Script, 1, Alarm>;

/// A pool whose maintenance keeps one connection ready, and has fallen asleep.
fn floored() -> (Arc<Floored>, Ending) {
    let config = Config::new().min_idle(1).max_lifetime(None).validate_after(None);
    let pool = Arc::new(Floored::with_clock(Script::default(), config, Alarm::default()).unwrap());
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
    let pool = Arc::new(Floored::with_clock(Script::default(), config, Alarm::default()).unwrap());
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
        assert!(lock(&pool.clock().at_looks).is_empty(), "the clock was not read");
        drop(pool.try_get().unwrap());
    }
    assert_eq!(pool.metrics().checked, 0);
}

#[test]
fn a_connection_that_was_looked_at_in_vain_is_checked_though_the_maintenance_took_it_for_one_in_use() {
    let config = Config::new().max_lifetime(None).keepalive(None).idle_timeout(None);
    let pool = Arc::new(Floored::with_clock(Script::default(), config, Alarm::default()).unwrap());
    drop(pool.try_get().unwrap());
    let own = Arc::clone(&pool);
    let maintenance = Arc::new(Mutex::new(Box::pin(async move { own.run_maintenance().await })));
    let same = Arc::clone(&maintenance);
    let run = move || assert!(lock(&same).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    run();
    pool.clock().clock.advance(Duration::from_millis(125));
    // It finds that the pool is not used, and sleeps for long.
    run();
    pool.clock().clock.advance(Duration::from_secs(10));
    lock(&pool.clock().at_looks).push_back(Box::new(run));
    assert!(pool.try_get_idle().is_none());
    drop(pool.try_get().unwrap());
    assert_eq!(pool.metrics().checked, 1);
}
