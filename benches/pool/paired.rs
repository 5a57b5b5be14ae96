//! A figure and its yardstick, measured by turns.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds of a comparison: an odd number, so that the median is one of them.
const ROUNDS: usize = 11;

/// What a ratio has to be.
pub(crate) enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

/// One row of the table.
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    pool: f64,
    beside: f64,
    ratio: f64,
    wanted: Wanted,
}

impl Figure {
    /// Measures both by turns; the ratio is the median of the rounds' ratios, not the ratio of the medians.
    pub(crate) fn measure(
        name: impl Into<String>,
        unit: &'static str,
        mut pool: impl FnMut() -> f64,
        mut beside: impl FnMut() -> f64,
        wanted: Wanted,
    ) -> Self {
        let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (pool(), beside())).collect();
        Self {
            name: name.into(),
            unit,
            pool: median(rounds.iter().map(|(pool, _)| *pool)),
            beside: median(rounds.iter().map(|(_, beside)| *beside)),
            ratio: median(rounds.iter().map(|(pool, beside)| pool / beside)),
            wanted,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, pool, beside, ratio, wanted } = self;
        let (sign, bound, met) = match wanted {
            Wanted::AtMost(bound) => ("≤", bound, ratio <= bound),
            Wanted::AtLeast(bound) => ("≥", bound, ratio >= bound),
        };
        let met = if met { "yes" } else { "**no**" };
        write!(f, "| {name} | {pool:.2} {unit} | {beside:.2} {unit} | {ratio:.2} | {sign} {bound:.2} | {met} |")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What one turn of `work` takes, in nanoseconds.
#[inline(always)]
pub(crate) fn nanos_per_turn(turns: u32, work: impl FnMut()) -> f64 {
    time(u64::from(turns), work).as_secs_f64() * 1e9 / f64::from(turns)
}

/// What all the turns take. Not inlined into its caller, so that each loop is compiled for itself.
#[inline(never)]
pub(crate) fn time(turns: u64, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..black_box(turns) {
        work();
    }
    start.elapsed()
}
