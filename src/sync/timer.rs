// knows: process · must not know: what a task waits for
//! Timers for tasks whose runtime has none that the pool knows: one thread for the whole process, which calls wakers
//! when their time has come.
//!
//! It is started when a task waits for a time, and ends when no task has done so for a while.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::future::Future;
use std::mem::swap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::string::ToString;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::process::{process, watched_process};

/// How long the thread waits for another timer before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// The latest time for which a timer is set, some three centuries from the start. Times after it are left for those
/// that are made to differ from it.
const LATEST: u64 = u64::MAX / 2;

/// Ends when its time has come.
pub(crate) struct Timer {
    /// In nanoseconds from [`start`]. From when it is registered, the number by which it is known.
    at: u64,
    /// Where it is registered.
    timers: Option<&'static Timers>,
}

struct Timers {
    /// The process whose threads use it.
    process: usize,
    /// Starts the thread; `false` if that fails.
    start_thread: fn(&'static Timers) -> bool,
    state: Mutex<State>,
    /// The first timer has changed.
    changed: Condvar,
    /// Those of a fork's child of that process, in the child.
    childs: OnceLock<Box<Timers>>,
}

struct State {
    /// By their times, which are made to differ.
    wakers: BTreeMap<u64, Waker>,
    has_thread: bool,
}

/// The timers of this process. A fork's child has no thread that calls its copy of the parent's wakers, and their lock
/// may be locked there for ever. So it has timers of its own, and leaves the parent's alone.
fn timers() -> &'static Timers {
    static FIRST: OnceLock<Timers> = OnceLock::new();
    let mut timers = FIRST.get_or_init(|| Timers::new(start_thread));
    while !timers.is_own() {
        timers = timers.childs.get_or_init(|| Box::new(Timers::new(start_thread)));
    }
    timers
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Now, in nanoseconds from the start: for some five centuries.
fn now() -> u64 {
    u64::try_from(start().elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl Timer {
    /// Ends when `duration` has passed.
    pub(crate) fn new(duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self { at: now().saturating_add(nanos).min(LATEST), timers: None }
    }

    /// Whether its time has come; if not, the waker is called at that time.
    fn look(&mut self, timers: &'static Timers, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= now() {
            self.forget();
            return Poll::Ready(());
        }
        if self.timers.is_some_and(|present| ptr::eq(present, timers)) {
            timers.replace(self.at, context.waker());
        } else {
            self.at = timers.add(self.at, context.waker());
            self.timers = Some(timers);
        }
        Poll::Pending
    }

    fn forget(&mut self) {
        if let Some(timers) = self.timers.take().filter(|timers| timers.is_own()) {
            let _dropped_without_the_lock = timers.state().wakers.remove(&self.at);
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.look(timers(), context)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Timers {
    fn new(start_thread: fn(&'static Timers) -> bool) -> Self {
        let state = Mutex::new(State { wakers: BTreeMap::new(), has_thread: false });
        Self { process: watched_process(), start_thread, state, changed: Condvar::new(), childs: OnceLock::new() }
    }

    fn is_own(&self) -> bool {
        self.process == process()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No user code runs under this lock, so it is never poisoned half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `waker` called at that time, or a few nanoseconds later, which it answers.
    fn add(&'static self, mut at: u64, waker: &Waker) -> u64 {
        let own = waker.clone();
        let mut state = self.state();
        while state.wakers.contains_key(&at) {
            at += 1;
        }
        let is_first = state.wakers.first_key_value().is_none_or(|(first, _)| at < *first);
        state.wakers.insert(at, own);
        if is_first {
            self.changed.notify_one();
        }
        let is_served = self.has_thread(&mut state);
        drop(state);
        if !is_served {
            // The task looks at the time itself, again and again, rather than never.
            waker.wake_by_ref();
        }
        at
    }

    /// Has `waker` called instead of the one that was left before. A timer whose time has come has none any more.
    fn replace(&'static self, at: u64, waker: &Waker) {
        let mut left = waker.clone();
        let mut state = self.state();
        let is_there = state.wakers.get_mut(&at).map(|present| swap(present, &mut left)).is_some();
        let is_served = is_there && self.has_thread(&mut state);
        // What is left is dropped without the lock: it is user code.
        drop(state);
        if !is_served {
            // Polled between its time and the call of its waker; or there is no thread still.
            waker.wake_by_ref();
        }
    }

    /// Whether there is a thread. If there is none, it is started, as far as that is possible now.
    fn has_thread(&'static self, state: &mut State) -> bool {
        state.has_thread = state.has_thread || (self.start_thread)(self);
        state.has_thread
    }

    /// The next waker to call, at its time; `None` if the thread has to end.
    fn next(&self) -> Option<Waker> {
        let mut state = self.state();
        let mut idle_until = Instant::now() + IDLE;
        loop {
            let present = now();
            let next = state.wakers.first_key_value().map(|(at, _)| *at);
            match next {
                Some(at) if at <= present => return state.wakers.remove(&at),
                Some(_) => idle_until = Instant::now() + IDLE,
                None if idle_until <= Instant::now() => {
                    state.has_thread = false;
                    return None;
                }
                None => {}
            }
            let left = next.map_or(IDLE, |at| Duration::from_nanos(at - present));
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn start_thread(timers: &'static Timers) -> bool {
    thread::Builder::new().name("conn_pool timers".to_string()).spawn(move || run(timers)).is_ok()
}

fn run(timers: &Timers) {
    while let Some(waker) = timers.next() {
        // A waker is user code. Its panic was reported through the panic hook, and concerns no other task.
        let _panic = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, LazyLock};
    use std::task::{Context, Poll, Wake, Waker};
    use std::vec::Vec;

    use super::{Duration, Instant, Timer, Timers, timers};

    const SHORT: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_timer_ends_after_its_time() {
        let began = Instant::now();
        pollster::block_on(Timer::new(SHORT));
        assert!(began.elapsed() >= SHORT);
    }

    #[test]
    fn timers_end_in_the_order_of_their_times_whatever_the_order_in_which_they_were_set() {
        let timers: Vec<_> = [3, 1, 2, 2].map(|times| (times, Timer::new(SHORT * times))).into_iter().collect();
        let (sender, ended) = std::sync::mpsc::channel();
        for (times, timer) in timers {
            let sender = sender.clone();
            std::thread::spawn(move || {
                pollster::block_on(timer);
                sender.send(times).unwrap();
            });
        }
        drop(sender);
        let mut ended: Vec<_> = ended.into_iter().collect();
        ended.sort_unstable();
        assert_eq!(ended, [1, 2, 2, 3]);
    }

    fn poll(timer: &mut Timer) -> Poll<()> {
        Pin::new(timer).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_longest_timers_do_not_end() {
        let mut timers = [Timer::new(Duration::MAX), Timer::new(Duration::MAX)];
        for _ in 0..2 {
            assert!(timers.iter_mut().all(|timer| poll(timer).is_pending()));
        }
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_task_looks_at_the_time_again_and_again_while_there_is_no_thread() {
        static TIMERS_WITHOUT_THREAD: LazyLock<Timers> = LazyLock::new(|| Timers::new(|_| false));
        let counter = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut timer = Timer::new(LONG);
        for polls in 1..=3 {
            assert!(timer.look(&TIMERS_WITHOUT_THREAD, &mut Context::from_waker(&waker)).is_pending());
            assert_eq!(counter.0.load(SeqCst), polls);
        }
    }

    #[test]
    fn a_thread_that_could_not_be_started_is_started_later() {
        static STARTS: AtomicUsize = AtomicUsize::new(0);
        static TIMERS_WITH_A_THREAD_LATER: LazyLock<Timers> =
            LazyLock::new(|| Timers::new(|_| STARTS.fetch_add(1, SeqCst) == 1));
        let counter = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut timer = Timer::new(LONG);
        for _ in 0..3 {
            assert!(timer.look(&TIMERS_WITH_A_THREAD_LATER, &mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!((counter.0.load(SeqCst), STARTS.load(SeqCst)), (1, 2));
    }

    #[test]
    fn a_timer_that_is_dropped_leaves_nothing_behind() {
        let mut timer = Timer::new(LONG);
        assert!(poll(&mut timer).is_pending());
        let at = timer.at;
        assert!(timers().state().wakers.contains_key(&at));
        drop(timer);
        assert!(!timers().state().wakers.contains_key(&at));
    }
}
