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
