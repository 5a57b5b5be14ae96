//! Layer 6 · part of managed · knows: manager (its `Reason`) · must not know: who counts
//!
//! What a managed pool has counted, beyond what every pool counts.

use super::manager::Reason;

/// What a managed pool has counted since it was made, from [`Pool::figures`](super::Pool::figures). What every pool counts
/// is in [`Pool::metrics`](super::Pool::metrics).
///
/// Reading takes no lock. Counts wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Connections made.
    pub connected: usize,
    /// Attempts to make one that failed or ran out of time; not those whose caller gave up, or that panicked.
    pub connect_failed: usize,
    /// Checks of connections.
    pub checked: usize,
    /// Of those, the ones that found the connection unfit or ran out of time.
    pub check_failed: usize,
    /// Callers refused because the line was full.
    pub refused: usize,
    /// Borrowings that exceeded the leak threshold.
    pub leaked: usize,
    /// Connections parted with, in the order of [`Reason::ALL`]; see [`discarded_for`](Self::discarded_for).
    pub discarded: [usize; Reason::ALL.len()],
}

impl Figures {
    /// How many connections were parted with for this reason.
    #[must_use]
    pub const fn discarded_for(&self, reason: Reason) -> usize {
        self.discarded[reason as usize]
    }

    /// How many were parted with for any reason.
    #[must_use]
    pub fn discarded_in_all(&self) -> usize {
        self.discarded.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }
}
