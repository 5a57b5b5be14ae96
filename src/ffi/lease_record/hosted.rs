// knows: managed, sync · must not know: pools, leases
//! Who has leased a resource, as far as that is recorded. `bare` is its twin in a build without `std`.
//!
//! All words are Relaxed: the slot's owner writes them (I2), and what a reader makes of them it compares with the
//! slot's generation before and after.

use core::ffi::c_char;

use crate::managed::Millis;
use crate::sync::{AtomicUsize, PlainAtomicPtr, Relaxed};

/// The present lease of a slot.
pub(crate) struct LeaseRecord {
    thread: AtomicUsize,
    /// Since when, in milliseconds.
    since: AtomicUsize,
    tag: PlainAtomicPtr<c_char>,
    /// The generation of the last lease of which it was told that it lasts long.
    told: AtomicUsize,
}

impl LeaseRecord {
    pub(super) const fn new() -> Self {
        Self {
            thread: AtomicUsize::new(0),
            since: AtomicUsize::new(0),
            tag: PlainAtomicPtr::new(core::ptr::null_mut()),
            told: AtomicUsize::new(0),
        }
    }

    /// By the slot's owner, when a lease begins. The thread is 0 for a lease that a callback is given.
    #[expect(clippy::cast_possible_truncation, reason = "only differences are used, which are small")]
    pub(super) fn begin(&self, thread: usize, tag: *const c_char, now_ms: u64) {
        self.thread.store(thread, Relaxed);
        self.since.store(now_ms as usize, Relaxed);
        self.tag.store(tag.cast_mut(), Relaxed);
    }

    pub(super) fn thread(&self) -> usize {
        self.thread.load(Relaxed)
    }

    pub(super) fn tag(&self) -> *const c_char {
        self.tag.load(Relaxed)
    }

    /// 0 if the lease began after the time was read: a reader reads it once for many leases.
    #[expect(clippy::cast_possible_truncation, reason = "only differences are used, which are small")]
    pub(super) fn held_ms(&self, now_ms: u64) -> u64 {
        Millis(now_ms as usize).since(Millis(self.since.load(Relaxed))) as u64
    }

    /// Whether it is to be told that the lease of this generation lasts long: once.
    pub(super) fn tell_once(&self, generation: usize) -> bool {
        let is_new = self.told.load(Relaxed) != generation;
        self.told.store(generation, Relaxed);
        is_new
    }
}
