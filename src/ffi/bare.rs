//! Layer 7 · part of ffi · knows: nothing · must not know: slots, leases
//!
//! The twin of `hosted` in a build without `std`: nobody sleeps, there is no heap, and a panic ends the program.

use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{CONN_POOL_EXHAUSTED, CONN_POOL_UNSUPPORTED};
use super::waiter::{self, Turns};
use crate::engine::{SlotToken, Ticket};

pub(super) fn guard<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    work()
}

/// Says that a block of memory is a pool. There are no processes here.
#[inline(always)]
pub(super) const fn present_stamp() -> usize {
    0xC0_99_01
}

pub(super) const fn watch_forks() {}

/// Whether a call would wait if it could.
pub(super) fn patience(timeout_ms: u32) -> bool {
    timeout_ms != 0
}

/// A slot, if there is one now.
pub(super) fn slot(pool: &conn_pool, would_wait: bool, _: &mut Ticket) -> Answer<SlotToken> {
    waiter::try_slot(pool).map_err(|status| match status {
        CONN_POOL_EXHAUSTED if would_wait => CONN_POOL_UNSUPPORTED,
        status => status,
    })
}

/// There are no threads to tell apart, so callbacks are called from within each other.
pub(super) fn with_turns(work: impl FnOnce(&Turns)) {
    work(&Turns::new());
}

pub(super) fn wait_for_drain(_: &conn_pool, _: u32) -> Answer<bool> {
    Err(CONN_POOL_UNSUPPORTED)
}

/// The storage is always the caller's.
///
/// # Safety
///
/// As for the twin: the pool is on the heap, and nobody uses it from now on.
pub(super) unsafe fn free(_: *mut conn_pool) {}
