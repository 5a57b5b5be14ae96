//! Medians of rounds, pool by pool.

use std::fmt;

use crate::round::Round;

#[derive(Default)]
pub struct Table(Vec<(&'static str, Vec<Round>)>);

impl Table {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, name: &'static str, round: Round) {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, rounds)) => rounds.push(round),
            None => self.0.push((name, vec![round])),
        }
    }
}

fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a wait")]
fn wait(rounds: &[Round], share: f64) -> f64 {
    median(rounds, |round| round.waits.value_at_quantile(share) as f64 / 1000.0)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| pool | requests a second (lowest, highest) | wait in ms: p50 | p99 | p99.9 | longest | least served | \
             processor, µs a request | switches a request |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        for (name, rounds) in &self.0 {
            let throughputs = || rounds.iter().map(|round| round.throughput);
            let (low, high) = (throughputs().fold(f64::MAX, f64::min), throughputs().fold(0.0, f64::max));
            write!(f, "| {name} | {:.0} ({low:.0}, {high:.0})", median(rounds, |round| round.throughput))?;
            for share in [0.5, 0.99, 0.999, 1.0] {
                write!(f, " | {:.2}", wait(rounds, share))?;
            }
            let of = |figure: fn(&Round) -> f64| median(rounds, figure);
            writeln!(f, " | {:.2} | {:.1} | {:.2} |", of(|r| r.least), of(|r| r.processor), of(|r| r.switches))?;
        }
        Ok(())
    }
}
