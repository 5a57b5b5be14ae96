//! Layer 1 · knows: books · must not know: waiters, who owns which slot
//!
//! A slot: its books, a note of whoever keeps the pool, and the cell of its connection. The only file that turns a slot number into a reference to `C`.

use core::cell::UnsafeCell;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::NonNull;

use crate::books::{Book, Books};
use crate::sync::const_fn;

/// One slot of a pool, with a note that is there whether or not the slot is filled.
pub(crate) struct Slot<C, X = ()> {
    book: Book,
    note: X,
    cell: UnsafeCell<MaybeUninit<C>>,
}

// SAFETY: a cell is touched only by the owner of its slot (I2), one thread at a time, and ownership passes through the
// bitmap's Release and Acquire or through the line's lock. `C: Send` because the connection so moves between threads:
// with an `Rc` two threads would count on one counter. `C: Sync` is not needed: no two threads ever reach it at once
// through the slot.
// A note is shared by whoever looks, so it is `Sync` itself.
unsafe impl<C: Send, X: Sync> Sync for Slot<C, X> {}

impl<C, X> Slot<C, X> {
    const_fn! {
        /// A slot without a connection.
        pub(crate) const fn vacant(note: X) -> Self {
            Self { book: Book::vacant(), note, cell: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }

    const_fn! {
        /// A slot above the maximum size.
        pub(crate) const fn retired(note: X) -> Self {
            Self { book: Book::retired(), note, cell: UnsafeCell::new(MaybeUninit::uninit()) }
        }
    }
}

/// The books of all slots.
#[inline(always)]
pub(crate) fn books<C, X>(slots: &[Slot<C, X>]) -> Books<'_> {
    let first = NonNull::from(slots).cast::<Slot<C, X>>();
    // SAFETY: within the first slot, or just a dangling sum that `len == 0` keeps anybody from following.
    let book = unsafe { first.byte_add(if slots.is_empty() { 0 } else { offset_of!(Slot<C, X>, book) }) };
    // SAFETY: one `Book` in each `Slot`, at the same offset, in one slice that is shared and alive for its borrow.
    unsafe { Books::new(book.cast(), size_of::<Slot<C, X>>(), slots.len()) }
}

/// The cell of a slot.
///
/// Writing through the pointer, or making a reference of it, is for the slot's owner (I2).
#[inline(always)]
pub(crate) fn cell<C, X>(slots: &[Slot<C, X>], slot: usize) -> *mut C {
    get(slots, slot).cell.get().cast()
}

/// The note of a slot.
#[inline(always)]
pub(crate) fn note<C, X>(slots: &[Slot<C, X>], slot: usize) -> &X {
    &get(slots, slot).note
}

#[inline(always)]
fn get<C, X>(slots: &[Slot<C, X>], slot: usize) -> &Slot<C, X> {
    debug_assert!(slot < slots.len());
    // SAFETY: slot numbers are below the number of slots (I5).
    unsafe { slots.get_unchecked(slot) }
}

/// Puts a connection into a slot.
///
/// # Safety
///
/// The caller owns the slot (I2), and its cell is not initialised (I3).
pub(crate) unsafe fn fill<C, X>(slots: &[Slot<C, X>], slot: usize, connection: C) {
    // SAFETY: the caller owns the slot (I2), so nobody else reads or writes its cell.
    unsafe { cell(slots, slot).write(connection) };
    books(slots).get(slot).set_filled();
}

/// Drops the connection of a slot, which from then on has none, even if the destructor panics.
///
/// # Safety
///
/// The caller owns the slot (I2), and its cell is initialised (I3).
pub(crate) unsafe fn empty<C, X>(slots: &[Slot<C, X>], slot: usize) {
    books(slots).get(slot).set_empty();
    // SAFETY: the caller owns the slot (I2), whose cell was initialised until now (I3).
    unsafe { cell(slots, slot).drop_in_place() };
}

/// Takes the connection out of a slot, which from then on has none.
///
/// # Safety
///
/// As for [`empty`].
pub(crate) unsafe fn take<C, X>(slots: &[Slot<C, X>], slot: usize) -> C {
    books(slots).get(slot).set_empty();
    // SAFETY: the caller owns the slot (I2), whose cell was initialised until now (I3).
    unsafe { cell(slots, slot).read() }
}
