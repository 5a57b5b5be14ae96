// knows: acquire, border, config, lease, platform, pool, status, wait · must not know: how any of it works
//! The functions that C programs call in a build with `std` only. For C programmers, as those of `exports`.

use super::acquire::acquire;
use super::border::borrow_mut;
use super::config::conn_pool_config;
use super::lease::{conn_pool_lease, lend};
use super::platform;
use super::pool::conn_pool;
use super::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT};
use super::wait::Limit;

/// Makes a pool on the heap. It has no resources at first.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if
///   something is wrong with the configuration (see `conn_pool_config_problem`); `CONN_POOL_OUT_OF_MEMORY`.
/// - Ownership: the caller owns `*out`, and ends it with `conn_pool_destroy`. `config` and its name are copied; `user`
///   and the callbacks must outlive the pool.
///
/// # Safety
///
/// `config` is NULL or readable for its `struct_size` bytes; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_create(
    config: *const conn_pool_config,
    out: *mut *mut conn_pool,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let out = unsafe { borrow_mut(out) }?;
        // SAFETY: as the caller promises.
        let config = unsafe { conn_pool_config::read(config) }?;
        let size = conn_pool::storage_size(config.capacity as usize);
        let storage = platform::allocate(size, align_of::<conn_pool>())?;
        platform::watch_forks();
        // SAFETY: just allocated in this size, for this pool; the name is a string as the caller promises.
        *out = unsafe { conn_pool::place(storage, size, &config, true) }?;
        Ok(())
    })
}

/// As `conn_pool_acquire`, until a time on `CLOCK_MONOTONIC`: `conn_pool_acquire_until` for programs without
/// `struct timespec`. If the time has passed, it tries once.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: until then, and for as long as `create` and
///   `validate` take.
/// - Returns what `conn_pool_acquire` returns, with `CONN_POOL_TIMED_OUT` when the time is up. Also
///   `CONN_POOL_INVALID_ARGUMENT` if `nanoseconds` is not from 0 to 999,999,999.
/// - Ownership: as for `conn_pool_acquire`.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire_deadline(
    pool: *mut conn_pool,
    seconds: i64,
    nanoseconds: i64,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if lease.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        let slot = acquire(pool, Limit::until(seconds, nanoseconds)?)?;
        // SAFETY: it may be written, as the caller promises. Not before: callbacks may use it until here.
        unsafe { lease.write(lend(pool, slot)) };
        Ok(())
    })
}
