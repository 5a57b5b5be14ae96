// knows: engine, sync · must not know: waiters, who owns which slot
//! A slot: its state, what a pool records about it, and the cell of its connection. The only file that turns a slot
//! number into a reference to `C`.

use core::cell::UnsafeCell;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::{self, NonNull};

use crate::engine::{Offsets, SlotState, SlotToken};
use crate::sync::const_fn;

/// One slot of a pool. `extra` is there whether or not the slot is filled.
pub(crate) struct Slot<C, X = ()> {
    state: SlotState,
    extra: X,
    cell: UnsafeCell<MaybeUninit<C>>,
}

// SAFETY: a cell is touched only by the owner of its slot (I2), one thread at a time, and ownership passes through the
// bitmap's Release and Acquire or through the engine's lock. `C: Send` because the connection so moves between threads:
// with an `Rc` two threads would count on one counter. `C: Sync` is not needed: no two threads ever reach it at once
// through the slot. `extra` is shared by every thread that looks, so it is `Sync` itself.
unsafe impl<C: Send, X: Sync> Sync for Slot<C, X> {}

impl<C, X> Slot<C, X> {
    const_fn! {
        /// A slot without a connection.
        pub(crate) const fn vacant(extra: X) -> Self {
            Self { state: SlotState::vacant(), extra, cell: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    const_fn! {
        /// A slot above the maximum size.
        pub(crate) const fn retired(extra: X) -> Self {
            Self { state: SlotState::retired(), extra, cell: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    /// Makes a slot in place, around its cell, which is left alone.
    ///
    /// # Safety
    ///
    /// `place` is valid for writes and aligned, and the caller's alone.
    pub(crate) const unsafe fn init_around(place: *mut Self, state: SlotState, extra: X) {
        // SAFETY: within a slot that is the caller's (I2); no reference is made of what is not initialised.
        let state_at = unsafe { &raw mut (*place).state };
        // SAFETY: as above.
        let extra_at = unsafe { &raw mut (*place).extra };
        // SAFETY: as above.
        unsafe { state_at.write(state) };
        // SAFETY: as above.
        unsafe { extra_at.write(extra) };
    }

    /// The cell of a slot that is being made.
    ///
    /// # Safety
    ///
    /// As for [`init_around`](Self::init_around).
    pub(crate) const unsafe fn cell_in(place: *mut Self) -> *mut C {
        // SAFETY: within a slot that is the caller's (I2); no reference is made of what is not initialised.
        unsafe { (&raw mut (*place).cell).cast() }
    }
}

/// Where the parts of a pool of such slots lie: its engine, and its slots.
pub(crate) const fn offsets<C, X>(engine: usize, slots: usize) -> Offsets {
    Offsets { engine, first: slots + offset_of!(Slot<C, X>, state), stride: size_of::<Slot<C, X>>() }
}

/// The state of a slot.
#[inline(always)]
pub(crate) fn state<'a, C, X>(slots: &'a [Slot<C, X>], slot: &SlotToken) -> &'a SlotState {
    &get(slots, slot.index()).state
}

/// The cell of a slot.
///
/// Writing through the pointer, or making a reference of it, is for the slot's owner (I2), while it holds the token.
#[inline(always)]
pub(crate) fn cell<C, X>(slots: &[Slot<C, X>], slot: &SlotToken) -> *mut C {
    get(slots, slot.index()).cell.get().cast()
}

/// As [`cell`], as a pointer that is not null.
pub(crate) fn place<C, X>(slots: &[Slot<C, X>], slot: &SlotToken) -> NonNull<C> {
    NonNull::from(&get(slots, slot.index()).cell).cast()
}

/// The cell of a slot that a lease of a C program names, to check the lease (I10).
#[cfg(feature = "ffi")]
#[inline(always)]
pub(crate) fn cell_at<C, X>(slots: &[Slot<C, X>], slot: usize) -> *mut C {
    get(slots, slot).cell.get().cast()
}

/// The number of the slot with this cell.
pub(crate) fn number_of<C, X>(slots: &[Slot<C, X>], cell: *const C) -> usize {
    let first = slots.as_ptr().addr() + offset_of!(Slot<C, X>, cell);
    let number = (cell.addr() - first) / size_of::<Slot<C, X>>();
    debug_assert!(ptr::eq(get(slots, number).cell.get().cast(), cell), "it is no connection of this pool");
    number
}

/// What the pool records about a slot: for any thread.
#[inline(always)]
pub(crate) fn extra<C, X>(slots: &[Slot<C, X>], slot: usize) -> &X {
    &get(slots, slot).extra
}

#[inline(always)]
fn get<C, X>(slots: &[Slot<C, X>], slot: usize) -> &Slot<C, X> {
    debug_assert!(slot < slots.len());
    // SAFETY: slot numbers are below the number of slots (I5).
    unsafe { slots.get_unchecked(slot) }
}

/// Whether the slot has a connection (I3).
#[inline(always)]
pub(crate) fn is_filled<C, X>(slots: &[Slot<C, X>], slot: &SlotToken) -> bool {
    get(slots, slot.index()).state.is_filled()
}

/// Puts a connection into a slot.
///
/// # Safety
///
/// The slot's cell is not initialised (I3).
pub(crate) unsafe fn fill<C, X>(slots: &[Slot<C, X>], slot: &SlotToken, connection: C) {
    debug_assert!(!is_filled(slots, slot));
    // SAFETY: the token is the ownership of the slot (I2), so no other thread reads or writes its cell.
    unsafe { cell(slots, slot).write(connection) };
    // SAFETY: the cell was initialised just now, and was not before (I3).
    unsafe { fill_in_place(slots, slot) };
}

/// The slot has the connection that its owner has made in its cell.
///
/// # Safety
///
/// The slot's cell is initialised, and was not before (I3).
pub(crate) unsafe fn fill_in_place<C, X>(slots: &[Slot<C, X>], slot: &SlotToken) {
    debug_assert!(!is_filled(slots, slot));
    state(slots, slot).set_filled();
}

/// Drops the connection of a slot, which from then on has none, even if the destructor panics.
///
/// # Safety
///
/// The slot's cell is initialised (I3).
pub(crate) unsafe fn empty<C, X>(slots: &[Slot<C, X>], slot: &SlotToken) {
    debug_assert!(is_filled(slots, slot));
    state(slots, slot).set_empty();
    // SAFETY: the token is the ownership of the slot (I2), whose cell was initialised until now (I3).
    unsafe { cell(slots, slot).drop_in_place() };
}

/// Takes the connection out of a slot, which from then on has none.
///
/// # Safety
///
/// As for [`empty`].
pub(crate) unsafe fn take<C, X>(slots: &[Slot<C, X>], slot: &SlotToken) -> C {
    debug_assert!(is_filled(slots, slot));
    state(slots, slot).set_empty();
    // SAFETY: the token is the ownership of the slot (I2), whose cell was initialised until now (I3).
    unsafe { cell(slots, slot).read() }
}
