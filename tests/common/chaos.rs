//! What the hard tests of the managed pool share: a clock that the test winds, gates, connections that are accounted for,
//! and a watchdog.

#![allow(dead_code, reason = "each test file is a program of its own and uses its own part of this")]

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::Clock;

#[path = "owned.rs"]
mod own;
#[allow(unused_imports, reason = "as above")]
pub(crate) use own::{get_async_owned, owned};

/// Longer than anything a test waits for, shorter than anybody's patience.
pub(crate) const FOREVER: Duration = Duration::from_secs(30);

/// A panic that is part of the test, and hence not worth a word on the terminal.
pub(crate) struct Planned;

/// Unwinds without the panic hook.
pub(crate) fn panic_as_planned() -> ! {
    resume_unwind(Box::new(Planned))
}

/// What `work` returns; `None` if it panicked as planned.
pub(crate) fn survive<R>(work: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(work)).map_err(only_as_planned).ok()
}

/// Passes a panic on, unless it was planned.
pub(crate) fn only_as_planned(panic: Box<dyn Any + Send>) {
    if !panic.is::<Planned>() {
        resume_unwind(panic);
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

/// Runs `work` on a thread of its own. If it fails, or does not end, the test fails with its name.
#[track_caller]
pub(crate) fn watched<R: Send + 'static>(name: &str, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let result = work();
        // Nobody listens any more if it took too long.
        let _gone = sender.send(result);
    });
    match receiver.recv_timeout(FOREVER) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{name}: somebody is stuck"),
        Err(RecvTimeoutError::Disconnected) => {
            let panic = worker.join().err().unwrap_or_else(|| Box::new("it ended without a result"));
            panic!("{name}: {}", message(&*panic))
        }
    }
}

/// Locks, whoever panicked meanwhile.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closed at first, and open for good once it was opened: for threads and tasks.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<(bool, Vec<Waker>)>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        let wakers = {
            let mut state = lock(&self.state);
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        self.opened.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_open(&self) -> bool {
        lock(&self.state).0
    }

    pub(crate) fn wait(&self) {
        let _open = self.opened.wait_while(lock(&self.state), |state| !state.0);
    }

    pub(crate) async fn passed(&self) {
        std::future::poll_fn(|context| {
            let mut state = lock(&self.state);
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A clock that stands still until it is wound. Clones show the same time.
#[derive(Clone, Default)]
pub(crate) struct SimClock(Arc<Sim>);

#[derive(Default)]
struct Sim {
    dial: Mutex<Dial>,
    moved: Condvar,
}

#[derive(Default)]
struct Dial {
    now: Duration,
    /// By the time at which they are to be woken.
    sleepers: BTreeMap<(Duration, usize), Waker>,
    next: usize,
}

impl SimClock {
    pub(crate) fn advance(&self, by: Duration) {
        let due = {
            let mut dial = lock(&self.0.dial);
            dial.now += by;
            let later = (dial.now + Duration::from_nanos(1), 0);
            let rest = dial.sleepers.split_off(&later);
            std::mem::replace(&mut dial.sleepers, rest)
        };
        self.0.moved.notify_all();
        due.into_values().for_each(Waker::wake);
    }

    /// Blocks the thread until somebody has wound the clock by so much.
    pub(crate) fn block(&self, duration: Duration) {
        let dial = lock(&self.0.dial);
        let until = dial.now + duration;
        let _later = self.0.moved.wait_while(dial, |dial| dial.now < until);
    }
}

impl Clock for SimClock {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        lock(&self.0.dial).now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let mut dial = lock(&self.0.dial);
        dial.next += 1;
        Sleep { clock: self.clone(), until: (dial.now + duration, dial.next) }
    }
}

struct Sleep {
    clock: SimClock,
    until: (Duration, usize),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut dial = lock(&self.clock.0.dial);
        if dial.now >= self.until.0 {
            return Poll::Ready(());
        }
        dial.sleepers.insert(self.until, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        lock(&self.clock.0.dial).sleepers.remove(&self.until);
    }
}

/// Counts connections: those that were made, those that the manager took leave of, those that are gone.
#[derive(Default)]
pub(crate) struct Census {
    made: AtomicUsize,
    taken_leave_of: AtomicUsize,
    live: AtomicUsize,
    most_live: AtomicUsize,
}

impl Census {
    pub(crate) fn connect(self: &Arc<Self>) -> Conn {
        let id = self.made.fetch_add(1, Ordering::SeqCst);
        let live = self.live.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_live.fetch_max(live, Ordering::SeqCst);
        Conn { id, epoch: 0, state: State::Fit, is_used: AtomicBool::new(false), census: Arc::clone(self) }
    }

    /// By `on_discard`, first of all.
    pub(crate) fn take_leave(&self) {
        self.taken_leave_of.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    pub(crate) fn most_live(&self) -> usize {
        self.most_live.load(Ordering::SeqCst)
    }

    /// All are gone, and of each the manager took leave once.
    #[track_caller]
    pub(crate) fn assert_all_gone(&self) {
        assert_eq!(self.live(), 0, "connections are left");
        assert_eq!(self.taken_leave_of.load(Ordering::SeqCst), self.made(), "`on_discard` is called once for each");
    }
}

/// What is known about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fit,
    /// A check or a reset has begun, and has not ended well.
    HalfWay,
    /// Its server is gone: to be found at the return.
    Broken,
    /// To be checked before it is lent again.
    Dirty,
}

/// A connection of a [`Census`].
pub(crate) struct Conn {
    pub(crate) id: usize,
    /// How many evictions had begun when it was.
    pub(crate) epoch: usize,
    pub(crate) state: State,
    is_used: AtomicBool,
    census: Arc<Census>,
}

impl Conn {
    /// It is in the hands of a borrower, who must be the only one, and may expect it to be fit.
    #[track_caller]
    pub(crate) fn assert_lent(&self) {
        assert!(!self.is_used.swap(true, Ordering::SeqCst), "connection {} is lent to two", self.id);
        assert_eq!(self.state, State::Fit, "connection {} was lent", self.id);
        self.is_used.store(false, Ordering::SeqCst);
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.census.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Looks again and again until `condition` holds, which it does soon unless something is broken.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    assert!(comes(condition), "what the test waits for does not come: {what}");
}

/// Whether `condition` comes to hold.
pub(crate) fn comes(condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + FOREVER;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::yield_now();
    }
    true
}
