// knows: host · must not know: what is run
//! Running what may panic, and what is rare.

use super::host::run_to_end;

/// Marks the branch that it stands in as rare, as `core::hint::cold_path` does from Rust 1.95 on.
#[cold]
#[inline]
pub(crate) const fn cold_path() {}

/// Runs `work`, and passes a panic on, unless the thread unwinds already.
pub(crate) fn run_once(work: impl FnOnce()) {
    let mut work = Some(work);
    run_to_end(|| {
        if let Some(work) = work.take() {
            work();
        }
        false
    });
}

/// Drops what may be the user's: without a lock, and maybe while the thread unwinds, where another panic would end the
/// process.
#[allow(dead_code, reason = "managed pools have such values")]
pub(crate) fn drop_once<T>(value: T) {
    run_once(|| drop(value));
}
