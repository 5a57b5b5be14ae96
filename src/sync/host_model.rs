// knows: explorer · must not know: pools
//! Threads as a model explorer runs them: what loom and shuttle share. Where the two differ is in `explorer`.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use super::explorer::{Condvar, Mutex, deadline_passes, yield_now};

/// The steps of a model do not panic, unless the model fails.
pub(crate) fn run_to_end(mut step: impl FnMut() -> bool) {
    while step() {}
}

/// The hosted parker, on the explorer's lock.
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
            if deadline_passes() {
                return false;
            }
            yield_now();
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

/// Runs `wait` with a parker of its own.
pub(crate) fn with_parker<R>(wait: impl FnOnce(&Parker, &Waker) -> R) -> R {
    let parker = Arc::new(Parker { notified: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(Arc::clone(&parker));
    wait(&parker, &waker)
}
