// knows: atomics · must not know: what it guards
//! The engine's lock where interrupt handlers touch the pool: interrupts are masked while it is held.

use core::cell::UnsafeCell;

use critical_section::Mutex;

pub(crate) struct Lock<T>(Mutex<UnsafeCell<T>>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(UnsafeCell::new(value)))
    }

    /// Runs `section` alone. It is short and runs no user code.
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(test)]
        super::atomics::count::note_lock();
        critical_section::with(|token| {
            let value = self.0.borrow(token).get();
            // SAFETY: in the critical section no other code runs, and by I9 `section` itself does not take the lock
            // again. A `RefCell` would check that at run time, with code that panics on a path that cannot.
            section(unsafe { &mut *value })
        })
    }

    /// The lock is never found taken.
    #[expect(clippy::unnecessary_wraps, reason = "the shape of the twin that spins")]
    pub(crate) fn try_with<R>(&self, section: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.with(section))
    }
}
