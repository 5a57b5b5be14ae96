//! The least that any such pool has to do. The bench beside the peers takes it from here.

use std::hint::black_box;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// One atomic read-modify-write to take and one to give back: the two-RMW floor.
#[repr(align(128))]
pub(crate) struct Floor(AtomicUsize);

impl Floor {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0xff))
    }

    /// Clears a bit and puts it back.
    #[inline(always)]
    pub(crate) fn turn(&self) {
        let seen = self.0.load(Relaxed);
        // The outcomes are looked at by nobody, but kept.
        let _ = black_box(self.0.compare_exchange_weak(seen, seen & !1, Acquire, Relaxed).is_ok());
        black_box(self.0.fetch_add(1, Release));
    }
}
