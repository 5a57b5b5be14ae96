//! The callers of a pool: threads with a health check, or tasks with their maintenance. A trial is written once, as an
//! async function over either.

use std::any::Any;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::{Clock, Config, ConnGuard, GetError, Pool, SystemClock};
use futures::executor::block_on;
use futures::future::join_all;

use crate::driver::{Behaviour, Driver};
use crate::kit::managed::{millis, secs};
use crate::timer::Timer;

pub(crate) type Got<'a, K, const N: usize> = Result<ConnGuard<'a, Driver, N, K>, GetError<&'static str>>;

/// What runs as long as the pool, and stops when it is dropped, if it has to be told.
type Handle = Box<dyn Any + Send + Sync>;

/// A kind of callers, which a pool's clock stands for.
pub(crate) trait Callers: Clock + Send + Sync + Sized + 'static {
    const NAME: &'static str;
    const CLOCK: Self;

    fn begin_maintenance<const N: usize>(pool: &Arc<Pool<Driver, N, Self>>) -> Handle;

    async fn get<const N: usize>(pool: &Pool<Driver, N, Self>, patience: Duration) -> Got<'_, Self, N>;

    async fn pause(duration: Duration);

    /// So many callers, which begin at the same moment, and what each of them has come to.
    fn all<T: Send, F: Future<Output = T>>(count: usize, caller: impl Fn(usize) -> F + Sync) -> Vec<T>;
}

/// Threads.
impl Callers for SystemClock {
    const NAME: &'static str = "threads";
    const CLOCK: Self = Self;

    fn begin_maintenance<const N: usize>(pool: &Arc<Pool<Driver, N, Self>>) -> Handle {
        Box::new(pool.health_check().expect("a thread"))
    }

    async fn get<const N: usize>(pool: &Pool<Driver, N, Self>, patience: Duration) -> Got<'_, Self, N> {
        pool.get_timeout(patience)
    }

    async fn pause(duration: Duration) {
        thread::sleep(duration);
    }

    fn all<T: Send, F: Future<Output = T>>(count: usize, caller: impl Fn(usize) -> F + Sync) -> Vec<T> {
        let (barrier, caller) = (Barrier::new(count), &caller);
        let work = |number| {
            barrier.wait();
            block_on(caller(number))
        };
        thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || work(number))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no caller panics")).collect()
        })
    }
}

/// Tasks, all of them on one thread, so that one that blocks is in the way of the others.
impl Callers for Timer {
    const NAME: &'static str = "tasks";
    const CLOCK: Self = Self;

    fn begin_maintenance<const N: usize>(pool: &Arc<Pool<Driver, N, Self>>) -> Handle {
        let pool = Arc::clone(pool);
        // It ends when the pool is closed.
        Box::new(thread::spawn(move || block_on(pool.run_maintenance())))
    }

    async fn get<const N: usize>(pool: &Pool<Driver, N, Self>, patience: Duration) -> Got<'_, Self, N> {
        pool.get_async_timeout(patience).await
    }

    async fn pause(duration: Duration) {
        Self.sleep(duration).await;
    }

    fn all<T: Send, F: Future<Output = T>>(count: usize, caller: impl Fn(usize) -> F + Sync) -> Vec<T> {
        block_on(join_all((0..count).map(caller)))
    }
}

/// A pool that is maintained. It is closed when it is dropped.
pub(crate) struct Maintained<K: Callers, const N: usize> {
    pool: Arc<Pool<Driver, N, K>>,
    _maintenance: Handle,
}

impl<K: Callers, const N: usize> Maintained<K, N> {
    pub(crate) fn new(config: Config, behaviour: Behaviour) -> Self {
        let pool = Pool::with_clock(Driver::new(behaviour), config, K::CLOCK).expect("a sound configuration");
        let pool = Arc::new(pool);
        let maintenance = K::begin_maintenance(&pool);
        Self { pool, _maintenance: maintenance }
    }

    /// With so many idle connections, made before the driver behaves as it should.
    pub(crate) fn filled(config: Config, count: usize, behaviour: Behaviour) -> Self {
        let filled = Self::new(config, Behaviour::default());
        // A task that maintains the pool connects from its first poll on.
        thread::sleep(millis(20));
        let guards: Vec<_> = (0..count).map(|_| filled.get(secs(2))).collect();
        assert!(guards.iter().all(Result::is_ok), "the pool is filled while its server is well");
        drop(guards);
        filled.manager().set(|own| *own = behaviour);
        filled
    }

    /// As one caller.
    pub(crate) fn get(&self, patience: Duration) -> Got<'_, K, N> {
        block_on(K::get(self, patience))
    }
}

impl<K: Callers, const N: usize> Deref for Maintained<K, N> {
    type Target = Pool<Driver, N, K>;

    fn deref(&self) -> &Self::Target {
        &self.pool
    }
}

impl<K: Callers, const N: usize> Drop for Maintained<K, N> {
    fn drop(&mut self) {
        self.pool.close();
    }
}

/// What a call has come to, and how long that took.
pub(crate) async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let output = call.await;
    (output, began.elapsed())
}

/// How long it takes from now until `condition` holds; `None` if it does not within `longest`.
pub(crate) fn comes_within(longest: Duration, condition: impl Fn() -> bool) -> Option<Duration> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > longest {
            return None;
        }
        thread::sleep(Duration::from_micros(500));
    }
    Some(began.elapsed())
}
