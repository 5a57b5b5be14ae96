// knows: platform, status · must not know: pools
//! The one door between C and the pool.

use super::platform;
use super::status::Answer;
use super::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_OK};

/// The body of an export: turns the answer into a status, and stops a panic.
///
/// `fast` is tried first, without the guard: it cannot panic (if it did, the process would end), and gives `None` if the
/// rest must do it: the body, or another function whose body is `border!`. The rest is out of line, and so is whatever
/// is rare in `fast`, as the last thing it does: then the fast path has no registers to save.
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
    // For answers that are no status: the value, and what it is after a panic.
    (value: $body:expr, or: $otherwise:expr) => {
        $crate::ffi::platform::guard(move || Ok($body)).unwrap_or($otherwise)
    };
}

/// What an export does beyond its fast path.
#[cold]
#[inline(never)]
pub(super) fn rest(body: impl FnOnce() -> Answer) -> conn_pool_status {
    status(platform::guard(body))
}

#[inline(always)]
pub(super) fn status(answer: Answer) -> conn_pool_status {
    answer.err().unwrap_or(CONN_POOL_OK)
}

/// Where the caller wants an output.
///
/// # Safety
///
/// It is NULL, or may be read and written for `'a` by nobody else.
#[inline(always)]
pub(super) unsafe fn borrow_mut<'a, T>(pointer: *mut T) -> Answer<&'a mut T> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_mut() }.ok_or(CONN_POOL_INVALID_ARGUMENT)
}
