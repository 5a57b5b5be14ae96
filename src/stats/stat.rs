// knows: sync · must not know: what is counted
//! A number that a pool keeps about itself.

use crate::sync::{AtomicUsize, PlainU16, PlainUsize, Relaxed, const_fn, store_plain};

/// A number that any thread may read at any time. It is written under one lock, but for
/// [`add_shared`](Self::add_shared) and [`raise`](Self::raise), which any thread may call.
///
/// Relaxed throughout: writers are ordered by the lock or use one read-modify-write, and a reader gets a figure, not a
/// view of other memory. Where a modification is a critical section the lock is one too, so that what is stored under
/// it needs no section of its own.
pub(crate) struct Stat(AtomicUsize);

impl Stat {
    const_fn! {
        pub(crate) const fn new(value: usize) -> Self {
            Self(AtomicUsize::new(value))
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, value: usize) {
        store_plain(&self.0, value);
    }

    pub(crate) fn add(&self, more: usize) {
        self.set(self.get().wrapping_add(more));
    }

    pub(crate) fn sub(&self, less: usize) {
        self.set(self.get().wrapping_sub(less));
    }

    /// As [`add`](Self::add), without the lock: a read-modify-write. Answers the number before.
    pub(crate) fn add_shared(&self, more: usize) -> usize {
        self.0.fetch_add(more, Relaxed)
    }

    /// Raises a mark, with or without the lock: a read-modify-write, but only for a record.
    pub(crate) fn raise(&self, value: usize) {
        if value > self.get() {
            self.0.fetch_max(value, Relaxed);
        }
    }
}

/// As [`Stat`], for a number that is written under the lock only.
pub(crate) struct Gauge(PlainUsize);

impl Gauge {
    const_fn! {
        pub(crate) const fn new(value: usize) -> Self {
            Self(PlainUsize::new(value))
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn add(&self, more: usize) {
        self.set(self.get().wrapping_add(more));
    }

    pub(crate) fn sub(&self, less: usize) {
        self.set(self.get().wrapping_sub(less));
    }
}

/// A number of slots, which is 4096 at most, that any thread may read. It is written under one lock.
///
/// Relaxed throughout, as [`Stat`].
pub(crate) struct SlotCount(PlainU16);

impl SlotCount {
    const_fn! {
        #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 4096 slots")]
        pub(crate) const fn new(slots: usize) -> Self {
            Self(PlainU16::new(slots as u16))
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed).into()
    }

    pub(crate) fn add(&self, more: usize) {
        self.set(self.get() + more);
    }

    pub(crate) fn sub(&self, less: usize) {
        self.set(self.get() - less);
    }

    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 4096 slots")]
    fn set(&self, slots: usize) {
        self.0.store(slots as u16, Relaxed);
    }
}
