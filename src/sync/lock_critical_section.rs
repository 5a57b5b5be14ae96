//! Layer 0 · part of sync · knows: interrupts · must not know: what it guards
//!
//! The line's lock where interrupt handlers touch the pool: interrupts are masked while it is held.

use core::cell::RefCell;

use critical_section::Mutex;

pub(crate) struct Lock<T>(Mutex<RefCell<T>>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(RefCell::new(value)))
    }

    /// Runs `section` alone. It never nests: no user code runs in it.
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(test)]
        super::count::note_lock();
        critical_section::with(|token| section(&mut self.0.borrow_ref_mut(token)))
    }
}
