//! What a loop takes.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Slices of a round.
pub(crate) const SLICES: u32 = 50;

/// What one turn of `work` takes, in nanoseconds, in the quickest slice.
#[inline(always)]
pub(crate) fn nanos_per_turn(turns: u32, mut work: impl FnMut()) -> f64 {
    nanos_of_slices(turns, |slice| time(slice, &mut work))
}

/// The same of turns that `run` takes: so many of them, and the time that they took.
#[inline(always)]
pub(crate) fn nanos_of_slices(turns: u32, mut run: impl FnMut(u32) -> Duration) -> f64 {
    let slice = turns / SLICES;
    let quickest = (0..SLICES).map(|_| run(slice)).min().unwrap_or_default();
    quickest.as_secs_f64() * 1e9 / f64::from(slice)
}

/// What all the turns take. Not inlined into its caller, so that each loop is compiled for itself.
#[inline(never)]
pub(crate) fn time(turns: u32, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..black_box(turns) {
        work();
    }
    start.elapsed()
}
