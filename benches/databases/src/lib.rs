//! Bad days with a real PostgreSQL server: ours beside deadpool-postgres, bb8-postgres and `r2d2_postgres`.
//!
//! A day is a fault of the server or of the network. Sixteen callers ask a pool of eight connections across it, and
//! what has become of their requests is a row of a table. `README.md` says what the days and the columns are.

#![forbid(unsafe_code)]
#![expect(clippy::missing_panics_doc, reason = "what fails here fails the command, or the test")]

mod contender;
mod contenders;
mod crew;
mod days;
pub mod promises;
mod proxy;
mod row;
mod sockets;
mod stage;
mod table;
mod tasks;
mod threads;

use std::time::Duration;

use contender::Contender;
pub use row::{Left, Row};
pub use table::render;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Ours, and the peers.
    All,
    /// Ours only.
    Ours,
}

/// The names of the days.
#[must_use]
pub fn day_names() -> Vec<&'static str> {
    days::all().iter().map(|day| day.name()).collect()
}

/// Leads pools through a day. Faults that can last as long as one likes last for `trouble`.
#[must_use]
pub fn play(name: &str, who: Who, trouble: Duration) -> Vec<Row> {
    let days = days::all();
    let day = days.iter().find(|day| day.name() == name).expect("a day of that name");
    let all = contender::all();
    let wanted = all.iter().map(|contender| &**contender).filter(|contender| who == Who::All || contender.is_ours());
    let contenders: Vec<&dyn Contender> = wanted.collect();
    let at_once = if day.is_for_one() { 1 } else { contenders.len() };
    contenders.chunks(at_once).flat_map(|contenders| day.play(contenders, trouble)).collect()
}
