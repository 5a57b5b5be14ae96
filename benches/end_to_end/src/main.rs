//! Requests to a PostgreSQL server through pools, end to end: this one beside its peers.
//!
//! `cargo run --release -p end-to-end -- [--rounds N] [--seconds S]` starts a server of its own. In each round each
//! pool has its turn with each load, so that what the machine does besides is the same for all; the table shows medians
//! of the rounds. All pools have eight connections and check nothing, as far as that can be said, and each prepares its
//! statement once for each connection if it can, else asks in one round trip.

mod contenders;
mod load;
mod round;
mod table;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use conn_pool_testing::Server;

use crate::load::LOADS;

/// How many connections each pool has.
const CONNECTIONS: usize = 8;

type Failure = Box<dyn Error + Send + Sync>;

/// Measures requests through pools.
#[derive(Parser)]
struct Options {
    /// How often each pool has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// For how long a turn lasts.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let lasting = Duration::try_from_secs_f64(options.seconds)?;
    let server = Server::start();
    for load in LOADS {
        let mut table = table::Table::new();
        let contenders = contenders::of(load);
        for round in 0..options.rounds {
            // Each round begins with another, so that none comes after the same one each time.
            let (last, first) = contenders.split_at(round % contenders.len());
            for contender in first.iter().chain(last) {
                table.add(contender.name, round::measure(contender, load, &server.url(), lasting)?);
            }
        }
        println!("{load}\n\n{table}");
    }
    Ok(())
}
