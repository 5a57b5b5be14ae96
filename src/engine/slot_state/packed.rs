// knows: flags, layout, sync · must not know: connections, waiters, which slots share a word
//! The record of a slot whose uses nobody counts: one word.

use super::super::layout::Layout;
use super::flags::{FILLED, FLAGS, RETIRED};
use crate::sync::{AtomicUsize, Relaxed, const_fn};

/// The state of one slot.
pub(crate) struct SlotState {
    /// `{ bitmap, flags }`. The bitmap is a word of the pool's if the slot leads a group, else unused: see
    /// `layout::Layout`. The flags are this slot's own, and written only by its owner (I2).
    pub(in crate::engine) word: AtomicUsize,
}

impl SlotState {
    const_fn! {
        /// A vacant slot, in a word without a free slot.
        pub(crate) const fn vacant() -> Self {
            Self { word: AtomicUsize::new(0) }
        }
    }

    const_fn! {
        /// A slot above the maximum size, in a word without a free slot.
        pub(crate) const fn retired() -> Self {
            Self { word: AtomicUsize::new(RETIRED) }
        }
    }

    const_fn! {
        /// A filled slot in a pool whose slots are all filled.
        pub(crate) const fn filled(layout: &Layout, slot: usize) -> Self {
            Self { word: AtomicUsize::new(layout.full_word(slot) | FILLED) }
        }
    }

    pub(super) fn flags(&self) -> usize {
        // Relaxed: the owner wrote them last or got them with the slot (I2); others read a past state.
        self.word.load(Relaxed) & FLAGS
    }

    /// Sets the flags: by the slot's owner.
    pub(super) fn set_flags(&self, flags: usize) {
        // One modification, since other threads change the bitmap meanwhile; it changes the flags only, which nobody
        // else writes, so it neither carries nor borrows. Relaxed: as in `flags`.
        self.word.fetch_add(flags.wrapping_sub(self.flags()), Relaxed);
    }

    /// The slot has a connection from now on.
    pub(crate) fn set_filled(&self) {
        self.set_flags(FILLED);
    }
}
