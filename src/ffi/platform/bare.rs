// knows: stamp, status · must not know: pools, leases, waiters
//! The twin of `hosted` in a build without `std`: no processes, no threads, no heap. A panic ends the program.

use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;

use crate::ffi::stamp::FIRST_STAMP;
use crate::ffi::status::Answer;

pub(super) fn guard<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    work()
}

/// The number that marks a block of memory as a pool.
#[inline(always)]
pub(super) const fn present_stamp() -> usize {
    FIRST_STAMP
}

pub(super) const fn watch_forks() {}

/// Runs `work` with NULL: threads and interrupt handlers cannot be told apart here, so nothing is kept for them.
pub(super) fn with_own_pointer(work: impl FnOnce(&Cell<*const ()>)) {
    work(&Cell::new(ptr::null()));
}

pub(super) const fn thread() -> usize {
    0
}

/// Runs `work`: there is no place of the thread's own for a text.
pub(super) fn with_own_text<T>(work: impl FnOnce() -> T) -> (T, ()) {
    (work(), ())
}

pub(super) const fn set_last_error(_: c_int, (): ()) {}

/// Does nothing: no pool is on the heap.
///
/// # Safety
///
/// As for the twin.
pub(super) unsafe fn free(_: *mut c_void, _: usize, _: usize) {}
