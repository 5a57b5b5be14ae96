// knows: atomics · must not know: what it guards
//! The engine's lock where there is neither an operating system nor a critical section: a spin lock.
//!
//! A handler that interrupts the holder on the same core may release a slot: it leaves a mark if it finds the lock
//! taken. It may try to acquire one: it is refused then. In any other call it would spin for ever, so pools that
//! interrupt handlers do more with need the feature `critical-section`; a debug build ends with a panic that says so.

pub(crate) struct Lock<T>(spin::Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    /// Runs `section` alone. It is short and runs no user code.
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(test)]
        super::atomics::count::note_lock();
        section(&mut self.lock())
    }

    #[cfg(not(all(debug_assertions, target_os = "none")))]
    #[inline]
    fn lock(&self) -> spin::MutexGuard<'_, T> {
        self.0.lock()
    }

    /// Without an operating system a holder is stopped only by handlers, which are short.
    #[cfg(all(debug_assertions, target_os = "none"))]
    fn lock(&self) -> spin::MutexGuard<'_, T> {
        const MANY: usize = 1 << 20;
        for _ in 0..MANY {
            if let Some(value) = self.0.try_lock() {
                return value;
            }
            core::hint::spin_loop();
        }
        panic!(
            "an interrupt handler waits for the lock of a conn_pool::Pool, which the code that it has interrupted holds: \
             add the feature `critical-section` of conn_pool, or let handlers only call `try_get` and drop guards"
        );
    }

    /// As [`with`](Self::with), unless the lock is taken.
    pub(crate) fn try_with<R>(&self, section: impl FnOnce(&mut T) -> R) -> Option<R> {
        #[cfg(test)]
        super::atomics::count::note_lock();
        self.0.try_lock().map(|mut value| section(&mut value))
    }
}
