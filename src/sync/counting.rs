// knows: nothing · must not know: what is counted for
//! Atomics that count what a thread does with them, for the tests that assert what a call costs.

use core::sync::atomic::{self, Ordering};
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU16, fence};

/// What the calling thread has done so far.
pub(crate) mod count {
    extern crate std;
    use core::cell::Cell;

    std::thread_local! {
        static RMWS: Cell<usize> = const { Cell::new(0) };
        static LOCKS: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn note_rmw() {
        RMWS.set(RMWS.get() + 1);
    }

    pub(crate) fn note_lock() {
        LOCKS.set(LOCKS.get() + 1);
    }

    /// Read-modify-writes and lock acquisitions of this thread during `work`.
    pub(crate) fn during<R>(work: impl FnOnce() -> R) -> (R, Spent) {
        let before = (RMWS.get(), LOCKS.get());
        let result = work();
        let spent = Spent { rmws: RMWS.get() - before.0, locks: LOCKS.get() - before.1 };
        (result, spent)
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Spent {
        pub(crate) rmws: usize,
        pub(crate) locks: usize,
    }
}

#[derive(Debug, Default)]
pub(crate) struct AtomicUsize(atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        Self(atomic::AtomicUsize::new(value))
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> usize {
        self.0.load(order)
    }

    #[inline(always)]
    pub(crate) fn store(&self, value: usize, order: Ordering) {
        self.0.store(value, order);
    }

    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        count::note_rmw();
        self.0.fetch_add(value, order)
    }

    #[cfg(feature = "std")]
    pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        count::note_rmw();
        self.0.fetch_sub(value, order)
    }

    pub(crate) fn fetch_or(&self, value: usize, order: Ordering) -> usize {
        count::note_rmw();
        self.0.fetch_or(value, order)
    }

    pub(crate) fn fetch_and(&self, value: usize, order: Ordering) -> usize {
        count::note_rmw();
        self.0.fetch_and(value, order)
    }

    pub(crate) fn fetch_max(&self, value: usize, order: Ordering) -> usize {
        count::note_rmw();
        self.0.fetch_max(value, order)
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        count::note_rmw();
        self.0.compare_exchange_weak(current, new, success, failure)
    }
}

#[derive(Debug, Default)]
pub(crate) struct AtomicBool(atomic::AtomicBool);

impl AtomicBool {
    pub(crate) const fn new(value: bool) -> Self {
        Self(atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, order);
    }
}
