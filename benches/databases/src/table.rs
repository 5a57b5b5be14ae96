//! The table: a row for each pool on each day, and in its cells the median of the rounds and the worst of them.

use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::row::Row;

const HEAD: [&str; 11] = [
    "day",
    "pool",
    "answered",
    "failed",
    "not in flight",
    "late (for a connection)",
    "never",
    "first, all served after",
    "left: sessions, sockets",
    "left when closed",
    "what callers were told",
];
/// The most that is shown of an error.
const SHOWN: usize = 90;

/// The rows of all rounds as one Markdown table. Rows of one pool on one day are put together.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.set_header(HEAD);
    table.load_style(ASCII_MARKDOWN);
    let mut shown: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        let key = (row.day, row.contender);
        if !shown.contains(&key) {
            shown.push(key);
            let rounds: Vec<&Row> = rows.iter().filter(|row| (row.day, row.contender) == key).collect();
            table.add_row(line(&rounds));
        }
    }
    table.to_string()
}

fn line(rounds: &[&Row]) -> Vec<String> {
    let count = |figure: fn(&Row) -> usize| counts(rounds.iter().map(|row| figure(row)).collect());
    vec![
        rounds[0].day.to_owned(),
        rounds[0].contender.to_owned(),
        count(|row| row.answered),
        count(|row| row.failed),
        count(|row| row.beyond),
        format!("{} ({})", count(|row| row.late), count(|row| row.told_late)),
        count(|row| row.never),
        format!("{}, {}", times(rounds, |row| row.first), times(rounds, |row| row.all)),
        format!("{}, {}", count(|row| row.left.sessions), count(|row| row.left.sockets)),
        format!("{}, {}", count(|row| row.closed.sessions), count(|row| row.closed.sockets)),
        cut(rounds.iter().map(|row| &*row.error).find(|error| !error.is_empty()).unwrap_or_default()),
    ]
}

/// The median, and after a stroke the greatest if that is another.
fn counts(mut figures: Vec<usize>) -> String {
    figures.sort_unstable();
    let (median, most) = (figures[figures.len() / 2], figures[figures.len() - 1]);
    if median == most { median.to_string() } else { format!("{median}/{most}") }
}

/// As [`counts`]; what has not come is the greatest.
fn times(rounds: &[&Row], time: fn(&Row) -> Option<Duration>) -> String {
    let mut times: Vec<Duration> = rounds.iter().map(|row| time(row).unwrap_or(Duration::MAX)).collect();
    times.sort_unstable();
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    if rounds.len() == 1 { seconds(median) } else { format!("{}/{}", seconds(median), seconds(most)) }
}

fn seconds(time: Duration) -> String {
    if time == Duration::MAX { "none".to_owned() } else { format!("{:.2} s", time.as_secs_f64()) }
}

/// A cell has one line, and no stroke.
fn cut(error: &str) -> String {
    error.replace(['\n', '|'], " ").chars().take(SHOWN).collect()
}
