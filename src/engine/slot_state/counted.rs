// knows: flags, layout, sync · must not know: connections, waiters, which slots share a word
//! The record of a slot whose uses are counted.

use super::super::layout::Layout;
use super::flags::{FILLED, FLAGS, RETIRED};
use crate::sync::{AtomicUsize, Relaxed, cold_path, const_fn, store_plain};

/// One use of the present connection; the count fills the rest of the word and wraps.
const USE: usize = 1 << 3;
/// The next use is the first since the slot was filled or the metrics were read: a peak may be due. Any thread may set
/// it; a set that comes between the owner's load and store is lost, and a peak is missed. At the top, where the
/// addition that counts the use shows it in the sign.
const PEAK_DUE: usize = 1 << (usize::BITS - 1);

/// The state of one slot.
pub(crate) struct SlotState {
    /// A word of the bitmap if the slot leads a group, else unused: see `layout::Layout`.
    pub(in crate::engine) word: AtomicUsize,
    /// `{ PEAK_DUE, uses, flags }`. Apart from `PEAK_DUE`, it is written only by the slot's owner (I2), so plain loads
    /// and stores are enough: they are ordered by what passes the slot on. Any thread may read it, and sees a past
    /// state.
    state: AtomicUsize,
}

impl SlotState {
    const_fn! {
        /// A vacant slot, in a word without a free slot.
        pub(crate) const fn vacant() -> Self {
            Self { word: AtomicUsize::new(0), state: AtomicUsize::new(0) }
        }
    }

    const_fn! {
        /// A slot above the maximum size, in a word without a free slot.
        pub(crate) const fn retired() -> Self {
            Self { word: AtomicUsize::new(0), state: AtomicUsize::new(RETIRED) }
        }
    }

    const_fn! {
        /// A filled slot, never used, in a pool whose slots are all filled.
        pub(crate) const fn filled(layout: &Layout, slot: usize) -> Self {
            Self { word: AtomicUsize::new(layout.full_word(slot)), state: AtomicUsize::new(FILLED | PEAK_DUE) }
        }
    }

    #[inline]
    pub(super) fn flags(&self) -> usize {
        // Relaxed: the owner wrote it last or got it with the slot (I2); others read a past state.
        self.state.load(Relaxed) & FLAGS
    }

    /// Sets the flags: by the slot's owner.
    pub(super) fn set_flags(&self, flags: usize) {
        // Relaxed: as in `flags`.
        self.state.store(self.state.load(Relaxed) & !FLAGS | flags, Relaxed);
    }

    /// The slot has a connection from now on, never used.
    pub(crate) fn set_filled(&self) {
        self.state.store(FILLED | PEAK_DUE, Relaxed);
    }

    /// Counts one use, by the slot's owner; `true` if a peak may be due. Under the lock, or with the exchange by which
    /// the slot is claimed: so where a modification is a critical section, this is in one, and comes before or after
    /// that of `arm_peak`.
    #[inline(always)]
    pub(crate) fn count_use(&self) -> bool {
        // Relaxed: as in `flags`.
        let counted = self.state.load(Relaxed).wrapping_add(USE);
        let is_peak_due = counted & PEAK_DUE != 0;
        // Two stores, so that the usual claim does not wait for a choice between two values.
        if is_peak_due {
            cold_path();
            store_plain(&self.state, counted & !PEAK_DUE);
        } else {
            store_plain(&self.state, counted);
        }
        is_peak_due
    }

    /// Takes back a use that came to nothing: by the slot's owner, who has counted it.
    pub(crate) fn uncount_use(&self) {
        // Relaxed: as in `flags`.
        self.state.store(self.state.load(Relaxed).wrapping_sub(USE), Relaxed);
    }

    /// Makes the next use report that a peak may be due.
    pub(in crate::engine) fn arm_peak(&self) {
        if !self.is_peak_due() {
            // One modification, so that it cannot undo a use that the owner counts meanwhile.
            self.state.fetch_or(PEAK_DUE, Relaxed);
        }
    }

    /// Whether the slot has not been used since it was filled, or since `arm_peak`.
    pub(in crate::engine) fn is_peak_due(&self) -> bool {
        self.state.load(Relaxed) & PEAK_DUE != 0
    }

    /// How often the present connection has been acquired.
    #[inline]
    pub(crate) fn uses(&self) -> usize {
        (self.state.load(Relaxed) & !PEAK_DUE) / USE
    }
}
