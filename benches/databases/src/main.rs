//! Bad days with a real PostgreSQL server, in one table: `cargo run --release -p databases -- bad-days`.

use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use clap::{Parser, Subcommand};
use databases::{Who, day_names, play, render};

/// Pools of connections to a real PostgreSQL server, ours beside others.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints what callers meet when the server or the network fails.
    BadDays {
        /// How often each day is played.
        #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        rounds: usize,
        /// The days to play; all of them if none is named.
        #[arg(long, value_parser = PossibleValuesParser::new(day_names()))]
        day: Vec<String>,
        /// How many seconds those faults last that can last as long as one likes.
        #[arg(long, value_name = "SECONDS", default_value_t = 10)]
        trouble: u64,
        /// Plays ours only.
        #[arg(long)]
        ours: bool,
    },
}

fn main() {
    let Command::BadDays { rounds, day, trouble, ours } = Args::parse().command;
    let who = if ours { Who::Ours } else { Who::All };
    let began = Instant::now();
    let mut rows = Vec::new();
    for round in 1..=rounds {
        for name in day_names().into_iter().filter(|name| day.is_empty() || day.iter().any(|wanted| wanted == name)) {
            eprintln!("round {round} of {rounds}: {name}");
            rows.extend(play(name, who, Duration::from_secs(trouble)));
        }
    }
    println!("{}\n\n{rounds} rounds, in {:.0} s", render(&rows), began.elapsed().as_secs_f64());
}
