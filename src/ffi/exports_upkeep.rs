// knows: border, config, course, pool, status, slot · must not know: how any of it works
//! The functions that change many resources at once. For C programmers, as those of `exports`.

use core::ffi::c_void;

use super::border::borrow_mut;
use super::config::conn_pool_check_fn;
use super::course;
use super::pool::conn_pool;
use super::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT};
use crate::slot::{PoolParts, slow_path};

/// Suspends the pool until `conn_pool_resume`: no resource is leased, and callers wait, as if all were in use. For a
/// server that is about to be replaced, or that must not be called for a while.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. To suspend it again does nothing.
/// - Ownership: leases stay valid, and with their callers.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_suspend(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        // SAFETY: it is this pool's slow path (I11).
        unsafe { pool.engine().suspend(slow_path::<conn_pool>()) };
        Ok(())
    })
}

/// Ends `conn_pool_suspend`: resources are leased again, to the longest waiters first.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`, also for a pool that is not suspended; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_resume(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        drop(unsafe { conn_pool::of(pool) }?.engine().resume());
        Ok(())
    })
}

/// Destroys every resource that was created or added before this call, and those whose `create` has begun: idle ones
/// now, the others when they are released. For a server that was replaced, or credentials that were changed.
///
/// From then on acquires and releases look at the record of a resource, and take a little longer.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `destroyed`, which may be NULL, gets the
///   number of resources destroyed by this call.
/// - Ownership: leases stay valid, and with their callers.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `destroyed` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_evict_all(pool: *mut conn_pool, destroyed: *mut usize) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let count = course::evict_all(unsafe { conn_pool::of(pool) }?);
        // SAFETY: as the caller promises.
        if let Ok(destroyed) = unsafe { borrow_mut(destroyed) } {
            *destroyed = count;
        }
        Ok(())
    })
}

/// Shows `keep` every idle resource, one after the other, and destroys those for which it returns another number than
/// 0. Resources in use are not shown.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
///   A resource is in use while it is shown. `keep` may call the pool, but must not end it.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `destroyed`, which may be NULL, gets the
///   number of resources destroyed by this call.
/// - Ownership: `user` is passed to `keep`, and not kept.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `keep` may be called with `user`; `destroyed` is
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_retain(
    pool: *mut conn_pool,
    keep: conn_pool_check_fn,
    user: *mut c_void,
    destroyed: *mut usize,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        let keep = keep.ok_or(CONN_POOL_INVALID_ARGUMENT)?;
        // SAFETY: as the caller promises.
        let count = course::retain(pool, |resource| unsafe { keep(user, resource) } == 0);
        // SAFETY: as the caller promises.
        if let Ok(destroyed) = unsafe { borrow_mut(destroyed) } {
            *destroyed = count;
        }
        Ok(())
    })
}
