//! Panics that are part of a test.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether `work` panics.
pub(crate) fn panics(work: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

/// Locks, also after a panic of another thread that held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic that happens in every run, and hence is not worth a word on the terminal.
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
