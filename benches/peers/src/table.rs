//! The lines of the table.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::contest::Spread;

/// What contenders are measured by.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Nanoseconds: less is better.
    Nanos,
    /// Loans a second: more is better.
    PerSecond,
}

impl Unit {
    pub(crate) fn present(self, figure: f64) -> String {
        match self {
            Self::Nanos if figure < 100.0 => format!("{figure:.2} ns"),
            Self::Nanos => format!("{figure:.0} ns"),
            Self::PerSecond if figure >= 1e6 => format!("{:.2} M/s", figure / 1e6),
            Self::PerSecond => format!("{:.2} k/s", figure / 1e3),
        }
    }
}

/// What a figure must be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// For information.
    None,
}

impl Bound {
    fn is_kept_by(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(figure <= bound),
            Self::AtLeast(bound) => Some(figure >= bound),
            Self::None => None,
        }
    }
}

/// One line of the table.
pub(crate) struct Line {
    path: String,
    ours: String,
    peer: String,
    ratio: String,
    must: String,
    is_met: Option<bool>,
}

impl Line {
    pub(crate) fn compared(path: &str, ours: String, peer: String, ratio: Spread, must: Bound) -> Self {
        let Spread { median, least, greatest } = ratio;
        Self {
            path: path.into(),
            ours,
            peer,
            ratio: format!("{median:.2} ({least:.2}..{greatest:.2})"),
            must: match must {
                Bound::AtMost(bound) => format!("≤ {bound:.2}"),
                Bound::AtLeast(bound) => format!("≥ {bound:.2}"),
                Bound::None => "–".into(),
            },
            is_met: must.is_kept_by(median),
        }
    }

    /// A figure that is no ratio: the same in each run.
    pub(crate) fn exact(path: &str, figure: usize, unit: &str, peer: &str, most: usize) -> Self {
        Self {
            path: path.into(),
            ours: format!("{figure}{unit}"),
            peer: peer.into(),
            ratio: "–".into(),
            must: format!("≤ {most}{unit}"),
            is_met: Some(figure <= most),
        }
    }

    /// `None`: there is no bound.
    pub(crate) const fn is_met(&self) -> Option<bool> {
        self.is_met
    }
}

/// The table, as a page shows it.
pub(crate) fn render(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["path", "ours", "peer", "ratio (median, spread)", "must", "met"]);
    table.add_rows(lines.iter().map(|line| {
        let met = match line.is_met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        [&line.path, &line.ours, &line.peer, &line.ratio, &line.must, met].map(str::to_owned)
    }));
    table
}
