//! Layer 0 · part of sync · knows: loom · must not know: pools
//!
//! Threads and time as loom can explore them.

use loom::sync::{Condvar, Mutex};
use std::cell::Cell;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

loom::thread_local!(static HOME: Cell<usize> = Cell::new(0));

/// The word that this thread of the model starts at: 0 unless the model says otherwise.
pub(crate) fn home() -> usize {
    HOME.with(Cell::get)
}

/// Two threads met at one word. A model fixes its homes itself.
pub(crate) fn collided() {}

/// Gives this thread of the model a home.
#[cfg(test)]
pub(crate) fn set_home(home: usize) {
    HOME.with(|cell| cell.set(home));
}

/// Models have no clock.
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

/// A model's steps do not panic, unless the model fails.
pub(crate) fn run_to_end(mut step: impl FnMut() -> bool) {
    while step() {}
}

pub(crate) fn yield_now() {
    loom::thread::yield_now();
}

/// The hosted parker, on loom's lock. A deadline counts as passed at once: the model explores what a timeout races with.
pub(crate) struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            if deadline.is_some() {
                return false;
            }
            notified = self.changed.wait(notified).unwrap();
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
