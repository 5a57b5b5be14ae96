// knows: platform, status · must not know: pools
//! The one way from C into the library.

use super::platform;
use super::status::Answer;
use super::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_OK};

/// The body of an export: turns the result into a status, and stops a panic.
///
/// `fast` is tried first, without the guard against panics: it cannot panic (if it did, the program would end). If it
/// gives `None`, the rest does the work: the body, or another function whose body is `border!`. The rest is out of
/// line. So is what is rare in `fast`, as the last thing it does. Then the fast path has no registers to save: it jumps
/// to functions that are `extern "C"`, from which nothing unwinds.
macro_rules! border {
    (fast: $fast:expr, else: $body:expr) => {
        border!(fast: $fast, then: $crate::ffi::border::rest(move || $body))
    };
    (fast: $fast:expr, then: $rest:expr) => {
        match $fast {
            Some(status) => status,
            None => $rest,
        }
    };
    ($body:expr) => {
        $crate::ffi::border::status($crate::ffi::platform::guard(move || $body))
    };
    // For exports that return no status: the value, and what to return after a panic.
    (value: $body:expr, or: $otherwise:expr) => {
        $crate::ffi::platform::guard(move || Ok($body)).unwrap_or($otherwise)
    };
}

/// The slow half of an export.
#[cold]
#[inline(never)]
pub(super) fn rest(body: impl FnOnce() -> Answer) -> conn_pool_status {
    status(platform::guard(body))
}

#[inline(always)]
pub(super) fn status(answer: Answer) -> conn_pool_status {
    answer.err().unwrap_or(CONN_POOL_OK)
}

/// An output of the caller's.
///
/// # Safety
///
/// It is NULL, or may be read and written for `'a`, and nothing else uses it meanwhile.
#[inline(always)]
pub(super) unsafe fn borrow_mut<'a, T>(pointer: *mut T) -> Answer<&'a mut T> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_mut() }.ok_or(CONN_POOL_INVALID_ARGUMENT)
}
