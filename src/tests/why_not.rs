//! Why not simpler? Small models of the protocols that come to mind first, each of which loom breaks, and beside each
//! the smallest change that holds: what the engine does in its place.
//!
//! They are models and not the crate's code: one slot, one word, and a waiter reduced to what the question needs.

extern crate std;

mod blind_claim;
mod dropped_grant;
mod early_opening;
mod look_then_queue;
mod node_after_unlock;
mod wake_without_grant;

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::{Condvar, Mutex};

/// The slot is free.
const FREE: usize = 1;
/// The fast path is closed: a waiter has to be served.
const SLOW: usize = 2;

/// The one word of a one-slot pool.
struct Word(AtomicUsize);

impl Word {
    fn new(value: usize) -> Self {
        Self(AtomicUsize::new(value))
    }

    /// Claims the slot if it is free, whatever SLOW says: for the lock's holder.
    fn claim_locked(&self) -> bool {
        self.0.fetch_and(!FREE, Acquire) & FREE != 0
    }

    /// `true` if the slow half of the release has to follow.
    fn release(&self) -> bool {
        self.0.fetch_add(FREE, Release) & SLOW != 0
    }

    fn close_fast_path(&self) {
        self.0.fetch_or(SLOW, Relaxed);
    }

    fn open_fast_path(&self) {
        self.0.fetch_and(!SLOW, Relaxed);
    }
}

/// Where a thread sleeps. To loom a sleeper that is never woken is a deadlock.
struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn new() -> Self {
        Self { notified: Mutex::new(false), changed: Condvar::new() }
    }

    fn park(&self) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        *notified = false;
    }

    fn unpark(&self) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }
}
