//! The clock of the tasks: a thread that wakes those whose sleep is over.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, Once, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::{CanSleep, Clock};

use crate::kit::managed::secs;
use crate::kit::{FOREVER, lock};

/// The one timer of the program.
#[derive(Clone, Copy)]
pub(crate) struct Timer;

/// When a sleep ends, and a number of its own.
type Due = (Instant, usize);

static SLEEPERS: Mutex<BTreeMap<Due, Waker>> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static THREAD: Once = Once::new();

impl Clock for Timer {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        THREAD.call_once(|| drop(thread::spawn(wake_sleepers)));
        // The program does not last that long.
        let until = Instant::now() + duration.min(secs(3600));
        Sleep((until, NUMBER.fetch_add(1, Ordering::Relaxed)))
    }
}

impl CanSleep for Timer {}

fn wake_sleepers() {
    loop {
        for waker in due() {
            waker.wake();
        }
    }
}

/// Waits until something is due.
fn due() -> Vec<Waker> {
    let mut sleepers = lock(&SLEEPERS);
    loop {
        let now = Instant::now();
        match sleepers.first_key_value() {
            Some(((until, _), _)) if *until <= now => {
                let rest = sleepers.split_off(&(now, usize::MAX));
                return std::mem::replace(&mut *sleepers, rest).into_values().collect();
            }
            first => {
                let left = first.map_or(FOREVER, |((until, _), _)| *until - now);
                sleepers = CHANGED.wait_timeout(sleepers, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

struct Sleep(Due);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.0.0 {
            return Poll::Ready(());
        }
        let mut sleepers = lock(&SLEEPERS);
        sleepers.insert(self.0, context.waker().clone());
        if sleepers.first_key_value().is_some_and(|(first, _)| *first == self.0) {
            CHANGED.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        lock(&SLEEPERS).remove(&self.0);
    }
}
