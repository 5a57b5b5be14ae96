//! Layer 7 · part of ffi · knows: threads, time, processes · must not know: slots, leases
//!
//! What a build with `std` adds: callers who sleep, deadlines, the heap, forks, and a stop for panics.

use core::ffi::c_void;
use core::pin::pin;
use core::time::Duration;
use std::alloc;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread_local;
use std::time::Instant;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;

use super::border::borrow_mut;
use super::config::conn_pool_config;
use super::exports::CONN_POOL_WAIT_FOREVER;
use super::lease::conn_pool_lease;
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_OUT_OF_MEMORY, CONN_POOL_PANIC};
use super::waiter::{self, Turns};
use crate::engine::{SlotToken, Ticket};
use crate::slot::{Drain, Patience, PoolParts, acquire_with, wait_for_drain as sleep_until_drained};
use crate::sync::{AtomicUsize, OnceLock, Relaxed};

/// Runs `work`, stops a panic, and leaves `errno` alone, which to sleep or to wait for a lock would change.
pub(super) fn guard<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    // SAFETY: a call of the C library's: the place is the thread's own and lives as long as it.
    let errno = unsafe { errno_location() };
    // SAFETY: as above.
    let before = unsafe { errno.read() };
    let answer = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        // Its destructor might panic in turn.
        std::mem::forget(payload);
        Err(CONN_POOL_PANIC)
    });
    // SAFETY: as above.
    unsafe { errno.write(before) };
    answer
}

/// What a pool of this process is stamped with.
static STAMP: AtomicUsize = AtomicUsize::new(0xC0_99_01);

/// What a pool of this process is stamped with. Another one in a fork's child, so that nobody there uses a pool whose
/// other threads, and lock, stayed behind.
#[inline(always)]
pub(super) fn present_stamp() -> usize {
    // Relaxed: it changes in a process that has one thread.
    STAMP.load(Relaxed)
}

/// From now on a child of a fork is told from its parent.
pub(super) fn watch_forks() {
    extern "C" fn in_the_child() {
        STAMP.store(STAMP.load(Relaxed).wrapping_add(1), Relaxed);
    }
    static WATCHED: OnceLock<()> = OnceLock::new();
    WATCHED.get_or_init(|| {
        // SAFETY: a call of the C library's; the handler touches one atomic, so it may run at any fork. Should there be
        // no memory to note it, forks go unnoticed, which is no worse than without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    });
}

/// The turns of the calling thread.
pub(super) fn with_turns(work: impl FnOnce(&Turns)) {
    thread_local!(static TURNS: Turns = const { Turns::new() });
    TURNS.with(work);
}

/// How long a call may wait for a slot that begins now; `None`: not at all.
pub(super) fn patience(timeout_ms: u32) -> Option<Patience> {
    match timeout_ms {
        0 => None,
        CONN_POOL_WAIT_FOREVER => Some(Patience::Forever),
        _ => Some(deadline(timeout_ms).map_or(Patience::Forever, Patience::Until)),
    }
}

fn deadline(timeout_ms: u32) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(timeout_ms.into()))
}

/// A slot, after a wait if need be.
pub(super) fn slot(pool: &conn_pool, patience: Option<Patience>, ticket: &mut Ticket) -> Answer<SlotToken> {
    let Some(patience) = patience else { return waiter::try_slot(pool) };
    acquire_with(pool, patience, ticket).map_err(conn_pool_status::from)
}

/// Waits until everything has come back to a closed pool; `false` if the time was up first.
#[expect(clippy::unnecessary_wraps, reason = "the shape of the twin without threads")]
pub(super) fn wait_for_drain(pool: &conn_pool, timeout_ms: u32) -> Answer<bool> {
    let deadline = if timeout_ms == CONN_POOL_WAIT_FOREVER { None } else { deadline(timeout_ms) };
    Ok(sleep_until_drained(pin!(Drain::new(pool.engine())), deadline))
}

/// What a pointer of the caller's points to.
///
/// # Safety
///
/// It is NULL, or may be read for `'a`.
unsafe fn borrow<'a, T>(pointer: *const T) -> Answer<&'a T> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_ref() }.ok_or(CONN_POOL_INVALID_ARGUMENT)
}

/// The moment that a `CLOCK_MONOTONIC` time stands for; now if it has passed.
fn moment(time: &libc::timespec) -> Answer<Instant> {
    let nanos = u32::try_from(time.tv_nsec).ok().filter(|nanos| *nanos < 1_000_000_000);
    let nanos = nanos.ok_or(CONN_POOL_INVALID_ARGUMENT)?;
    let at = Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos);
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a call of the C library's: it writes the time to where it is told, and fails for unknown clocks only.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let now = Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0));
    let begun = Instant::now();
    // A deadline beyond what the clock can express is as good as none; a century is.
    Ok(begun.checked_add(at.saturating_sub(now)).unwrap_or(begun + Duration::from_secs(876_000 * 60 * 60)))
}

/// Makes a pool on the heap.
///
/// The capacity and all the rest of it are chosen by `config`; the pool starts without resources.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: no.
/// - Returns `CONN_POOL_OK`; `CONN_POOL_INVALID_ARGUMENT`, `CONN_POOL_UNSUPPORTED` or `CONN_POOL_CONFIG_TOO_NEW` if
///   something is wrong with the configuration (see `conn_pool_config_problem`); `CONN_POOL_OUT_OF_MEMORY`.
/// - Ownership: `*out` is the caller's, to be given to `conn_pool_destroy`. `config` and its name are copied; `user` and
///   the callbacks must outlive the pool.
///
/// # Safety
///
/// `config` is NULL or valid for its `struct_size` bytes; `out` is NULL or may be written.
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
        let storage = allocate(config.capacity as usize)?;
        watch_forks();
        // SAFETY: just allocated in this size, for this pool; the name is a string as the caller promises.
        let pool = unsafe { conn_pool::place(storage, size(config.capacity as usize), &config, true) }?;
        *out = pool;
        Ok(())
    })
}

/// As `conn_pool_acquire`, until a moment on `CLOCK_MONOTONIC`. One that has passed tries once.
///
/// - Thread-safe: yes. ISR-safe: no. Async-signal-safe: no. Blocks: until `deadline`, and for as long as the callbacks
///   `create` and `validate` take.
/// - Returns what `conn_pool_acquire` returns, with `CONN_POOL_TIMED_OUT` when the time is up; `CONN_POOL_INVALID_ARGUMENT`
///   too if the deadline's nanoseconds are not below one second.
/// - Ownership: as for `conn_pool_acquire`.
///
/// # Safety
///
/// The pool is NULL or was made by this library and not freed; `deadline` is NULL or may be read, `lease` NULL or written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn conn_pool_acquire_until(
    pool: *mut conn_pool,
    deadline: *const libc::timespec,
    lease: *mut conn_pool_lease,
) -> conn_pool_status {
    border!({
        // SAFETY: as the caller promises.
        let pool = unsafe { conn_pool::of(pool) }?;
        if lease.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        // SAFETY: as the caller promises.
        let patience = Some(Patience::Until(moment(unsafe { borrow(deadline) }?)?));
        let own = waiter::acquire(pool, |ticket| slot(pool, patience, ticket))?;
        // SAFETY: it may be written, as the caller promises; only now, since callbacks may use it until here.
        unsafe { lease.write(own) };
        Ok(())
    })
}

const fn size(capacity: usize) -> usize {
    conn_pool::storage_size(capacity)
}

fn layout(capacity: usize) -> Answer<alloc::Layout> {
    alloc::Layout::from_size_align(size(capacity), align_of::<conn_pool>()).map_err(|_| CONN_POOL_OUT_OF_MEMORY)
}

fn allocate(capacity: usize) -> Answer<*mut c_void> {
    let layout = layout(capacity)?;
    // SAFETY: a call of the allocator's, whose size is not zero: the header has one.
    let storage = unsafe { alloc::alloc(layout) };
    if storage.is_null() { Err(CONN_POOL_OUT_OF_MEMORY) } else { Ok(storage.cast()) }
}

/// Frees the storage of a pool that is on the heap.
///
/// # Safety
///
/// `conn_pool_create` has made the pool, and nobody uses it from now on.
pub(super) unsafe fn free(pool: *mut conn_pool) {
    // SAFETY: still a pool, as the caller promises.
    let capacity = unsafe { &*pool }.capacity();
    if let Ok(layout) = layout(capacity) {
        // SAFETY: `conn_pool_create` has allocated it with this layout, as the caller promises.
        unsafe { alloc::dealloc(pool.cast(), layout) };
    }
}
