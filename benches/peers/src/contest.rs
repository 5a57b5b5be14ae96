//! Contenders that are measured by turns, and their ratios.

use crate::pace::Pace;
use crate::table::{Bound, Line, Unit};

/// Contenders, and the unit of what they are measured by.
pub(crate) struct Contest<'a> {
    unit: Unit,
    contenders: Vec<Contender<'a>>,
}

struct Contender<'a> {
    name: &'static str,
    measure: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Contest<'a> {
    pub(crate) const fn in_unit(unit: Unit) -> Self {
        Self { unit, contenders: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, measure: impl FnMut() -> f64 + 'a) -> Self {
        self.contenders.push(Contender { name, measure: Box::new(measure) });
        self
    }

    /// Has all of them measured in each round. None comes first each time: what the one before has left in the caches
    /// would count for the same contender always. A round before the first is not counted.
    pub(crate) fn hold(mut self, pace: &Pace) -> Outcome {
        let count = self.contenders.len();
        let mut results: Vec<Vec<f64>> = vec![Vec::new(); count];
        for round in 0..=pace.rounds {
            for place in 0..count {
                let who = (round + place) % count;
                let figure = (self.contenders[who].measure)();
                if round > 0 {
                    results[who].push(figure);
                }
            }
        }
        let names = self.contenders.iter().map(|contender| contender.name);
        Outcome { unit: self.unit, results: names.zip(results).collect() }
    }
}

/// What was measured: of each contender, a figure for each round.
pub(crate) struct Outcome {
    unit: Unit,
    results: Vec<(&'static str, Vec<f64>)>,
}

impl Outcome {
    /// One contender beside another.
    pub(crate) fn line(&self, path: &str, ours: &str, peer: &str, must: Bound) -> Line {
        let ratios = self.of(ours).iter().zip(self.of(peer)).map(|(ours, peer)| ours / peer).collect();
        Line::compared(path, self.present(ours), self.present(peer), Spread::of(ratios), must)
    }

    fn of(&self, name: &str) -> &[f64] {
        let result = self.results.iter().find(|(own, _)| *own == name);
        result.map_or_else(|| panic!("nobody is called {name}"), |(_, figures)| figures)
    }

    fn present(&self, name: &str) -> String {
        format!("{name}: {}", self.unit.present(Spread::of(self.of(name).to_vec()).median))
    }
}

/// The middle of some figures, and how far they lie apart.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    pub(crate) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let last = figures.len() - 1;
        Self { median: figures[last / 2], least: figures[0], greatest: figures[last] }
    }
}
