//! Whoever looks after a pool and sleeps is roused when the floor is no longer kept, whenever that happens. The floor is one
//! connection here, and nobody uses the pool but as the test says.
#![cfg(feature = "std")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, Waker};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Clock, Config, ConnGuard, Lifecycle, Manager, Pool};

use crate::common::{Bell, poll_with, waker_that};

type Hook = Box<dyn FnOnce(&'static Stage) + Send>;

/// A pool whose clock, manager and sleep the test runs something in the midst of. Its sleep never ends, and no option has it
/// look now and then.
#[derive(Default)]
struct Stage {
    pool: OnceLock<Pool<&'static Stage, 2, &'static Stage>>,
    is_down: AtomicBool,
    in_clock: Mutex<Option<Hook>>,
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
            stage.run(&stage.in_clock);
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

#[test]
fn what_goes_while_it_is_about_to_sleep_is_noticed() {
    let stage = Stage::new();
    // The first look at the clock with a connection in the pool is the one before it goes to sleep.
    *stage.in_clock.lock().unwrap() = Some(Box::new(|stage| assert_eq!(stage.pool().evict_all(), 1)));
    let _upkeep = asleep(stage);
    assert_eq!(stage.idle(), 0);
    assert!(stage.slept.lock().unwrap()[0] < Duration::from_secs(1), "it sleeps while nobody keeps the floor");
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
