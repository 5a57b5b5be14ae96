//! Waiting in real time for what comes soon, unless something is broken.

use std::any::Any;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::lock;

/// Longer than anything that a test waits for, shorter than the patience of the person who runs it.
pub(crate) const FOREVER: Duration = Duration::from_secs(30);

/// Looks again and again until `condition` holds.
#[track_caller]
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    assert!(comes(condition), "what the test waits for does not come");
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

/// Keeps the tests of a program apart that call it: those that occupy many threads, and those in which a thread has to
/// get somewhere within a few hundredths of a second.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    lock(&ALONE)
}

/// Runs `work` on a thread of its own. If it fails, or does not end, the test fails with its name.
#[track_caller]
pub(crate) fn watched<R: Send + 'static>(name: &str, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let result = work();
        // The receiver is gone if it took too long.
        let _gone = sender.send(result);
    });
    match receiver.recv_timeout(FOREVER) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("{name}: it does not end"),
        Err(RecvTimeoutError::Disconnected) => {
            let panic = worker.join().err().unwrap_or_else(|| Box::new("it ended without a result"));
            panic!("{name}: {}", message(&*panic))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}
