//! What several test files share: bells for wakers, tasks that are polled by hand, connections that are accounted for.

#![allow(dead_code, reason = "each test file is a program of its own and uses its own part of this")]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

#[cfg(feature = "alloc")]
use conn_pool::OwnedConnGuard;
use conn_pool::{ConnGuard, Get, Pool, PoolError};

/// Longer than anything a test waits for, shorter than anybody's patience.
pub(crate) const FOREVER: Duration = Duration::from_secs(30);

/// Looks again and again until `condition` holds, which it does soon unless something is broken.
#[track_caller]
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + FOREVER;
    while !condition() {
        assert!(Instant::now() < deadline, "what the test waits for does not come");
        std::thread::yield_now();
    }
}

/// Looks until so many callers stand in line.
#[track_caller]
pub(crate) fn wait_for_waiting<C, const N: usize>(pool: &Pool<C, N>, waiting: usize) {
    wait_until(|| pool.status().waiting == waiting);
}

/// A waker that counts how often it was woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&bell));
        (bell, waker)
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that runs a closure.
pub(crate) fn waker_that(work: impl Fn() + Send + Sync + 'static) -> Waker {
    struct Calling<F>(F);
    impl<F: Fn() + Send + Sync + 'static> Wake for Calling<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Waker::from(Arc::new(Calling(work)))
}

/// A waker that panics.
pub(crate) fn waker_that_panics(message: &'static str) -> Waker {
    waker_that(move || panic!("{message}"))
}

/// Polls with a waker.
pub(crate) fn poll_with<F: Future>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Polls with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// A task with a bell of its own, which runs only when the test polls it.
pub(crate) struct Task<'a, C, const N: usize> {
    pub(crate) future: Pin<Box<Get<'a, C, N>>>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl<'a, C, const N: usize> Task<'a, C, N> {
    pub(crate) fn new(pool: &'a Pool<C, N>) -> Self {
        let (bell, waker) = Bell::new();
        Self { future: Box::pin(pool.get_async()), bell, waker }
    }

    /// A task that stands in line.
    #[track_caller]
    pub(crate) fn in_line(pool: &'a Pool<C, N>) -> Self {
        let mut task = Self::new(pool);
        assert!(task.poll().is_pending(), "there was a connection to be had");
        task
    }

    /// A task that stands in line with this waker.
    #[track_caller]
    pub(crate) fn in_line_with(pool: &'a Pool<C, N>, waker: Waker) -> Self {
        let mut task = Self::new(pool);
        task.set_waker(waker);
        assert!(task.poll().is_pending(), "there was a connection to be had");
        task
    }

    pub(crate) fn set_waker(&mut self, waker: Waker) {
        self.waker = waker;
    }

    pub(crate) fn poll(&mut self) -> Poll<Result<ConnGuard<'a, C, N>, PoolError>> {
        poll_with(&mut self.future, &self.waker)
    }

    /// How often it was woken.
    pub(crate) fn rings(&self) -> usize {
        self.bell.rings()
    }

    /// The connection that it must have been granted.
    #[track_caller]
    pub(crate) fn guard(&mut self) -> ConnGuard<'a, C, N> {
        match self.poll() {
            Poll::Ready(Ok(guard)) => guard,
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => panic!("the task was not served"),
        }
    }

    /// The error that it must have got.
    #[track_caller]
    pub(crate) fn error(&mut self) -> PoolError {
        match self.poll() {
            Poll::Ready(Ok(_)) => panic!("the task got a connection"),
            Poll::Ready(Err(error)) => error,
            Poll::Pending => panic!("the task still waits"),
        }
    }
}

/// Everybody that stands in line for this pool: `count` tasks.
#[track_caller]
pub(crate) fn tasks_in_line<C, const N: usize>(pool: &Pool<C, N>, count: usize) -> Vec<Task<'_, C, N>> {
    (0..count).map(|_| Task::in_line(pool)).collect()
}

/// All the connections that are free now.
pub(crate) fn hold_all<C, const N: usize>(pool: &Pool<C, N>) -> Vec<ConnGuard<'_, C, N>> {
    std::iter::from_fn(|| pool.try_get().ok()).collect()
}

/// The same guard, as one that owns its pool.
#[cfg(feature = "alloc")]
#[track_caller]
pub(crate) fn owned<C, const N: usize>(guard: ConnGuard<'_, C, N>, pool: &Arc<Pool<C, N>>) -> OwnedConnGuard<C, N> {
    ConnGuard::into_owned(guard, pool).ok().expect("a guard of this pool")
}

/// A future that owns its pool, and yields a guard that does: one that may be spawned.
#[cfg(feature = "alloc")]
pub(crate) async fn get_async_owned<C, const N: usize>(
    pool: Arc<Pool<C, N>>,
) -> Result<OwnedConnGuard<C, N>, PoolError> {
    Ok(owned(pool.get_async().await?, &pool))
}

/// Accounts for connections: each is dropped once, and nobody uses one while another does.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Vec<usize>>);

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn connect(self: &Arc<Self>) -> Conn {
        let mut drops = self.0.lock().unwrap();
        drops.push(0);
        Conn { id: drops.len() - 1, used: AtomicBool::new(false), panics: false, ledger: Arc::clone(self) }
    }

    /// A connection whose destructor panics, once it has been accounted for.
    pub(crate) fn connect_to_panic(self: &Arc<Self>) -> Conn {
        let mut conn = self.connect();
        conn.panics = true;
        conn
    }

    pub(crate) fn made(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// How many connections were dropped; none of them twice.
    #[track_caller]
    pub(crate) fn dropped(&self) -> usize {
        let drops = self.0.lock().unwrap();
        assert!(drops.iter().all(|drops| *drops <= 1), "dropped twice: {drops:?}");
        drops.iter().sum()
    }

    #[track_caller]
    pub(crate) fn assert_each_dropped_once(&self) {
        assert_eq!(self.dropped(), self.made());
    }
}

/// A connection of a [`Ledger`].
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) id: usize,
    used: AtomicBool,
    panics: bool,
    ledger: Arc<Ledger>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

impl Conn {
    /// Does something with the connection that only one may do at a time.
    pub(crate) fn use_alone(&self, work: impl FnOnce()) {
        assert!(!self.used.swap(true, Ordering::Relaxed), "connection {} is used by two", self.id);
        work();
        self.used.store(false, Ordering::Relaxed);
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.ledger.0.lock().unwrap()[self.id] += 1;
        assert!(!self.panics, "the destructor of connection {} panics", self.id);
    }
}

/// Whether `work` panics.
pub(crate) fn panics(work: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

/// A generator of test data that is the same in each run: Marsaglia's xorshift.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 33) % sides as u64).unwrap()
    }
}

/// The pool as it should be when everybody is through: nobody waits, nothing is out.
#[track_caller]
pub(crate) fn assert_at_rest<C, const N: usize>(pool: &Pool<C, N>) {
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting), (0, 0), "{status:?}");
    assert_eq!(status.idle + status.vacant, status.max_size, "{status:?}");
}
