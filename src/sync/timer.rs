// knows: nothing · must not know: what a task waits for
//! Timers for tasks whose runtime has none that the pool knows: one thread for the whole program, which calls wakers
//! when their time has come.
//!
//! It is started when a task waits for a time, and ends when no task has done so for a while.

use std::collections::BTreeMap;
use std::future::Future;
use std::mem::replace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::string::ToString;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// How long the thread waits for another timer before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// The latest time for which a timer is set, some three centuries from the start. Times after it are left for those
/// that are made to differ from it.
const LATEST: u64 = u64::MAX / 2;

/// Ends when its time has come.
pub(crate) struct Timer {
    /// In nanoseconds from [`start`]. From when it is registered, the number by which it is known.
    at: u64,
    is_registered: bool,
}

struct Timers {
    state: Mutex<State>,
    /// The first timer has changed.
    changed: Condvar,
}

struct State {
    /// By their times, which are made to differ.
    wakers: BTreeMap<u64, Waker>,
    has_thread: bool,
}

static TIMERS: Timers =
    Timers { state: Mutex::new(State { wakers: BTreeMap::new(), has_thread: false }), changed: Condvar::new() };

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
        Self { at: now().saturating_add(nanos).min(LATEST), is_registered: false }
    }

    fn forget(&mut self) {
        if replace(&mut self.is_registered, false) {
            let _dropped_without_the_lock = TIMERS.state().wakers.remove(&self.at);
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at <= now() {
            self.forget();
            return Poll::Ready(());
        }
        if self.is_registered {
            TIMERS.replace(self.at, context.waker());
        } else {
            self.at = TIMERS.add(self.at, context.waker().clone());
            self.is_registered = true;
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Timers {
    fn state(&self) -> MutexGuard<'_, State> {
        // No user code runs under this lock, so it is never poisoned half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `waker` called at that time, or a few nanoseconds later, which it answers.
    fn add(&'static self, mut at: u64, waker: Waker) -> u64 {
        let mut state = self.state();
        while state.wakers.contains_key(&at) {
            at += 1;
        }
        let is_first = state.wakers.first_key_value().is_none_or(|(first, _)| at < *first);
        state.wakers.insert(at, waker);
        if !replace(&mut state.has_thread, true) {
            state.has_thread = thread::Builder::new().name("conn_pool timers".to_string()).spawn(run).is_ok();
            if !state.has_thread {
                // The task looks at the time itself, again and again, rather than never.
                let waker = state.wakers.get(&at).cloned();
                drop(state);
                waker.into_iter().for_each(Waker::wake);
            }
        } else if is_first {
            self.changed.notify_one();
        }
        at
    }

    /// Has `waker` called instead of the one that was left before. A timer whose time has come has none any more.
    fn replace(&self, at: u64, waker: &Waker) {
        let fresh = waker.clone();
        let mut state = self.state();
        let present = state.wakers.get_mut(&at).map(|present| replace(present, fresh));
        drop(state);
        // Dropped without the lock: both are user code.
        if present.is_none() {
            // Polled between its time and the call of its waker.
            waker.wake_by_ref();
        }
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

fn run() {
    while let Some(waker) = TIMERS.next() {
        // A waker is user code. Its panic was reported through the panic hook, and concerns no other task.
        let _panic = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use std::vec::Vec;

    use super::{Duration, Instant, TIMERS, Timer};

    const SHORT: Duration = Duration::from_millis(5);

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

    fn poll(timer: &mut Timer) -> std::task::Poll<()> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::future::Future::poll(std::pin::Pin::new(timer), &mut context)
    }

    #[test]
    fn the_longest_timers_do_not_end() {
        let mut timers = [Timer::new(Duration::MAX), Timer::new(Duration::MAX)];
        for _ in 0..2 {
            assert!(timers.iter_mut().all(|timer| poll(timer).is_pending()));
        }
    }

    #[test]
    fn a_timer_that_is_dropped_leaves_nothing_behind() {
        let mut timer = Timer::new(Duration::from_secs(3600));
        assert!(poll(&mut timer).is_pending());
        let at = timer.at;
        assert!(TIMERS.state().wakers.contains_key(&at));
        drop(timer);
        assert!(!TIMERS.state().wakers.contains_key(&at));
    }
}
