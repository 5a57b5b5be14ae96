// knows: config, stamp, status, sync · must not know: pools, leases, waiters
//! What the C library needs of an operating system. `bare` is its twin in a build without `std`.

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use std::alloc::{self, Layout};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread_local;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno_location;
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;

use crate::ffi::config::CONN_POOL_MAX_ERROR;
use crate::ffi::stamp::{COUNT, FIRST_STAMP};
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{CONN_POOL_OUT_OF_MEMORY, CONN_POOL_PANIC};
use crate::sync::{AtomicUsize, OnceLock, Relaxed};

/// Runs `work`, stops a panic, and restores `errno`, which sleeping or waiting for a lock may change. Meanwhile the
/// thread is not cancelled: that would unwind the library's frames, and leave a slot without an owner.
pub(super) fn guard<T>(work: impl FnOnce() -> Answer<T>) -> Answer<T> {
    // SAFETY: a call of the C library's: the place is the thread's own and lives as long as it.
    let errno = unsafe { errno_location() };
    // SAFETY: as above.
    let before = unsafe { errno.read() };
    let _undisturbed = Uncancelled::begin();
    let answer = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        // Its destructor might panic in turn.
        std::mem::forget(payload);
        Err(CONN_POOL_PANIC)
    });
    // SAFETY: as above.
    unsafe { errno.write(before) };
    answer
}

/// The calling thread is not cancelled (`pthread_cancel`) while it lives.
struct Uncancelled(c_int);

#[cfg(not(target_os = "android"))]
impl Uncancelled {
    #[cfg(not(target_vendor = "apple"))]
    const DISABLE: c_int = 1;
    #[cfg(target_vendor = "apple")]
    const DISABLE: c_int = 0;

    fn begin() -> Self {
        Self(Self::set(Self::DISABLE))
    }

    /// Returns the state before.
    fn set(state: c_int) -> c_int {
        unsafe extern "C" {
            fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
        }
        let mut before = state;
        // SAFETY: a call of the C library's, which changes the calling thread's own state.
        unsafe { pthread_setcancelstate(state, &raw mut before) };
        before
    }
}

// Android's threads cannot be cancelled.
#[cfg(target_os = "android")]
impl Uncancelled {
    const fn begin() -> Self {
        Self(0)
    }

    const fn set(_: c_int) {}
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        Self::set(self.0);
    }
}

static STAMP: AtomicUsize = AtomicUsize::new(FIRST_STAMP);

/// The number that marks a block of memory as a pool of this process. A fork's child has another one: there a pool of
/// the parent must not be used, because its lock and the threads that may hold it stayed in the parent.
#[inline(always)]
pub(super) fn present_stamp() -> usize {
    // Relaxed: it changes in a process that has one thread.
    STAMP.load(Relaxed)
}

/// From now on, a fork's child has a stamp of its own.
pub(super) fn watch_forks() {
    extern "C" fn in_the_child() {
        let stamp = STAMP.load(Relaxed);
        STAMP.store(stamp & !COUNT | stamp.wrapping_add(1) & COUNT, Relaxed);
    }
    static WATCHED: OnceLock<()> = OnceLock::new();
    WATCHED.get_or_init(|| {
        // SAFETY: a call of the C library's; the handler changes one atomic, so it may run at any fork. If there is no
        // memory to register it, forks go unnoticed, as they would without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    });
}

/// Runs `work` with a pointer of the calling thread's own. It is NULL at first.
pub(super) fn with_own_pointer(work: impl FnOnce(&Cell<*const ()>)) {
    thread_local!(static OWN: Cell<*const ()> = const { Cell::new(ptr::null()) });
    OWN.with(work);
}

/// Why `create` has failed last on this thread: the text that it has set, and what it has returned.
struct LastError {
    code: Cell<c_int>,
    text: Cell<ErrorText>,
    /// How often the thread was told of an error.
    told: Cell<usize>,
}

thread_local! {
    static LAST_ERROR: LastError =
        const { LastError { code: Cell::new(0), text: Cell::new([0; _]), told: Cell::new(0) } };
}

/// Sets the text, cut if need be.
pub(super) fn set_error(text: Option<&CStr>) {
    LAST_ERROR.with(|error| error.text.set(error_text(text)));
}

/// A text of an error, with the zeros behind it.
pub(super) type ErrorText = [c_char; CONN_POOL_MAX_ERROR as usize + 1];

/// Runs `work` with no text set, and returns the one that it has set. The thread's own is as before, unless the thread
/// was told of an error meanwhile.
pub(super) fn with_own_text<T>(work: impl FnOnce() -> T) -> (T, ErrorText) {
    let (before, told) = LAST_ERROR.with(|error| (error.text.replace([0; _]), error.told.get()));
    let done = work();
    let text = LAST_ERROR.with(|error| {
        let is_told_since = error.told.get() != told;
        if is_told_since { error.text.get() } else { error.text.replace(before) }
    });
    (done, text)
}

/// A text, cut if need be.
pub(super) fn error_text(text: Option<&CStr>) -> ErrorText {
    let mut own = [0; CONN_POOL_MAX_ERROR as usize + 1];
    let text = text.map_or(&[][..], CStr::to_bytes);
    for (place, byte) in own.iter_mut().take(CONN_POOL_MAX_ERROR as usize).zip(text) {
        *place = c_char::from_ne_bytes([*byte]);
    }
    own
}

/// The thread's last call has failed with this code and text.
pub(super) fn set_last_error(code: c_int, text: ErrorText) {
    LAST_ERROR.with(|error| {
        error.code.set(code);
        error.text.set(text);
        error.told.set(error.told.get().wrapping_add(1));
    });
}

/// The text that the thread has set.
pub(super) fn own_error_text() -> ErrorText {
    LAST_ERROR.with(|error| error.text.get())
}

/// The code, and the text, which lives as long as the thread.
pub(super) fn last_error() -> (c_int, *const c_char) {
    LAST_ERROR.with(|error| (error.code.get(), error.text.as_ptr().cast_const().cast()))
}

/// A number of the calling thread's: its `pthread_t`.
pub(super) fn thread() -> usize {
    // SAFETY: a call of the C library's, which cannot fail.
    number(unsafe { libc::pthread_self() })
}

#[allow(clippy::cast_possible_truncation, reason = "a word, which is a number or a pointer as the system has it")]
pub(super) const fn number(thread: libc::pthread_t) -> usize {
    thread as usize
}

fn layout(size: usize, align: usize) -> Answer<Layout> {
    Layout::from_size_align(size, align).map_err(|_| CONN_POOL_OUT_OF_MEMORY)
}

/// Allocates `size` bytes, which are not 0.
pub(super) fn allocate(size: usize, align: usize) -> Answer<*mut c_void> {
    let layout = layout(size, align)?;
    debug_assert!(size != 0, "a pool has a header");
    // SAFETY: a call of the allocator's, whose size is not zero.
    let block = unsafe { alloc::alloc(layout) };
    if block.is_null() { Err(CONN_POOL_OUT_OF_MEMORY) } else { Ok(block.cast()) }
}

/// Frees what [`allocate`] has allocated.
///
/// # Safety
///
/// `allocate` returned the block for this size and alignment, and it is not used again.
pub(super) unsafe fn free(block: *mut c_void, size: usize, align: usize) {
    if let Ok(layout) = layout(size, align) {
        // SAFETY: allocated with this layout, as the caller promises.
        unsafe { alloc::dealloc(block.cast(), layout) };
    }
}
