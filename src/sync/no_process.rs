// knows: nothing · must not know: pools
//! Where no process is forked, or it cannot be told.

/// Whether a fork's child is known to be one.
pub(crate) const KNOWS_FORKS: bool = false;

/// There is one.
#[inline(always)]
pub(crate) const fn process() -> usize {
    1
}

pub(crate) const fn watched_process() -> usize {
    1
}
