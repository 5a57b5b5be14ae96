//! How much is measured.

use std::time::Duration;

use crate::timing::SLICES;

/// How many rounds, and how long they are.
pub(crate) struct Pace {
    /// An odd number, so that the median is one of them.
    pub(crate) rounds: usize,
    /// Turns of a path in one round.
    pub(crate) turns: u32,
    /// Crowds of tasks in one round of row 3.
    pub(crate) crowds: usize,
    /// How long a crowd of threads is counted in one round.
    pub(crate) window: Duration,
}

impl Pace {
    pub(crate) const QUICK: Self = Self { rounds: 11, turns: 200_000, crowds: 10, window: Duration::from_millis(300) };
    pub(crate) const FULL: Self = Self { rounds: 31, turns: 500_000, crowds: 15, window: Duration::from_millis(600) };

    /// How the ratios of the table come about.
    pub(crate) fn note(&self) -> String {
        format!(
            "The contenders of a row take turns, in {rounds} rounds, each of which begins with the next one. `ratio` is \
             ours to the peer's in the same round: the median of the rounds, and the least and the greatest in \
             brackets. `ours` and `peer` are medians too, so they need not divide to `ratio`. A time in ns is that of \
             one turn in the quickest of the {SLICES} slices of a round, which other work has disturbed least (row 3: in \
             the quickest of {crowds} crowds). A bound is met if the median keeps it; lines without a bound are for information.",
            rounds = self.rounds,
            crowds = self.crowds
        )
    }
}
