// knows: pool, managed, slot · must not know: how it is counted
//! What a pool has counted, for C.

use core::ptr;

use super::pool::conn_pool;
use crate::managed::{DiscardReason, ManagedParts};
use crate::slot::PoolParts;

/// What a pool has counted, and how full it is: from `conn_pool_stats`. Grows at its end only.
///
/// Figures that move meanwhile may be apart; they settle as soon as the pool does.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct conn_pool_figures {
    /// Slots.
    pub capacity: usize,
    /// Resources that may be out at once.
    pub max_size: usize,
    /// Resources that are out.
    pub in_use: usize,
    /// Resources ready to be claimed.
    pub idle: usize,
    /// Slots within `max_size` that have no resource.
    pub vacant: usize,
    /// Callers in line.
    pub waiting: usize,
    /// The most that were in use at once, since the marks were reset.
    pub peak_in_use: usize,
    /// The most that waited at once, since the marks were reset.
    pub peak_waiting: usize,
    /// Resources taken from the pool, those included that `validate` then refused. Counts wrap at `SIZE_MAX`.
    pub acquired: usize,
    /// Of those, how many were of a resource that had been claimed before.
    pub reused: usize,
    /// Callers who had to wait.
    pub waited: usize,
    /// Callers whose time was up.
    pub timed_out: usize,
    /// Newcomers who passed a waiter; 0 unless `max_overtakes` was set.
    pub overtakes: usize,
    /// Resources that `create` made.
    pub created: usize,
    /// Calls of `create` that failed.
    pub create_failed: usize,
    /// Resources that `validate` found unfit.
    pub invalid: usize,
    /// Resources that `reset` could not clean.
    pub reset_failed: usize,
    /// Resources that were destroyed, for whatever reason.
    pub destroyed: usize,
    /// Releases and discards that were refused because the lease was not in order.
    pub misused: usize,
    /// 1 if the pool is closed, else 0.
    pub closed: usize,
    /// Callers who did not want to wait, and were refused because nothing was free.
    pub exhausted: usize,
}

impl conn_pool_figures {
    pub(super) fn read(pool: &conn_pool) -> Self {
        let (status, common, own) = (pool.engine().status(), pool.engine().metrics(), pool.counters());
        let metrics = pool.shared().counters().read(common);
        Self {
            capacity: status.capacity,
            max_size: status.max_size,
            in_use: status.in_use,
            idle: status.idle,
            vacant: status.vacant,
            waiting: status.waiting,
            peak_in_use: common.peak_in_use,
            peak_waiting: common.peak_waiting,
            acquired: common.acquired,
            reused: common.reused,
            waited: common.waited,
            timed_out: common.timed_out,
            overtakes: common.overtakes,
            created: metrics.connected,
            create_failed: metrics.connect_failed,
            invalid: metrics.check_failed,
            reset_failed: metrics.discarded_for(DiscardReason::ResetFailed),
            destroyed: metrics.discarded_in_all(),
            misused: own.misused.get(),
            closed: usize::from(status.closed),
            exhausted: own.exhausted.get(),
        }
    }

    /// Writes as much of it as the caller has room for, and zeros beyond what this version knows.
    ///
    /// # Safety
    ///
    /// `out` may be written for `size` bytes.
    pub(super) unsafe fn write(&self, out: *mut Self, size: usize) {
        let known = size.min(size_of::<Self>());
        // SAFETY: the caller promises room for `size` bytes, and `known` is no more.
        unsafe { ptr::copy_nonoverlapping(ptr::from_ref(self).cast::<u8>(), out.cast(), known) };
        // SAFETY: the rest of the room that the caller promises.
        unsafe { out.cast::<u8>().wrapping_add(known).write_bytes(0, size - known) };
    }
}
