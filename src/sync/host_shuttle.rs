//! Layer 0 · part of sync · knows: shuttle · must not know: pools
//!
//! Threads and time as shuttle schedules them, at random.

use core::time::Duration;
use std::cell::Cell;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

shuttle::thread_local!(static HOME: Cell<usize> = const { Cell::new(0) });

/// The word that this thread starts at.
pub(crate) fn home() -> usize {
    HOME.with(Cell::get)
}

/// Two threads met at one word: this one moves to any word.
pub(crate) fn collided() {
    HOME.with(|home| home.set(thread_rng().r#gen::<u8>().into()));
}

/// Schedules have no clock.
pub(crate) struct Stamp;

impl Stamp {
    pub(crate) fn now() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the shape of the hosted twin")]
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        None
    }
}

/// The programs' steps do not panic, unless the program fails.
pub(crate) fn run_to_end(mut step: impl FnMut() -> bool) {
    while step() {}
}

pub(crate) fn yield_now() {
    shuttle::thread::yield_now();
}

/// The hosted parker, on shuttle's lock. A deadline passes after any number of turns of other threads.
pub(crate) struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            if deadline.is_none() {
                notified = self.changed.wait(notified).unwrap();
                continue;
            }
            drop(notified);
            if thread_rng().gen_ratio(1, 4) {
                return false;
            }
            thread::yield_now();
            notified = self.notified.lock().unwrap();
        }
        *notified = false;
        true
    }

    fn unpark(&self) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }
}

/// Lends a parker for one wait.
pub(crate) fn with_parker<R>(wait: impl FnOnce(&Parker, &Waker) -> R) -> R {
    let parker = Arc::new(Parker { notified: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(Arc::clone(&parker));
    wait(&parker, &waker)
}
