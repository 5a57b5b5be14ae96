//! Layer 7 · part of ffi · knows: nothing · must not know: slots, leases
//!
//! The twin of `hosted` in a build without `std`: nobody sleeps, there is no heap, and a panic ends the program.

use core::convert::Infallible;

use super::border::Answer;
use super::conn_pool_status::CONN_POOL_UNSUPPORTED;
use super::pool::conn_pool;
use super::waiting::Turns;
use crate::engine::Turn;

pub(super) fn guard<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    work()
}

/// Says that a block of memory is a pool. There are no processes here.
#[inline(always)]
pub(super) const fn present_stamp() -> usize {
    0xC0_99_01
}

pub(super) const fn watch_forks() {}

pub(super) fn wait(_: &conn_pool, deadline: Infallible, _: Turn) -> Answer<usize> {
    match deadline {}
}

/// There are no threads to tell apart, so callbacks are called from within each other.
pub(super) fn with_turns(work: impl FnOnce(&Turns)) {
    work(&Turns::new());
}

/// Only "now" can be waited for, and that is not waited for at all.
pub(super) fn deadline(_: u32) -> Answer<Infallible> {
    Err(CONN_POOL_UNSUPPORTED)
}

pub(super) fn wait_for_drain(_: &conn_pool, _: u32) -> Answer<bool> {
    Err(CONN_POOL_UNSUPPORTED)
}

/// The storage is always the caller's.
///
/// # Safety
///
/// None is needed here, but by the twin.
pub(super) unsafe fn free(_: *mut conn_pool) {}
