// knows: sync · must not know: what is added up
//! A number that is only added to.

use crate::sync::{Relaxed, TotalWord};

/// What is only added up, as the counts and the sum of a histogram: any thread adds to it at any time, with one
/// read-modify-write, and nothing is decided by it.
///
/// Relaxed: no total is lost, and nothing else is read because of one.
pub(crate) struct Total(TotalWord);

impl Total {
    pub(crate) const fn new(value: usize) -> Self {
        Self(TotalWord::new(value))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Answers the number before.
    pub(crate) fn add(&self, more: usize) -> usize {
        self.0.fetch_add(more, Relaxed)
    }
}
