// knows: acquire, asking, border, config, lease, leases, platform, pool, status, upkeep_thread, wait · must not know:
// how any of it works
//! The functions that C programs call in a build with `std` only. For C programmers, as those of `exports`.
#![expect(clippy::doc_markdown, reason = "annotations for cbindgen, which are no words")]

use core::ffi::{CStr, c_char, c_int};
use core::ptr;

use super::acquire::acquire;
use super::border::borrow_mut;
use super::config::conn_pool_config;
use super::lease::{conn_pool_lease, lend};
use super::leases::{conn_pool_lease_info, list};
use super::pool::conn_pool;
use super::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_UNSUPPORTED};
use super::wait::Limit;
use super::{asking, platform, upkeep_thread};

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
/// cbindgen:postfix=CONN_POOL_NONNULL(2)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_create(
    config: *const conn_pool_config,
    out: *mut *mut conn_pool,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let out = unsafe { borrow_mut(out) }?;
        let mut own = conn_pool_config::EMPTY;
        // SAFETY: as the caller promises.
        unsafe { own.read(config) }?;
        let size = conn_pool::storage_size(own.capacity as usize);
        let storage = platform::allocate(size, align_of::<conn_pool>())?;
        platform::watch_forks();
        // SAFETY: just allocated in this size, for this pool; the name is a string as the caller promises.
        *out = unsafe { conn_pool::place(storage, size, &mut own, true) }?;
        // SAFETY: just made (I10).
        asking::begin(unsafe { &**out });
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
/// cbindgen:postfix=CONN_POOL_NONNULL(4)
#[must_use]
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
        unsafe { lease.write(lend(pool, slot, ptr::null())) };
        Ok(())
    })
}

/// As `conn_pool_acquire`, with a tag that tells what the resource is for: `conn_pool_get_leases` returns it, in a pool
/// with `CONN_POOL_TRACK`.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: as `conn_pool_acquire`.
/// - Returns what `conn_pool_acquire` returns.
/// - Ownership: as for `conn_pool_acquire`. The tag is not copied: it must live as long as the lease, and as long as
///   others may ask who holds it. A string constant does. It may be NULL.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(4)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire_tagged(
    pool: *mut conn_pool,
    timeout_ms: u32,
    tag: *const c_char,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if lease.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        let slot = acquire(pool, Limit::of(timeout_ms))?;
        // SAFETY: it may be written, as the caller promises. Not before: callbacks may use it until here.
        unsafe { lease.write(lend(pool, slot, tag)) };
        Ok(())
    })
}

/// Who holds which resource, and for how long: of a pool with `CONN_POOL_TRACK`. To be asked when a pool is exhausted,
/// or cannot be drained.
///
/// Fills `leases` with up to `room` of them, in the order of their slots. Leases that begin or end meanwhile may be
/// left out.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_UNSUPPORTED` if the pool does not record that; `CONN_POOL_FORKED`,
///   `CONN_POOL_INVALID_ARGUMENT`. `count` gets the number of leases that are held, which may be more than `room`.
/// - Ownership: `leases` stays the caller's, and may be NULL if `room` is 0. `size` is `sizeof(conn_pool_lease_info)`:
///   it tells the library which version of the structure the program was compiled with. The resources are in use: do
///   not touch them.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `leases` is NULL or writable for `room` times
/// `size` bytes; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_get_leases(
    pool: *const conn_pool,
    leases: *mut conn_pool_lease_info,
    size: usize,
    room: usize,
    count: *mut usize,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        // SAFETY: as the caller promises.
        let count = unsafe { borrow_mut(count) }?;
        if room != 0 && (leases.is_null() || size == 0) {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        if !pool.config().tracks() {
            return Err(CONN_POOL_UNSUPPORTED);
        }
        // SAFETY: as the caller promises.
        *count = unsafe { list(pool, leases, size, room) };
        Ok(())
    })
}

/// Why `create` or `begin_create` has failed: for the program's callback, which calls this before it returns. The text
/// is copied, and cut to `CONN_POOL_MAX_ERROR` bytes. NULL forgets it.
///
/// - Thread-safe: yes: each thread has a text of its own. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`.
///
/// # Safety
///
/// `text` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_set_error(text: *const c_char) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let text = if text.is_null() { None } else { Some(unsafe { CStr::from_ptr(text) }) };
        platform::set_error(text);
        Ok(())
    })
}

/// Why the thread's last call that returned `CONN_POOL_CREATE_FAILED` has failed, or the last one within which
/// `on_ready` was called with that status: what `create` or `begin_create` has returned, or was passed to
/// `conn_pool_connect_failed`; `CONN_POOL_TIMED_OUT` if `connect_timeout_ms` was over. `text`, if it is not NULL, gets
/// what the callback has passed to `conn_pool_set_error`, or what `conn_pool_connect_failed` was passed, or "".
///
/// A caller that has waited for a connect of the program, or of another thread, is told of the latest failure of these
/// in the pool by the time that it goes on: that may be a later one than the failure that has ended its wait.
///
/// - Thread-safe: yes: each thread has an error of its own. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Ownership: the text belongs to the library. It is valid until the thread calls the library again.
///
/// # Safety
///
/// `text` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_last_error(text: *mut *const c_char) -> c_int {
    border!(
        value: {
            let (code, own) = platform::last_error();
            // SAFETY: as the caller promises.
            if let Ok(text) = unsafe { borrow_mut(text) } {
                *text = own;
            }
            code
        },
        or: 0
    )
}

/// Starts a thread that maintains the pool: it calls what `conn_pool_maintain` does, as often as the limits of the
/// configuration ask for. So each of them is kept to within a tenth of itself, and 10 ms.
///
/// The thread calls the callbacks; it blocks all signals. `conn_pool_drain` and `conn_pool_destroy` stop it. It creates
/// what `min_idle` and waiters of `conn_pool_acquire_async` want; other callers that find nothing idle create for
/// themselves, as without it. Callers may call `conn_pool_maintain` beside it.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if it was started already; `CONN_POOL_CLOSED`; `CONN_POOL_OUT_OF_MEMORY`
///   if the thread cannot be started; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: the thread belongs to the pool. It does not exist in the child of a fork.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_start_maintenance(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        // SAFETY: a pool is not freed before its thread was stopped, as the caller promises.
        unsafe { upkeep_thread::start(pool) }
    })
}
