// knows: atomics · must not know: what it guards
//! The engine's lock where there is neither an operating system nor a critical section: a spin lock.
//!
//! A handler that interrupts the holder on the same core may release a slot: it leaves a mark if it finds the lock
//! taken. In any other call it would spin for ever, so pools that interrupt handlers do more with need the feature
//! `critical-section`.

pub(crate) struct Lock<T>(spin::Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    /// Runs `section` alone. It is short and runs no user code.
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(test)]
        super::atomics::count::note_lock();
        section(&mut self.0.lock())
    }

    /// As [`with`](Self::with), unless the lock is taken.
    pub(crate) fn try_with<R>(&self, section: impl FnOnce(&mut T) -> R) -> Option<R> {
        #[cfg(test)]
        super::atomics::count::note_lock();
        self.0.try_lock().map(|mut value| section(&mut value))
    }
}
