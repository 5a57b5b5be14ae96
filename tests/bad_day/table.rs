//! The rows of the table.

use std::fmt;
use std::time::Duration;

use crate::kit::managed::millis;

/// One promise, and whether it is kept.
pub(crate) struct Row {
    point: String,
    what: String,
    bound: String,
    measured: String,
    is_kept: bool,
}

impl Row {
    pub(crate) fn new(
        point: &str,
        what: impl Into<String>,
        bound: impl Into<String>,
        measured: impl Into<String>,
        is_kept: bool,
    ) -> Self {
        Self { point: point.to_owned(), what: what.into(), bound: bound.into(), measured: measured.into(), is_kept }
    }

    /// A time that has a longest.
    pub(crate) fn within(point: &str, what: impl Into<String>, bound: Duration, measured: Duration) -> Self {
        Self::new(point, what, format!("≤ {}", shown(bound)), shown(measured), measured <= bound)
    }

    /// As [`within`](Self::within); `None`: it had not come after `waited`.
    pub(crate) fn comes_within(
        point: &str,
        what: impl Into<String>,
        bound: Duration,
        measured: Option<Duration>,
        waited: Duration,
    ) -> Self {
        match measured {
            Some(measured) => Self::within(point, what, bound, measured),
            None => Self::new(point, what, format!("≤ {}", shown(bound)), format!("> {}", shown(waited)), false),
        }
    }

    /// A count that has a most.
    pub(crate) fn at_most(point: &str, what: impl Into<String>, bound: usize, measured: usize) -> Self {
        Self::new(point, what, format!("≤ {bound}"), measured.to_string(), measured <= bound)
    }

    /// A count that has a least, out of so many.
    pub(crate) fn at_least(point: &str, what: impl Into<String>, bound: usize, of: usize, measured: usize) -> Self {
        Self::new(point, what, format!("≥ {bound} of {of}"), format!("{measured} of {of}"), measured >= bound)
    }

    pub(crate) const fn is_kept(&self) -> bool {
        self.is_kept
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { point, what, bound, measured, is_kept } = self;
        line(f, [point, what, bound, measured, if *is_kept { "ok" } else { "LATE" }])
    }
}

fn line(f: &mut impl fmt::Write, [point, what, bound, measured, verdict]: [&str; 5]) -> fmt::Result {
    write!(f, "| {point:<5} | {what:<72} | {bound:<18} | {measured:<34} | {verdict:<4} |")
}

pub(crate) fn print_head() {
    let mut head = String::new();
    line(&mut head, ["point", "what", "bound", "measured", ""]).expect("a string takes all");
    println!("{head}\n|-------|-{:-<72}-|-{:-<18}-|-{:-<34}-|------|", "", "", "");
}

/// In milliseconds, and without their fraction if that is nothing.
pub(crate) fn shown(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if time.subsec_micros().is_multiple_of(1000) { format!("{millis:.0} ms") } else { format!("{millis:.1} ms") }
}

/// By how much an event may come after its limit: a tenth of that, 20 ms at least, and what a thread may wake late.
pub(crate) fn leeway(limit: Duration) -> Duration {
    (limit / 10).max(millis(20)) + millis(10)
}
