// knows: asking, pool, status · must not know: how any of it works
//! The functions by which a C program ends the connects that it was asked for. For C programmers, as those of
//! `exports`.

use core::ffi::{CStr, c_char, c_int, c_void};

use super::asking;
use super::pool::conn_pool;
use super::status::conn_pool_status;

/// Ends what `begin_create` has begun: the resource is made, and goes to the longest waiter, or is idle. A closed pool
/// destroys it, as at a release.
///
/// A ticket stays valid until it is used, however long that takes: a resource that comes after `connect_timeout_ms` is
/// taken all the same.
///
/// - Thread-safe: yes; also within `begin_create`. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as
///   callbacks take.
/// - Returns `CONN_POOL_OK`. If something is wrong with the ticket, nothing changes: `CONN_POOL_NOT_HELD` (0, or used
///   already), `CONN_POOL_STALE` (and its slot has another one now), `CONN_POOL_WRONG_POOL`, `CONN_POOL_FORGED`. Also
///   `CONN_POOL_FORKED`, and `CONN_POOL_INVALID_ARGUMENT`, for which the ticket stays valid, if the resource is NULL.
/// - Ownership: on success the pool owns the resource and ends it with `destroy`; if the pool is closed it does so now.
///   Otherwise the caller keeps it.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_connected(
    pool: *mut conn_pool,
    ticket: u64,
    resource: *mut c_void,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        asking::connected(unsafe { conn_pool::of(pool) }?, ticket, resource)
    })
}

/// Ends what `begin_create` has begun: the resource could not be made. The longest waiter gets
/// `CONN_POOL_CREATE_FAILED`, unless other connects are under way for all that wait; for the next one `begin_create` is
/// called again.
///
/// `code` and `text` are for `conn_pool_last_error`. The text is copied, and cut to `CONN_POOL_MAX_ERROR` bytes; it may
/// be NULL.
///
/// - Thread-safe: yes; also within `begin_create`. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as
///   callbacks take.
/// - Returns what `conn_pool_connected` returns.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `text` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_connect_failed(
    pool: *mut conn_pool,
    ticket: u64,
    code: c_int,
    text: *const c_char,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        // SAFETY: as the caller promises.
        let text = if text.is_null() { None } else { Some(unsafe { CStr::from_ptr(text) }) };
        asking::connect_failed(pool, ticket, code, text)
    })
}
