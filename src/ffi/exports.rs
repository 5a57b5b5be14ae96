// knows: border, callbacks, config, course, lease, platform, pool, stats, status, version, waiter, engine, managed,
// slot · must not know: how any of it works
//! The functions that C programs call, but for those of `platform::hosted`. What each does for the C reader stands here,
//! since the header is made of it.

use core::ffi::{c_char, c_int, c_void};

use super::border::borrow_mut;
use super::callbacks::Resource;
use super::config::conn_pool_config;
use super::course;
use super::lease::{self, conn_pool_lease};
use super::platform;
use super::pool::conn_pool;
use super::stats::conn_pool_figures;
use super::status::conn_pool_status::{
    self, CONN_POOL_BUSY, CONN_POOL_CLOSED, CONN_POOL_FULL, CONN_POOL_INVALID_ARGUMENT,
};
use super::version;
use super::waiter::{self, conn_pool_ready_fn, conn_pool_waiter};
use crate::engine::AcquireError;
use crate::managed::{ManagedParts, begin};
use crate::slot::{PoolParts, release, storage, teardown};

/// `conn_pool_acquire`, `conn_pool_drain`: wait for as long as it takes.
pub const CONN_POOL_WAIT_FOREVER: u32 = 0xFFFF_FFFF;

/// The version of the library that is linked: two decimal digits each for major, minor and patch, as in
/// `CONN_POOL_VERSION` of the header.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_version() -> u32 {
    border!(value: version::NUMBER, or: 0)
}

/// The version of the library that is linked, as "major.minor.patch".
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_version_string() -> *const c_char {
    border!(value: concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(), or: c"".as_ptr())
}

/// What a status means, for people. Never NULL, whatever the number.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_strerror(status: c_int) -> *const c_char {
    border!(value: conn_pool_status::text(status), or: c"".as_ptr())
}

/// A status by its name in this header, for logs. Never NULL, whatever the number.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_status_name(status: c_int) -> *const c_char {
    border!(value: conn_pool_status::name(status), or: c"".as_ptr())
}

/// What is wrong with a configuration and what would be right, for people; NULL if nothing is.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is constant; do not free it.
///
/// # Safety
///
/// `config` is NULL or valid for its `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_config_problem(config: *const conn_pool_config) -> *const c_char {
    // SAFETY: as the caller promises.
    border!(value: unsafe { conn_pool_config::explain(config) }, or: c"".as_ptr())
}

/// The bytes of storage that `conn_pool_init` needs for so many slots; 0 if there can be no such pool.
/// `CONN_POOL_STORAGE_SIZE(capacity)` is the same at compile time, or a little more.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_storage_size(capacity: u32) -> usize {
    border!(
        value: {
            let is_possible = (1..=super::config::CONN_POOL_MAX_CAPACITY).contains(&capacity);
            if is_possible { conn_pool::storage_size(capacity as usize) } else { 0 }
        },
        or: 0
    )
}

/// What the storage for `conn_pool_init` must be aligned to, in bytes.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
#[unsafe(no_mangle)]
pub extern "C" fn conn_pool_storage_align() -> usize {
    border!(value: align_of::<conn_pool>(), or: 0)
}

/// Makes a pool in the caller's storage: no heap is needed. See `CONN_POOL_DEFINE_STATIC`.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_STORAGE_TOO_SMALL`, `CONN_POOL_MISALIGNED`; `CONN_POOL_INVALID_ARGUMENT`,
///   `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if something is wrong with the configuration.
/// - Ownership: the storage is the pool's until `conn_pool_destroy` or `conn_pool_abandon` has returned OK; it must neither move
///   nor be freed. `config` and its name are copied; `user` and the callbacks must outlive the pool.
///
/// # Safety
///
/// `storage` is NULL or may be written for `size` bytes; `config` is NULL or valid for its `struct_size` bytes; `out` is NULL
/// or may be written.
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
        // SAFETY: as the caller promises.
        let config = unsafe { conn_pool_config::read(config) }?;
        platform::watch_forks();
        // SAFETY: as the caller promises.
        *out = unsafe { conn_pool::place(storage, size, &config, false) }?;
        Ok(())
    })
}

/// Gives the pool a resource that is ready, and so serves the oldest waiter.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FULL` if no slot within `max_size` is vacant; `CONN_POOL_CLOSED`, `CONN_POOL_FORKED`,
///   `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: on success the resource is the pool's, which ends it with `destroy`; else it stays the caller's.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_add(pool: *mut conn_pool, resource: *mut c_void) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        let slot = pool.engine().reserve().map_err(|error| match error {
            AcquireError::Closed => CONN_POOL_CLOSED,
            _ => CONN_POOL_FULL,
        })?;
        begin(pool, slot.index(), pool.coarse());
        // SAFETY: the slot was vacant, so it is not filled (I3).
        unsafe { storage::fill(pool.slots(), &slot, Resource(resource)) };
        release(pool, slot);
        Ok(())
    })
}

/// Borrows a resource if one is free now, or can be created.
///
/// - Thread-safe: yes. ISR-safe: in a build for interrupts (feature `critical-section`), for a pool without `create` and
///   `validate`. Async-signal-safe: no. Blocks: only for as long as `create` and `validate` take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_EXHAUSTED`, `CONN_POOL_CLOSED`, `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`,
///   `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: the lease is the caller's until it is given back with `conn_pool_release` or `conn_pool_discard`. It is
///   written on success only.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `lease` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_try_acquire(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, waiter::acquire_as_it_is) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire(pool, 0, lease) }
    )
}

/// Borrows a resource, waiting in line for up to `timeout_ms` milliseconds.
///
/// 0 is `conn_pool_try_acquire`; `CONN_POOL_WAIT_FOREVER` waits for as long as it takes. The time counts from the call;
/// being woken for nothing does not start it again. A resource that is granted in the very moment the time is up is the
/// caller's.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as the callbacks
///   `create` and `validate` take. A thread that holds the last lease and asks for another waits for itself.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_TIMED_OUT` (with 0: `CONN_POOL_EXHAUSTED`), `CONN_POOL_CLOSED`,
///   `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`; in a build without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
/// - Ownership: as for `conn_pool_try_acquire`.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `lease` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire(
    pool: *mut conn_pool,
    timeout_ms: u32,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, waiter::acquire_as_it_is) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire(pool, timeout_ms, lease) }
    )
}

/// The rest of acquiring: from the thread's home.
///
/// # Safety
///
/// As for `conn_pool_acquire`.
#[inline(never)]
unsafe fn acquire(pool: *mut conn_pool, timeout_ms: u32, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, waiter::acquire_at_home) },
        // SAFETY: as the caller promises.
        then: unsafe { acquire_in_full(pool, timeout_ms, lease) }
    )
}

/// The rest of acquiring: whatever it takes.
///
/// # Safety
///
/// As for `conn_pool_acquire`.
#[cold]
#[inline(never)]
unsafe fn acquire_in_full(pool: *mut conn_pool, timeout_ms: u32, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if lease.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        let patience = platform::patience(timeout_ms);
        let own = waiter::acquire(pool, |ticket| platform::slot(pool, patience, ticket))?;
        // SAFETY: it may be written, as the caller promises; only now, since callbacks may use it until here.
        unsafe { lease.write(own) };
        Ok(())
    })
}

/// What can be done with a pool and a lease without calling anybody; `None` if there is more to it, or anything is wrong.
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
    if !pool.is_present() {
        return None;
    }
    what(pool, lease)
}

/// Borrows a resource now, or takes a place in the line in which threads wait too, and is called back.
///
/// On `CONN_POOL_OK` the lease is there at once, and there is no callback. On `CONN_POOL_PENDING` `on_ready` will be called
/// exactly once, unless the place is given up first: by whichever thread finds that it is its turn. Usually that is the one that
/// brings the resource back, but it may be any whose call changes the pool, this one included before it has returned. So hold
/// no lock around calls of the pool that `on_ready` takes. If a resource has to be created or checked for it, that is done
/// by the same thread.
///
/// `on_ready` may call the pool, but must not end it, and must not wait: no acquire with a timeout and no drain, of this pool
/// or another. Callbacks whose turn comes on the same thread are called after it has returned, and may own what it waits for.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: as `conn_pool_try_acquire`.
/// - Returns `CONN_POOL_OK`, `CONN_POOL_PENDING`; `CONN_POOL_WAITING` if the waiter stands in a line; `CONN_POOL_CLOSED`,
///   `CONN_POOL_CREATE_FAILED`, `CONN_POOL_FORKED`; `CONN_POOL_EXHAUSTED` if a callback cancelled it meanwhile;
///   `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: `waiter` stays the caller's, and must neither move nor be freed until `on_ready` was called or
///   `conn_pool_cancel` has returned `CONN_POOL_OK`. `lease` is written at once or not at all. The lease that `on_ready` is given
///   is the callee's.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `waiter` is NULL, zeroed, or was used before; `lease` is NULL
/// or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire_async(
    pool: *mut conn_pool,
    waiter: *mut conn_pool_waiter,
    on_ready: conn_pool_ready_fn,
    user: *mut c_void,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if waiter.is_null() || on_ready.is_none() || lease.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        // SAFETY: as the caller promises, and it is not NULL.
        unsafe { waiter::acquire_async(pool, waiter, on_ready, user, lease) }
    })
}

/// Gives up a place in line: `on_ready` will not be called.
///
/// On `CONN_POOL_NOT_WAITING` it was called, or will be; with `CONN_POOL_EXHAUSTED` if the resource that it was to have turns out
/// unfit, since it does not go back in line then.
///
/// - Thread-safe: yes, but not at the same time as a call that uses the waiter again. ISR-safe: no. Async-signal-safe: no.
///   Blocks: only for as long as callbacks take that are due meanwhile.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_NOT_WAITING` if it is too late (`on_ready` was called, is being called, or is about to
///   be) or the waiter was never in line; `CONN_POOL_WRONG_POOL` if it stands in another pool's line; `CONN_POOL_FORKED`.
/// - Ownership: after `CONN_POOL_OK` the waiter may be freed.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `waiter` is NULL, zeroed, or was used before.
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

/// Gives a lease back, and so serves the oldest waiter. The lease is zeroed.
///
/// With `reset`, the resource is reset first, and destroyed if that fails. Once the pool is closed it is destroyed.
///
/// - Thread-safe: yes; a lease may be given back by another thread than the one that got it. ISR-safe: as
///   `conn_pool_try_acquire`, for a pool without `reset`; in a closed pool `destroy`, and for waiters `on_ready`, are then called
///   in the handler. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; and if the lease is not in order, with nothing changed: `CONN_POOL_NOT_HELD` (empty, or given back
///   already), `CONN_POOL_STALE` (and its slot claimed again), `CONN_POOL_WRONG_POOL`, `CONN_POOL_FORGED`; `CONN_POOL_FORKED`,
///   `CONN_POOL_INVALID_ARGUMENT`.
///   Two threads that give back or discard copies of one lease at the very same moment are a data race of the program's own,
///   which may go unnoticed: the slot may then be claimed to two callers, or without a resource.
/// - Ownership: on success the resource is the pool's again.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `lease` is NULL or may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_release(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!(
        // SAFETY: as the caller promises.
        fast: unsafe { at_once(pool, lease, lease::release_as_it_is) },
        else: {
            // SAFETY: as the caller promises.
            let (pool, lease) = (unsafe { conn_pool::of(pool) }?, unsafe { borrow_mut(lease) }?);
            lease::release(pool, lease)
        }
    )
}

/// Gives a lease back whose resource is broken: it is destroyed, and its slot is vacant. The lease is zeroed.
///
/// A pool with `create` makes another one for whoever waits; else `conn_pool_add` may.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns what `conn_pool_release` returns.
/// - Ownership: on success the resource is gone.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `lease` is NULL or may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_discard(pool: *mut conn_pool, lease: *mut conn_pool_lease) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let (pool, lease) = (unsafe { conn_pool::of(pool) }?, unsafe { borrow_mut(lease) }?);
        lease::discard(pool, lease)
    })
}

/// Sets how many resources may be out at once, 0 to the pool's capacity; 0 pauses it.
///
/// What is out is left alone. A pool with `create` destroys what it has no place for; another one sets it aside until the pool
/// grows again or `conn_pool_maintain` is called.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if `max_size` is above the capacity; `CONN_POOL_FORKED`.
/// - Ownership: leases stay their loans'.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_resize(pool: *mut conn_pool, max_size: u32) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if max_size as usize > pool.capacity() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        drop(pool.engine().resize(max_size as usize));
        if pool.config().create.is_some() {
            teardown::drop_surplus(pool);
        }
        Ok(())
    })
}

/// Looks after the idle resources: destroys what a resize has set aside, what is older than `max_lifetime_ms`, and what was
/// idle for longer than `idle_timeout_ms` beyond `min_idle` of them; creates what is missing to `min_idle`; destroys what
/// `validate` finds unfit, to be made up for by the next call. To be called from a timer of the program's own, since the
/// library starts no thread.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
///   A resource is out while it is checked.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`. `ended`, which may be NULL, gets the number of
///   resources destroyed.
/// - Ownership: what is destroyed is gone; nothing else changes.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `ended` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_maintain(pool: *mut conn_pool, ended: *mut usize) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        let count = course::maintain(pool);
        // SAFETY: as the caller promises.
        if let Ok(ended) = unsafe { borrow_mut(ended) } {
            *ended = count;
        }
        Ok(())
    })
}

/// What the pool has counted, and how full it is. Takes no lock and stops nobody.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_FORKED`.
/// - Ownership: `figures` is the caller's; `size` is `sizeof(conn_pool_figures)`, by which the library knows which version of
///   the structure it is given.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `figures` is NULL or may be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_stats(
    pool: *const conn_pool,
    figures: *mut conn_pool_figures,
    size: usize,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if figures.is_null() || size == 0 {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        // SAFETY: as the caller promises, and it is not NULL.
        unsafe { conn_pool_figures::read(pool).write(figures, size) };
        Ok(())
    })
}

/// Starts the marks `peak_in_use` and `peak_waiting` anew from what they are now.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_reset_peaks(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        unsafe { conn_pool::of(pool) }?.engine().reset_peaks();
        Ok(())
    })
}

/// The pool's name, as far as it was kept (31 bytes); "" if it has none, or for NULL.
///
/// - Thread-safe: yes. ISR-safe: yes. Async-signal-safe: yes. Blocks: no.
/// - Ownership: the string is the pool's and lives as long.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_name(pool: *const conn_pool) -> *const c_char {
    // SAFETY: as the caller promises.
    border!(value: unsafe { conn_pool::of_any_process(pool) }.map_or(c"".as_ptr(), conn_pool::name), or: c"".as_ptr())
}

/// Closes the pool for good: new callers and all who wait get `CONN_POOL_CLOSED`; idle resources are destroyed now, the others
/// when they come back. Closing it again does nothing.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: only for as long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_FORKED`, `CONN_POOL_INVALID_ARGUMENT`.
/// - Ownership: leases stay their loans', to be given back as ever.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_close(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        teardown::close(unsafe { conn_pool::of(pool) }?, || {});
        Ok(())
    })
}

/// Closes the pool and waits until every lease has come back, for up to `timeout_ms` milliseconds (0: looks once;
/// `CONN_POOL_WAIT_FOREVER`). May be repeated.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: up to `timeout_ms`, and for as long as callbacks take. A
///   thread that holds a lease waits for itself.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY` if leases are still out (`conn_pool_stats` tells how many); `CONN_POOL_FORKED`,
///   `CONN_POOL_INVALID_ARGUMENT`; in a build without threads `CONN_POOL_UNSUPPORTED` if it would have to wait.
/// - Ownership: after `CONN_POOL_OK` whoever gave back a lease is done with the pool, so that it may be destroyed if nobody is in
///   another of its functions.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_drain(pool: *mut conn_pool, timeout_ms: u32) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        teardown::close(pool, || {});
        let is_drained = course::is_drained(pool) || (timeout_ms != 0 && platform::wait_for_drain(pool, timeout_ms)?);
        if is_drained { Ok(()) } else { Err(CONN_POOL_BUSY) }
    })
}

/// Ends a pool: destroys its resources, and frees it if `conn_pool_create` has made it. NULL is fine, and does nothing.
///
/// - Thread-safe: no: nobody else may be using the pool, or do so later. ISR-safe: no. Async-signal-safe: no. Blocks: only for as
///   long as callbacks take.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_BUSY`, with nothing changed, while leases are out or somebody waits
///   (`conn_pool_drain` first); `CONN_POOL_FORKED` in a fork's child (see `conn_pool_abandon`).
/// - Ownership: on success the pool is gone, and storage of the caller's is the caller's again.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed, and nobody else is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_destroy(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        if pool.is_null() {
            return Ok(());
        }
        // SAFETY: as the caller promises.
        let own = unsafe { conn_pool::of(pool) }?;
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

/// Forgets a pool, whatever is out: no callback is called, no lock is taken, its memory is freed if `conn_pool_create` has made
/// it. For the child of a fork, where the resources belong to the parent; anywhere else nobody may be waiting, or due to be
/// called back. NULL is fine, and does nothing.
///
/// - Thread-safe: no, as `conn_pool_destroy`. ISR-safe: no. Async-signal-safe: for a pool in the caller's storage. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT` if it was destroyed already (and lay in storage of the caller's).
/// - Ownership: the pool is gone; its resources are the caller's to forget or to close.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed, and nobody in this process is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_abandon(pool: *mut conn_pool) -> conn_pool_status {
    border!({
        if pool.is_null() {
            return Ok(());
        }
        // SAFETY: as the caller promises.
        unsafe { conn_pool::of_any_process(pool) }?;
        // SAFETY: a pool, which nobody uses any more, as the caller promises.
        unsafe { conn_pool::end(pool) };
        Ok(())
    })
}
