// knows: engine · must not know: which call returns it
//! What a call returns, with a name and a text for each.

use core::ffi::{CStr, c_char, c_int};

use crate::engine::AcquireError;

/// A result behind the border, where failures are `Err`.
pub(super) type Answer<T = ()> = Result<T, conn_pool_status>;

/// What a call returns: 0 is success, a positive value is no error either, a negative value is an error.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum conn_pool_status {
    /// Success.
    CONN_POOL_OK = 0,
    /// `conn_pool_acquire_async`: the waiter is queued, and its callback will be called once.
    CONN_POOL_PENDING = 1,
    /// No resource is free now, and the call does not wait.
    CONN_POOL_EXHAUSTED = -1,
    /// The time was up before a resource was free.
    CONN_POOL_TIMED_OUT = -2,
    /// The pool is closed.
    CONN_POOL_CLOSED = -3,
    /// The pool is in use: leases are held, callers wait, or tickets are out.
    CONN_POOL_BUSY = -4,
    /// A pointer is NULL that must not be, a value is out of range, or the pool is destroyed. For a configuration
    /// `conn_pool_config_problem` says which.
    CONN_POOL_INVALID_ARGUMENT = -5,
    /// This build of the library cannot do that.
    CONN_POOL_UNSUPPORTED = -6,
    /// The configuration sets fields that this version does not have: the program was compiled with a newer header.
    CONN_POOL_CONFIG_TOO_NEW = -7,
    /// The storage is smaller than `conn_pool_storage_size` asks for.
    CONN_POOL_STORAGE_TOO_SMALL = -8,
    /// The storage is not aligned to `conn_pool_storage_align`.
    CONN_POOL_MISALIGNED = -9,
    /// The pool could not be allocated.
    CONN_POOL_OUT_OF_MEMORY = -10,
    /// The lease is empty, or was released already; or the ticket is 0, or was used already.
    CONN_POOL_NOT_HELD = -11,
    /// The lease was released, and its slot has been leased again since; or the ticket was used, and its slot has had
    /// another one since.
    CONN_POOL_STALE = -12,
    /// The lease, the waiter or the ticket belongs to another pool.
    CONN_POOL_WRONG_POOL = -13,
    /// The lease has a slot, resource or generation that was never handed out, or the ticket was never issued: it is
    /// damaged or forged.
    CONN_POOL_FORGED = -14,
    /// `conn_pool_add`: no slot within `max_size` is vacant.
    CONN_POOL_FULL = -15,
    /// The resource could not be made: see `conn_pool_last_error`.
    CONN_POOL_CREATE_FAILED = -16,
    /// `conn_pool_acquire_async`: the waiter is in a wait queue already.
    CONN_POOL_ALREADY_WAITING = -17,
    /// `conn_pool_cancel`: the waiter is in no wait queue. Its callback was called, or is about to be, or it was never
    /// queued.
    CONN_POOL_NOT_WAITING = -18,
    /// The process is a fork's child, and the pool belongs to the parent: see `conn_pool_abandon`.
    CONN_POOL_FORKED = -19,
    /// The library itself has failed. Please report it.
    CONN_POOL_PANIC = -20,
    /// The thread would wait for itself: it holds what it would wait for. Only in a pool with `CONN_POOL_TRACK`.
    CONN_POOL_DEADLOCK = -21,
}

#[allow(clippy::enum_glob_use, reason = "all of them, and each has its prefix")]
use conn_pool_status::*;

impl conn_pool_status {
    const ALL: [(Self, &'static CStr, &'static CStr); 23] = [
        (CONN_POOL_OK, c"CONN_POOL_OK", c"success"),
        (CONN_POOL_PENDING, c"CONN_POOL_PENDING", c"the waiter is queued and its callback will be called"),
        (CONN_POOL_EXHAUSTED, c"CONN_POOL_EXHAUSTED", c"no resource is free now"),
        (CONN_POOL_TIMED_OUT, c"CONN_POOL_TIMED_OUT", c"no resource was free in time"),
        (CONN_POOL_CLOSED, c"CONN_POOL_CLOSED", c"the pool is closed"),
        (CONN_POOL_BUSY, c"CONN_POOL_BUSY", c"the pool is in use: leases are held, callers wait or tickets are out"),
        (CONN_POOL_INVALID_ARGUMENT, c"CONN_POOL_INVALID_ARGUMENT", c"an argument is NULL, destroyed or out of range"),
        (CONN_POOL_UNSUPPORTED, c"CONN_POOL_UNSUPPORTED", c"not supported by this build of the library"),
        (
            CONN_POOL_CONFIG_TOO_NEW,
            c"CONN_POOL_CONFIG_TOO_NEW",
            c"the configuration sets fields that this version does not have",
        ),
        (
            CONN_POOL_STORAGE_TOO_SMALL,
            c"CONN_POOL_STORAGE_TOO_SMALL",
            c"the storage is too small: see conn_pool_storage_size",
        ),
        (CONN_POOL_MISALIGNED, c"CONN_POOL_MISALIGNED", c"the storage is not aligned: see conn_pool_storage_align"),
        (CONN_POOL_OUT_OF_MEMORY, c"CONN_POOL_OUT_OF_MEMORY", c"out of memory"),
        (
            CONN_POOL_NOT_HELD,
            c"CONN_POOL_NOT_HELD",
            c"the lease is empty or was released already, or the ticket was used",
        ),
        (
            CONN_POOL_STALE,
            c"CONN_POOL_STALE",
            c"the lease was released, or the ticket used, and its slot has another one since",
        ),
        (CONN_POOL_WRONG_POOL, c"CONN_POOL_WRONG_POOL", c"the lease, the waiter or the ticket belongs to another pool"),
        (
            CONN_POOL_FORGED,
            c"CONN_POOL_FORGED",
            c"the lease has a slot, resource or generation that was never handed out, or the ticket was never issued",
        ),
        (CONN_POOL_FULL, c"CONN_POOL_FULL", c"the pool is full: no slot within max_size is vacant"),
        (CONN_POOL_CREATE_FAILED, c"CONN_POOL_CREATE_FAILED", c"the resource could not be made"),
        (CONN_POOL_ALREADY_WAITING, c"CONN_POOL_ALREADY_WAITING", c"the waiter is in a wait queue already"),
        (
            CONN_POOL_NOT_WAITING,
            c"CONN_POOL_NOT_WAITING",
            c"the waiter is in no wait queue: its callback was called, or it was never queued",
        ),
        (CONN_POOL_FORKED, c"CONN_POOL_FORKED", c"the pool belongs to the parent process: abandon it in the child"),
        (CONN_POOL_PANIC, c"CONN_POOL_PANIC", c"the library itself has failed: please report it"),
        (CONN_POOL_DEADLOCK, c"CONN_POOL_DEADLOCK", c"the thread would wait for itself: it holds the resources"),
    ];

    fn find(number: c_int) -> Option<&'static (Self, &'static CStr, &'static CStr)> {
        Self::ALL.iter().find(|(status, ..)| *status as c_int == number)
    }

    pub(super) fn name(number: c_int) -> *const c_char {
        Self::find(number).map_or(c"CONN_POOL_UNKNOWN", |(_, name, _)| name).as_ptr()
    }

    pub(super) fn text(number: c_int) -> *const c_char {
        Self::find(number).map_or(c"not a status of conn_pool", |(_, _, text)| text).as_ptr()
    }
}

impl From<AcquireError> for conn_pool_status {
    fn from(error: AcquireError) -> Self {
        match error {
            // The wait queue of a pool for C has no limit.
            AcquireError::Exhausted | AcquireError::QueueFull => CONN_POOL_EXHAUSTED,
            AcquireError::Closed => CONN_POOL_CLOSED,
            // Only a connector ends waits, whose pool knows why.
            AcquireError::Dismissed => CONN_POOL_CREATE_FAILED,
            AcquireError::TimedOut => CONN_POOL_TIMED_OUT,
            AcquireError::NoSlots => CONN_POOL_INVALID_ARGUMENT,
        }
    }
}
