// knows: layout · must not know: connections, waiters, which slots share a word
//! What the pool records about each slot, kept beside the connection so that an acquire touches one cache line.
//! [`SlotStates`] finds them by stride, so the engine does not know what they stand beside.
//!
//! With the feature `statistics` a slot has a word of the bitmap and a state that counts its uses. Without, the few
//! flags of the state lie in the word.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::layout::Layout;

mod flags;

#[cfg(feature = "statistics")]
#[path = "slot_state/counted.rs"]
mod record;
#[cfg(not(feature = "statistics"))]
#[path = "slot_state/packed.rs"]
mod record;

use flags::{FILLED, RETIRED, TAKEN};

pub(crate) use record::SlotState;

impl SlotState {
    #[inline]
    pub(crate) fn is_filled(&self) -> bool {
        self.flags() & FILLED != 0
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.flags() == 0
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.flags() & RETIRED != 0
    }

    /// The slot's connection is gone; its owner has yet to put the slot down.
    pub(crate) fn set_empty(&self) {
        self.set_flags(TAKEN);
    }

    /// The slot has an owner, who may give it a connection.
    pub(super) fn set_taken(&self) {
        debug_assert!(self.is_vacant(), "taken, though it is not vacant");
        self.set_flags(TAKEN);
    }

    pub(super) fn set_vacant(&self) {
        debug_assert!(!self.is_filled(), "vacant and filled at once");
        self.set_flags(0);
    }

    /// The slot is above the maximum size; a connection in it is set aside.
    pub(super) fn set_retired(&self) {
        self.set_flags(self.flags() & FILLED | RETIRED);
    }

    /// The slot's connection is set aside no more.
    pub(super) fn set_recalled(&self) {
        debug_assert!(self.is_filled() && self.is_retired(), "nothing is set aside");
        self.set_flags(FILLED);
    }
}

/// The states of all slots of a pool.
#[derive(Clone, Copy)]
pub(crate) struct SlotStates<'a> {
    first: NonNull<SlotState>,
    layout: &'a Layout,
    pool: PhantomData<&'a [SlotState]>,
}

// SAFETY: a `SlotStates` is a shared borrow of `SlotState`s, which are `Sync`: other threads do no more with it than
// this one.
unsafe impl Send for SlotStates<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for SlotStates<'_> {}

impl<'a> SlotStates<'a> {
    /// # Safety
    ///
    /// For each slot `i` of the layout there must be a `SlotState` at `first + i * stride` bytes, all in one allocation
    /// that `first` may reach, shared and alive for `'a`.
    #[inline(always)]
    pub(super) const unsafe fn new(first: NonNull<SlotState>, layout: &'a Layout) -> Self {
        Self { first, layout, pool: PhantomData }
    }

    #[inline(always)]
    pub(super) const fn layout(self) -> &'a Layout {
        self.layout
    }

    pub(crate) const fn len(self) -> usize {
        self.layout.slots
    }

    /// The state of a slot. Slot numbers come from the bitmap or from a loop up to [`len`](Self::len), never from
    /// outside (I5), so a wrong one is a bug of this crate, caught by the assertion in debug builds.
    #[inline(always)]
    pub(crate) fn get(self, slot: usize) -> &'a SlotState {
        debug_assert!(slot < self.len());
        // SAFETY: `slot < len` by I5, so the address lies in the allocation that `new` was promised.
        let state = unsafe { self.first.byte_add(slot * self.layout.offsets.stride) };
        // SAFETY: `new` was promised a shared `SlotState` there for 'a.
        unsafe { state.as_ref() }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a SlotState> {
        (0..self.len()).map(move |slot| self.get(slot))
    }

    /// The state of each group's first slot.
    #[inline(always)]
    pub(super) fn leaders(self) -> Leaders<'a> {
        Leaders {
            next: self.first.as_ptr(),
            left: self.layout.words,
            step: self.layout.group_stride(),
            pool: PhantomData,
        }
    }
}

/// One state after the other, found by addition.
pub(super) struct Leaders<'a> {
    next: *const SlotState,
    left: usize,
    step: usize,
    pool: PhantomData<&'a [SlotState]>,
}

impl<'a> Iterator for Leaders<'a> {
    type Item = &'a SlotState;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a SlotState> {
        self.left = self.left.checked_sub(1)?;
        let present = self.next;
        // Behind the last it may lie outside the allocation, and is not followed.
        self.next = present.wrapping_byte_add(self.step);
        // SAFETY: `SlotStates::new` was promised a shared `SlotState` for each slot, hence for the first of each group.
        Some(unsafe { &*present })
    }
}
