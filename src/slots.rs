//! Layer 1 · knows: books · must not know: waiters, who owns which slot
//!
//! A slot: its books and the cell of its connection. The only file that turns a slot number into a reference to `C`.

use core::cell::UnsafeCell;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::NonNull;

use crate::books::{Book, Books};
use crate::sync::const_fn;

/// One slot of a pool.
pub(crate) struct Slot<C> {
    book: Book,
    cell: UnsafeCell<MaybeUninit<C>>,
}

// SAFETY: a cell is touched only by the owner of its slot (I2), one thread at a time, and ownership passes through the
// bitmap's Release and Acquire or through the line's lock. `C: Send` because the connection so moves between threads:
// with an `Rc` two threads would count on one counter. `C: Sync` is not needed: no two threads ever reach it at once
// through the slot.
unsafe impl<C: Send> Sync for Slot<C> {}

impl<C> Slot<C> {
    const_fn! {
        /// A slot without a connection.
        pub(crate) const fn vacant() -> Self {
            Self { book: Book::vacant(), cell: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }
}

/// The books of all slots.
#[inline(always)]
pub(crate) fn books<C>(slots: &[Slot<C>]) -> Books<'_> {
    let first = NonNull::from(slots).cast::<Slot<C>>();
    // SAFETY: within the first slot, or just a dangling sum that `len == 0` keeps anybody from following.
    let book = unsafe { first.byte_add(if slots.is_empty() { 0 } else { offset_of!(Slot<C>, book) }) };
    // SAFETY: one `Book` in each `Slot`, at the same offset, in one slice that is shared and alive for its borrow.
    unsafe { Books::new(book.cast(), size_of::<Slot<C>>(), slots.len()) }
}

/// The cell of a slot.
///
/// Writing through the pointer, or making a reference of it, is for the slot's owner (I2).
#[inline(always)]
pub(crate) fn cell<C>(slots: &[Slot<C>], slot: usize) -> *mut C {
    debug_assert!(slot < slots.len());
    // SAFETY: slot numbers are below the number of slots (I5).
    let slot = unsafe { slots.get_unchecked(slot) };
    slot.cell.get().cast()
}

/// Puts a connection into a slot.
///
/// # Safety
///
/// The caller owns the slot (I2), and its cell is not initialised (I3).
pub(crate) unsafe fn fill<C>(slots: &[Slot<C>], slot: usize, connection: C) {
    // SAFETY: the caller owns the slot (I2), so nobody else reads or writes its cell.
    unsafe { cell(slots, slot).write(connection) };
    books(slots).get(slot).set_filled();
}

/// Drops the connection of a slot, which from then on has none, even if the destructor panics.
///
/// # Safety
///
/// The caller owns the slot (I2), and its cell is initialised (I3).
pub(crate) unsafe fn empty<C>(slots: &[Slot<C>], slot: usize) {
    books(slots).get(slot).set_empty();
    // SAFETY: the caller owns the slot (I2), whose cell was initialised until now (I3).
    unsafe { cell(slots, slot).drop_in_place() };
}
