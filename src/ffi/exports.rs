// knows: acquire, annotations, asking, border, callbacks, config, course, lease, platform, pool, stats, status,
// version, wait, waiter, engine, managed, slot · must not know: how any of it works
//! The functions that C programs call in every build. The header is generated from this file, so the documentation
//! speaks to a C programmer.
#![expect(clippy::doc_markdown, reason = "annotations for cbindgen, which are no words")]

use core::ffi::{c_char, c_int, c_void};
use core::ptr;

use super::acquire::{acquire as acquire_with, acquire_as_it_is, acquire_at_home};
use super::annotations;
use super::border::borrow_mut;
use super::callbacks::Resource;
use super::config::{CONN_POOL_MAX_CAPACITY, conn_pool_config};
use super::lease::{self, conn_pool_lease, lend};
use super::pool::conn_pool;
use super::stats::conn_pool_stats;
use super::status::conn_pool_status::{
    self, CONN_POOL_BUSY, CONN_POOL_CLOSED, CONN_POOL_FULL, CONN_POOL_INVALID_ARGUMENT,
};
use super::wait::Limit;
use super::waiter::{self, conn_pool_ready_fn, conn_pool_waiter};
use super::{asking, course, platform, version, wait};
use crate::engine::AcquireError;
use crate::managed::{ManagedParts, begin};
use crate::slot::{PoolParts, release, slow_path, storage, teardown};

/// The version of the linked library, as a number: MAJOR * 10000 + MINOR * 100 + PATCH, like `CONN_POOL_VERSION` of the
/// header.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_version() -> u32 {
    border!(value: version::NUMBER, or: 0)
}

/// The version of the linked library, as the string "major.minor.patch".
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_version_string() -> *const c_char {
    border!(value: concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(), or: c"".as_ptr())
}

/// The meaning of a status, as a short English text. Never NULL, whatever the number.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_strerror(status: c_int) -> *const c_char {
    border!(value: conn_pool_status::text(status), or: c"".as_ptr())
}

/// The name of a status in this header, such as `CONN_POOL_OK`, for logs. Never NULL, whatever the number.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_status_name(status: c_int) -> *const c_char {
    border!(value: conn_pool_status::name(status), or: c"".as_ptr())
}

/// What is wrong with a configuration, and what would be right, as a short English text. NULL if nothing is wrong.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
///
/// # Safety
///
/// `config` is NULL or readable for its `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_config_problem(config: *const conn_pool_config) -> *const c_char {
    // SAFETY: as the caller promises.
    border!(value: unsafe { conn_pool_config::explain(config) }, or: c"".as_ptr())
}

/// How many bytes of storage `conn_pool_init` needs for a pool of this capacity. 0 if the capacity is out of range.
///
/// `CONN_POOL_STORAGE_SIZE(capacity)` is a constant that is never less.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_storage_size(capacity: u32) -> usize {
    border!(
        value: {
            let is_possible = (1..=CONN_POOL_MAX_CAPACITY).contains(&capacity);
            if is_possible { conn_pool::storage_size(capacity as usize) } else { 0 }
        },
        or: 0
    )
}

/// The alignment, in bytes, that `conn_pool_init` needs of its storage.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_storage_align() -> usize {
    border!(value: align_of::<conn_pool>(), or: 0)
}

/// Makes a pool in the caller's storage, without a heap. `CONN_POOL_DEFINE_STATIC` defines such storage.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_STORAGE_TOO_SMALL`, `CONN_POOL_MISALIGNED`; `CONN_POOL_INVALID_ARGUMENT`,
///   `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if something is wrong with the configuration (see
///   `conn_pool_config_problem`).
/// - Ownership: the pool owns the storage until `conn_pool_destroy` or `conn_pool_abandon` has returned `CONN_POOL_OK`.
///   Until then the storage must neither move nor be freed. `config` and its name are copied; `user` and the callbacks
///   must outlive the pool.
///
/// # Safety
///
/// `storage` is NULL or writable for `size` bytes; `config` is NULL or readable for its `struct_size` bytes; `out` is
/// NULL or writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(4)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_init(
    storage: *mut c_void,
    size: usize,
    config: *const conn_pool_config,
    out: *mut *mut conn_pool,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let out = unsafe { borrow_mut(out) }?;
        let mut own = conn_pool_config::EMPTY;
        // SAFETY: as the caller promises.
        unsafe { own.read(config) }?;
        platform::watch_forks();
        // SAFETY: as the caller promises.
        *out = unsafe { conn_pool::place(storage, size, &mut own, false) }?;
        // SAFETY: just made (I10).
        asking::begin(unsafe { &**out });
        Ok(())
    })
}

/// Adds a resource to the pool, for the longest waiter if there is one.
///
/// - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
///   callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot within `max_size` is vacant; `CONN_POOL_CLOSED`,
///   `CONN_POOL_FORKED`; `CONN_POOL_INVALID_ARGUMENT`, also if the resource is NULL.
/// - Ownership: on success the pool owns the resource and ends it with `destroy`; otherwise the caller keeps it.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_add(pool: *mut conn_pool, resource: *mut c_void) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if resource.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        let slot = pool.engine().reserve().map_err(|error| match error {
            AcquireError::Closed => CONN_POOL_CLOSED,
            _ => CONN_POOL_FULL,
        })?;
        pool.record(slot.index()).note_epoch(pool.shared().epoch());
        begin(pool, slot.index(), pool.coarse());
        annotations::released(pool.config(), resource);
        // SAFETY: the slot was vacant, so it is not filled (I3).
        unsafe { storage::fill(pool.slots(), &slot, Resource(resource)) };
        release(pool, slot);
        Ok(())
    })
}

/// Acquires a resource if one is free now, or can be created. A pool with `begin_create` asks for one if none is free.
///
/// - Thread-safe: yes. ISR-safe: in a build without threads with the feature `critical-section`, if the callbacks of
///   the pool may run in a handler. Async-signal-safe: no. Blocks: only for as long as `create` and `validate` take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_EXHAUSTED`, `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`,
///   `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: the caller holds the lease until it is passed to `conn_pool_release` or `conn_pool_discard`. It is
///   written on success only.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(2)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_try_acquire(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, acquire_as_it_is) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire(pool, 0, lease) }
    )
}

/// Acquires a resource, waiting in the queue for up to `timeout_ms` milliseconds.
///
/// 0 does not wait, like `conn_pool_try_acquire`; `CONN_POOL_WAIT_FOREVER` waits for as long as it takes. The time
/// counts from the call, with what `create` and `validate` take, but not what `destroy` takes for a resource that is
/// too old; a spurious wake-up does not start it again. A call that finds a resource free reads no clock for it, unless
/// `validate` has to be called. A resource that is granted just as the time is up is not lost: the call succeeds.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as `create` and
///   `validate` take. A thread that holds the only lease and acquires another waits for itself.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_TIMED_OUT` (with 0: `CONN_POOL_EXHAUSTED`), `CONN_POOL_CLOSED`,
///   `CONN_POOL_CREATE_FAILED` (see `conn_pool_last_error`), `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`;
///   `CONN_POOL_DEADLOCK` if the thread itself holds all resources and would wait without limit, in a pool with
///   `CONN_POOL_TRACK`; in a build without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
/// - Ownership: as for `conn_pool_try_acquire`.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `lease` is NULL or writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(3)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire(
    pool: *mut conn_pool,
    timeout_ms: u32,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, acquire_as_it_is) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire(pool, timeout_ms, lease) }
    )
}

/// The second attempt: from the thread's home.
///
/// # Safety
///
/// As for `conn_pool_acquire`.
#[inline(never)]
unsafe extern "C" fn acquire(pool: *mut conn_pool, timeout_ms: u32, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, acquire_at_home) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire_in_full(pool, timeout_ms, lease) }
    )
}

/// The slow half of acquiring: callbacks, waiting, errors.
///
/// # Safety
///
/// As for `conn_pool_acquire`.
#[inline(never)]
unsafe extern "C" fn acquire_in_full(
    pool: *mut conn_pool,
    timeout_ms: u32,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if lease.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        let slot = acquire_with(pool, Limit::of(timeout_ms))?;
        // SAFETY: it may be written, as the caller promises. Not before: callbacks may use it until here.
        unsafe { lease.write(lend(pool, slot, ptr::null())) };
        Ok(())
    })
}

/// The fast path of a call with a pool and a lease: no callback, no error. `None` if it takes more than that. `what`
/// looks whether the pool is present.
///
/// # Safety
///
/// As for `conn_pool_try_acquire`.
#[inline(always)]
unsafe fn at_once(
    pool: *mut conn_pool,
    lease: *mut conn_pool_lease,
    what: impl FnOnce(&conn_pool, &mut conn_pool_lease) -> Option<conn_pool_status>,
) -> Option<conn_pool_status> {
    // SAFETY: as the caller promises.
    let (pool, lease) = (unsafe { pool.as_ref() }?, unsafe { lease.as_mut() }?);
    what(pool, lease)
}

/// Acquires a resource now, or joins the wait queue, in which threads wait too, and is called back.
///
/// On `CONN_POOL_OK` the lease is written at once, and `on_ready` is not called. On `CONN_POOL_PENDING` `on_ready` will
/// be called exactly once, unless the wait is cancelled first. The thread that calls it is the one whose call has
/// served the waiter: usually a release, but it may be any call that changes the pool, even this one before it has
/// returned. So hold no lock around calls of the pool that `on_ready` takes. If a resource has to be checked for the
/// waiter, the same thread does that.
///
/// It creates none for a waiter: a pool with `begin_create` asks for one, and in a pool with `create`
/// `conn_pool_maintain` creates it, for which the thread of `conn_pool_start_maintenance` is called at once. So one of
/// these has to be called where resources are discarded or found unfit while waiters wait.
///
/// `on_ready` may call the pool, but must not end it, and must not wait: no acquire with a timeout and no drain, of
/// this pool or another. Other callbacks that are due on the same thread are called after it has returned, and may hold
/// what it would wait for.
///
/// - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: as
///   `conn_pool_try_acquire`.
/// - Returns `CONN_POOL_OK`, `CONN_POOL_PENDING`; `CONN_POOL_ALREADY_WAITING` if the waiter is in a wait queue;
///   `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`; `CONN_POOL_EXHAUSTED` if a callback has
///   cancelled it meanwhile; `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: `waiter` stays the caller's. It must neither move nor be freed until `on_ready` was called or
///   `conn_pool_cancel` has returned `CONN_POOL_OK`. `lease` is written before the call returns, or not at all.
///   `on_ready` owns the lease that it is given.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `waiter` is NULL, zeroed, or was used before;
/// `lease` is NULL or writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(5)
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire_async(
    pool: *mut conn_pool,
    waiter: *mut conn_pool_waiter,
    on_ready: conn_pool_ready_fn,
    user: *mut c_void,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once_without_wait(pool, waiter, on_ready, lease, acquire_as_it_is) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire_or_wait(pool, waiter, on_ready, user, lease) }
    )
}

/// As [`at_once`], for a call with a waiter; `None` if that cannot wait.
///
/// # Safety
///
/// As for `conn_pool_acquire_async`.
#[inline(always)]
unsafe fn at_once_without_wait(
    pool: *mut conn_pool,
    waiter: *mut conn_pool_waiter,
    on_ready: conn_pool_ready_fn,
    lease: *mut conn_pool_lease,
    what: impl FnOnce(&conn_pool, &mut conn_pool_lease) -> Option<conn_pool_status>,
) -> Option<conn_pool_status> {
    // SAFETY: as the caller promises.
    if on_ready.is_none() || !unsafe { waiter::may_wait(waiter) } {
        return None;
    }
    // SAFETY: as the caller promises.
    unsafe { at_once(pool, lease, what) }
}

/// # Safety
///
/// As for `conn_pool_acquire_async`.
#[inline(never)]
unsafe extern "C" fn acquire_or_wait(
    pool: *mut conn_pool,
    waiter: *mut conn_pool_waiter,
    on_ready: conn_pool_ready_fn,
    user: *mut c_void,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once_without_wait(pool, waiter, on_ready, lease, acquire_at_home) },
        else: {
            // SAFETY: as the caller promises.
            let pool = unsafe { conn_pool::of(pool) }?;
            if waiter.is_null() || on_ready.is_none() || lease.is_null() {
                return Err(CONN_POOL_INVALID_ARGUMENT);
            }
            // SAFETY: as the caller promises, and it is not NULL.
            unsafe { waiter::acquire_async(pool, waiter, on_ready, user, lease) }
        }
    )
}

/// Cancels an asynchronous wait: `on_ready` will not be called.
///
/// On `CONN_POOL_NOT_WAITING` `on_ready` was called, or will be. If it will be, and the resource meant for it turns out
/// unfit, it gets `CONN_POOL_EXHAUSTED`: after this call the waiter does not join the queue again.
///
/// - Thread-safe: yes, but not at the same time as a call that uses the waiter again. ISR-safe: as
///   `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as callbacks take that become due.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_NOT_WAITING` if it is too late (`on_ready` was called, is being called, or is
///   about to be) or the waiter was never queued; `CONN_POOL_WRONG_POOL` if it is in another pool's queue;
///   `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: after `CONN_POOL_OK` the waiter may be freed.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `waiter` is NULL, zeroed, or was used before.
/// cbindgen:postfix=CONN_POOL_NONNULL(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_cancel(pool: *mut conn_pool, waiter: *mut conn_pool_waiter) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if waiter.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        // SAFETY: as the caller promises, and it is not NULL.
        unsafe { waiter::cancel(pool, waiter) }
    })
}

/// Releases a lease: its resource goes to the longest waiter, or is idle. The lease is zeroed.
///
/// A pool with `reset` resets the resource first, and destroys it if that fails. A closed pool destroys it.
///
/// - Thread-safe: yes; any thread may release the lease, not only the one that acquired it. ISR-safe: as
///   `conn_pool_try_acquire`; the handler then calls `destroy` if the pool is closed, and `on_ready` if a
///   callback is waiting. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`. If something is wrong with the lease, nothing changes: `CONN_POOL_NOT_HELD` (empty, or
///   released already), `CONN_POOL_STALE` (and its slot is leased again), `CONN_POOL_WRONG_POOL`, `CONN_POOL_FORGED`.
///   Also `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
/// - Not detected: two threads that release or discard copies of one lease at the very same moment. That is a data race
///   of the program; the slot may then be leased to two callers, or without a resource.
/// - Ownership: on success the pool owns the resource again.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `lease` is NULL, or readable and writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_release(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, lease::release_as_it_is) },
        // SAFETY: as the caller promises.
        then: unsafe { release_with_a_look(pool, lease) }
    )
}

/// The second attempt: with a look at the resource's record.
///
/// # Safety
///
/// As for `conn_pool_release`.
#[inline(never)]
unsafe extern "C" fn release_with_a_look(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, lease::release_unmarked) },
        else: {
            // SAFETY: as the caller promises.
            let (pool, lease) = (unsafe { conn_pool::of(pool) }?, unsafe { borrow_mut(lease) }?);
            lease::release(pool, lease)
        }
    )
}

/// Ends a lease whose resource is broken: the resource is destroyed and its slot is vacant. The lease is zeroed.
///
/// If callers wait, a thread that waits creates another resource for itself, in a pool with `create`, and for waiters
/// `conn_pool_maintain` does; a pool with `begin_create` asks for one; in a pool without, it takes `conn_pool_add`.
/// This call creates none.
///
/// - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
///   callbacks take.
/// - Returns what `conn_pool_release` returns.
/// - Ownership: on success the resource is gone.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `lease` is NULL, or readable and writable.
/// cbindgen:postfix=CONN_POOL_NONNULL(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_discard(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let (pool, lease) = (unsafe { conn_pool::of(pool) }?, unsafe { borrow_mut(lease) }?);
        lease::discard(pool, lease)
    })
}

/// Sets how many resources may be in use at once, from 0 to the capacity. 0 pauses the pool.
///
/// Resources in use are left alone. Of the idle ones a smaller pool keeps only as many as it has room for: a pool with
/// `create` destroys the surplus; a pool without sets it aside until it grows again or `conn_pool_maintain` is called.
///
/// - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
///   callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if `max_size` is above the capacity; `CONN_POOL_FORKED`.
/// - Ownership: leases stay valid, and with their callers.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_resize(pool: *mut conn_pool, max_size: u32) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if max_size as usize > pool.capacity() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        // SAFETY: it is this pool's slow path (I11).
        drop(unsafe { pool.engine().resize(max_size as usize, slow_path::<conn_pool>()) });
        if pool.config().connects() {
            teardown::drop_surplus(pool);
        }
        Ok(())
    })
}

/// Maintains the idle resources. Call it from a timer, or start a thread that does: `conn_pool_start_maintenance`.
///
/// It destroys the surplus of a resize, what is older than `max_lifetime_ms`, and what was idle for longer than
/// `idle_timeout_ms`, except for `min_idle` resources. It creates what is missing to `min_idle`, or asks for it with
/// `begin_create`, and ends the waits for connects that take longer than `connect_timeout_ms`. It creates what waiters
/// of `conn_pool_acquire_async` want. Last, it destroys what `validate` finds unfit (see `keepalive_ms`); the next call
/// replaces that. It tells of leases that last longer than `leak_after_ms`.
///
/// - Thread-safe: yes. ISR-safe: as `conn_pool_try_acquire`. Async-signal-safe: no. Blocks: only for as long as
///   callbacks take.
///   A resource is in use while it is checked.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `destroyed`, which may be NULL, gets the
///   number of resources destroyed.
/// - Ownership: leases stay valid, and with their callers.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `destroyed` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_maintain(pool: *mut conn_pool, destroyed: *mut usize) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        let count = course::maintain(pool);
        // SAFETY: as the caller promises.
        if let Ok(destroyed) = unsafe { borrow_mut(destroyed) } {
            *destroyed = count;
        }
        Ok(())
    })
}

/// What the pool has counted, and how full it is. Takes no lock and delays no caller.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_FORKED`.
/// - Ownership: `stats` stays the caller's. `size` is `sizeof(conn_pool_stats)`: it tells the library which version of
///   the structure the program was compiled with.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed; `stats` is NULL or writable for `size` bytes.
/// cbindgen:postfix=CONN_POOL_NONNULL(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_get_stats(
    pool: *const conn_pool,
    stats: *mut conn_pool_stats,
    size: usize,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if stats.is_null() || size == 0 {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        // SAFETY: as the caller promises, and it is not NULL.
        unsafe { conn_pool_stats::read(pool).write(stats, size) };
        Ok(())
    })
}

/// Resets `peak_in_use` and `peak_waiting` to what is in use and waiting now.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_reset_peaks(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        unsafe { conn_pool::of(pool) }?.engine().reset_peaks();
        Ok(())
    })
}

/// The pool's name, cut to `CONN_POOL_MAX_NAME` bytes; "" if it has none, or if `pool` is NULL.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string belongs to the pool and lives as long as it.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_name(pool: *const conn_pool) -> *const c_char {
    // SAFETY: as the caller promises.
    border!(value: unsafe { conn_pool::of_any_process(pool) }.map_or(c"".as_ptr(), conn_pool::name), or: c"".as_ptr())
}

/// Closes the pool for good. New callers and all waiters get `CONN_POOL_CLOSED`. Idle resources are destroyed now, the
/// others when they are released. What `begin_create` has begun is still to be ended by the program; what it brings is
/// destroyed. To close it again does nothing.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: leases stay valid, and have to be released as before.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_close(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        teardown::close(unsafe { conn_pool::of(pool) }?, || {});
        Ok(())
    })
}

/// Closes the pool, stops its maintenance thread and waits until no lease is held and no ticket of `begin_create` is
/// out, for up to `timeout_ms` milliseconds. 0 does not wait; `CONN_POOL_WAIT_FOREVER` waits for as long as it takes.
/// May be repeated.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as callbacks
///   take. A thread that holds a lease waits for itself.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if leases are still held, or tickets out (`conn_pool_get_stats` tells how
///   many, and `conn_pool_get_leases` by whom); `CONN_POOL_DEADLOCK` if the thread itself holds one and would wait
///   without limit, in a pool with `CONN_POOL_TRACK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`; in a build
///   without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
/// - Ownership: after `CONN_POOL_OK` the threads that released the leases no longer touch the pool. It may be destroyed
///   as soon as no thread is in another of its functions.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_drain(pool: *mut conn_pool, timeout_ms: u32) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        teardown::close(pool, || {});
        pool.upkeep().stop();
        let is_drained = course::is_drained(pool) || (timeout_ms != 0 && wait::wait_for_drain(pool, timeout_ms)?);
        if is_drained { Ok(()) } else { Err(CONN_POOL_BUSY) }
    })
}

/// Ends a pool: destroys its resources, stops its maintenance thread in any case, and frees it if `conn_pool_create`
/// made it. NULL is allowed, and does nothing.
///
/// - Thread-safe: no: no other thread may use the pool, now or later. ISR-safe: no. Async-signal-safe: no. Blocks: only
///   for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY`, with nothing changed, while leases are held, tickets of `begin_create`
///   are out, or callers wait (use `conn_pool_drain` first); `CONN_POOL_FORKED` in a fork's child (see
///   `conn_pool_abandon`); `CONN_POOL_INVALID_ARGUMENT` if it was destroyed already, as far as its memory is still
///   there to tell.
/// - Ownership: on success the pool is gone, and storage of the caller's is the caller's again.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed, and nothing else is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_destroy(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        if pool.is_null() {
            return Ok(());
        }
        // SAFETY: as the caller promises.
        let own = unsafe { conn_pool::of(pool) }?;
        own.upkeep().stop();
        if !own.engine().is_unused() {
            return Err(CONN_POOL_BUSY);
        }
        teardown::close(own, || {});
        // SAFETY: as the caller promises; it is ended next.
        unsafe { conn_pool::release_locks(pool) };
        // SAFETY: as the caller promises.
        unsafe { conn_pool::end(pool) };
        Ok(())
    })
}

/// Forgets a pool, even if leases are held: calls no callback, and frees its memory if `conn_pool_create` made it. NULL
/// is allowed, and does nothing.
///
/// For the child of a fork, where the resources belong to the parent. In any other process no caller may be waiting,
/// and no callback may be due. In the process that started a maintenance thread (`conn_pool_start_maintenance`) it
/// stops that, and waits until the callbacks of the thread have returned.
///
/// - Thread-safe: no, as `conn_pool_destroy`. ISR-safe: no. Async-signal-safe: for a pool in the caller's storage, but
///   not if it has a maintenance thread to stop. Blocks: only to stop that.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if it was destroyed already, as far as its memory is still
///   there to tell.
/// - Ownership: the pool is gone; it is for the caller to close or forget its resources.
///
/// # Safety
///
/// The pool is NULL, or was made by this library and is not freed, and nothing in this process is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_abandon(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        if pool.is_null() {
            return Ok(());
        }
        // SAFETY: as the caller promises.
        let own = unsafe { conn_pool::of_any_process(pool) }?;
        if own.is_present() {
            own.upkeep().stop();
        }
        // SAFETY: a pool, which nobody uses any more, as the caller promises.
        unsafe { conn_pool::end(pool) };
        Ok(())
    })
}
