// knows: pool, managed, slot · must not know: how it is counted
//! The counters of a pool, for C.

use core::ptr;

use super::pool::conn_pool;
use crate::managed::{DiscardReason, ManagedParts};
use crate::slot::PoolParts;

/// What a pool has counted, and how full it is: from `conn_pool_get_stats`. Later versions add fields at the end only.
///
/// The fields are read one after the other. While other threads use the pool they may not add up; once no thread does,
/// they do.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct conn_pool_stats {
    /// How many bytes of the structure the library has written. If that is less than the caller has asked for, the
    /// library is older than the program: the fields beyond are zero, and mean nothing.
    pub struct_size: usize,
    /// Slots.
    pub capacity: usize,
    /// Resources that may be in use at once.
    pub max_size: usize,
    /// Resources in use: leased, in a callback, or being made.
    pub in_use: usize,
    /// Resources ready to be acquired.
    pub idle: usize,
    /// Slots within `max_size` that have no resource.
    pub vacant: usize,
    /// Callers in the wait queue.
    pub waiting: usize,
    /// The most resources in use at once, since `conn_pool_reset_peaks`.
    pub peak_in_use: usize,
    /// The most callers waiting at once, since `conn_pool_reset_peaks`.
    pub peak_waiting: usize,
    /// Resources acquired, with those that `validate` then found unfit. This and all counts below wrap at `SIZE_MAX`.
    pub acquired: usize,
    /// Those of `acquired` whose resource had been acquired before.
    pub reused: usize,
    /// Callers that had to wait.
    pub waited: usize,
    /// Callers whose time was up before they got a resource.
    pub timed_out: usize,
    /// Newcomers that overtook a waiter; 0 unless `max_overtakes` is set.
    pub overtakes: usize,
    /// Resources that `create` has made, or that came by `conn_pool_connected`.
    pub created: usize,
    /// Calls of `create` that failed, and tickets that ended in failure.
    pub create_failed: usize,
    /// Resources that `validate` found unfit.
    pub invalid: usize,
    /// Resources that `reset` has failed to clean.
    pub reset_failed: usize,
    /// Resources destroyed, for any reason.
    pub destroyed: usize,
    /// Releases and discards that were refused because something was wrong with the lease, and uses of a ticket because
    /// something was wrong with that.
    pub misused: usize,
    /// 1 if the pool is closed, else 0.
    pub closed: usize,
    /// Calls without a wait that were refused because no resource was free.
    pub exhausted: usize,
    /// 1 if the pool is suspended, else 0.
    pub suspended: usize,
    /// Resources that are being made: calls of `create`, and what `begin_create` has begun, within its time.
    pub connecting: usize,
}

impl conn_pool_stats {
    pub(super) fn read(pool: &conn_pool) -> Self {
        let (status, common, own) = (pool.engine().status(), pool.engine().metrics(), pool.counters());
        let metrics = pool.shared().counters().read(common);
        Self {
            struct_size: size_of::<Self>(),
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
            suspended: usize::from(status.suspended),
            connecting: status.connecting,
        }
    }

    /// Writes as much of it as the caller has room for. What a later version has beyond that is zero.
    ///
    /// # Safety
    ///
    /// `out` may be written for `size` bytes.
    pub(super) unsafe fn write(&self, out: *mut Self, size: usize) {
        let known = size.min(size_of::<Self>());
        let own = Self { struct_size: known, ..*self };
        // SAFETY: the caller promises room for `size` bytes, and `known` is no more.
        unsafe { ptr::copy_nonoverlapping(ptr::from_ref(&own).cast::<u8>(), out.cast(), known) };
        // SAFETY: the rest of the room that the caller promises.
        unsafe { out.cast::<u8>().wrapping_add(known).write_bytes(0, size - known) };
    }
}
