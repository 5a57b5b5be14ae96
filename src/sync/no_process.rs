// knows: nothing · must not know: pools
//! Where no process is forked, or it cannot be told.

/// There is one.
#[inline(always)]
pub(crate) const fn process() -> usize {
    1
}

pub(crate) const fn watched_process() -> usize {
    1
}
