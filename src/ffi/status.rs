// knows: engine · must not know: who answers with it
//! What a call answers, and its words for people.

use core::ffi::{CStr, c_char, c_int};

use crate::engine::AcquireError;

/// What the library answers behind the border.
pub(super) type Answer<T = ()> = Result<T, conn_pool_status>;

/// What a call answers: 0 is success, what is above is not an error, what is below is.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum conn_pool_status {
    /// Done.
    CONN_POOL_OK = 0,
    /// `conn_pool_acquire_async`: the waiter stands in line, and its callback will be called once.
    CONN_POOL_PENDING = 1,
    /// Nothing is free now, and the caller did not want to wait.
    CONN_POOL_EXHAUSTED = -1,
    /// The time was up before a resource came free.
    CONN_POOL_TIMED_OUT = -2,
    /// The pool is closed.
    CONN_POOL_CLOSED = -3,
    /// The pool is still in use: leases are out, or callers wait.
    CONN_POOL_BUSY = -4,
    /// A pointer is NULL that must not be, or a value makes no sense. For a configuration `conn_pool_config_problem`
    /// says which.
    CONN_POOL_INVALID_ARGUMENT = -5,
    /// What was asked for is not in this version or build of the library.
    CONN_POOL_UNSUPPORTED = -6,
    /// The configuration has fields set that this version does not know: it was compiled against a newer header.
    CONN_POOL_CONFIG_TOO_NEW = -7,
    /// The storage is smaller than `conn_pool_storage_size` asks for.
    CONN_POOL_STORAGE_TOO_SMALL = -8,
    /// The storage is not aligned to `conn_pool_storage_align`.
    CONN_POOL_MISALIGNED = -9,
    /// There is no memory for the pool.
    CONN_POOL_OUT_OF_MEMORY = -10,
    /// The lease is empty or was given back already.
    CONN_POOL_NOT_HELD = -11,
    /// The lease was given back, and its slot has been claimed again since.
    CONN_POOL_STALE = -12,
    /// The lease is of another pool.
    CONN_POOL_WRONG_POOL = -13,
    /// The lease names a slot or a resource that it was not given: it is damaged or forged.
    CONN_POOL_FORGED = -14,
    /// `conn_pool_add`: no slot within `max_size` is vacant.
    CONN_POOL_FULL = -15,
    /// The callback `create` failed.
    CONN_POOL_CREATE_FAILED = -16,
    /// The waiter stands in a line already.
    CONN_POOL_WAITING = -17,
    /// `conn_pool_cancel`: the waiter stands in no line; its callback was called, or is being called.
    CONN_POOL_NOT_WAITING = -18,
    /// The process is a fork's child: the pool belongs to the parent.
    CONN_POOL_FORKED = -19,
    /// The library has failed, and stopped the failure at its border. Please report it.
    CONN_POOL_PANIC = -20,
}

#[allow(clippy::enum_glob_use, reason = "all of them, and each has its prefix")]
use conn_pool_status::*;

impl conn_pool_status {
    const ALL: [(Self, &'static CStr, &'static CStr); 22] = [
        (CONN_POOL_OK, c"CONN_POOL_OK", c"success"),
        (CONN_POOL_PENDING, c"CONN_POOL_PENDING", c"the waiter stands in line and will be called back"),
        (CONN_POOL_EXHAUSTED, c"CONN_POOL_EXHAUSTED", c"no resource is free right now"),
        (CONN_POOL_TIMED_OUT, c"CONN_POOL_TIMED_OUT", c"no resource came free in time"),
        (CONN_POOL_CLOSED, c"CONN_POOL_CLOSED", c"the pool is closed"),
        (CONN_POOL_BUSY, c"CONN_POOL_BUSY", c"the pool is in use: leases are out or callers wait"),
        (CONN_POOL_INVALID_ARGUMENT, c"CONN_POOL_INVALID_ARGUMENT", c"an argument is NULL, destroyed or out of range"),
        (CONN_POOL_UNSUPPORTED, c"CONN_POOL_UNSUPPORTED", c"not supported by this version or build of the library"),
        (
            CONN_POOL_CONFIG_TOO_NEW,
            c"CONN_POOL_CONFIG_TOO_NEW",
            c"the configuration has options that this version does not know",
        ),
        (
            CONN_POOL_STORAGE_TOO_SMALL,
            c"CONN_POOL_STORAGE_TOO_SMALL",
            c"the storage is too small: see conn_pool_storage_size",
        ),
        (CONN_POOL_MISALIGNED, c"CONN_POOL_MISALIGNED", c"the storage is not aligned: see conn_pool_storage_align"),
        (CONN_POOL_OUT_OF_MEMORY, c"CONN_POOL_OUT_OF_MEMORY", c"out of memory"),
        (CONN_POOL_NOT_HELD, c"CONN_POOL_NOT_HELD", c"the lease is empty or was given back already"),
        (CONN_POOL_STALE, c"CONN_POOL_STALE", c"the lease was given back, and its slot has been claimed again since"),
        (CONN_POOL_WRONG_POOL, c"CONN_POOL_WRONG_POOL", c"the lease is of another pool"),
        (CONN_POOL_FORGED, c"CONN_POOL_FORGED", c"the lease names a slot or a resource that it was not given"),
        (CONN_POOL_FULL, c"CONN_POOL_FULL", c"the pool is full: no slot within max_size is vacant"),
        (CONN_POOL_CREATE_FAILED, c"CONN_POOL_CREATE_FAILED", c"the callback that creates resources failed"),
        (CONN_POOL_WAITING, c"CONN_POOL_WAITING", c"the waiter stands in a line already"),
        (CONN_POOL_NOT_WAITING, c"CONN_POOL_NOT_WAITING", c"the waiter stands in no line: it was called back already"),
        (CONN_POOL_FORKED, c"CONN_POOL_FORKED", c"the pool belongs to the parent process: abandon it in the child"),
        (CONN_POOL_PANIC, c"CONN_POOL_PANIC", c"the library failed; please report it"),
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
            // A pool for C has no limit to its line.
            AcquireError::Exhausted | AcquireError::QueueFull => CONN_POOL_EXHAUSTED,
            AcquireError::Closed => CONN_POOL_CLOSED,
            AcquireError::TimedOut => CONN_POOL_TIMED_OUT,
            AcquireError::NoSlots => CONN_POOL_INVALID_ARGUMENT,
        }
    }
}
