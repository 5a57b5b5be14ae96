//! Bad days with a real PostgreSQL server, in one table: `cargo run --release -p databases -- bad-days`.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use clap::{Parser, Subcommand};
use databases::{Row, Who, day_names, play, promises, render};

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
        /// How many days are played at a time, each with a server of its own. They share what the machine does.
        #[arg(long, value_name = "DAYS", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        at_once: usize,
        /// Plays ours only.
        #[arg(long)]
        ours: bool,
        /// Fails, and says why, if ours have broken a promise.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Command::BadDays { rounds, day, trouble, at_once, ours, check } = Args::parse().command;
    let who = if ours { Who::Ours } else { Who::All };
    let began = Instant::now();
    let is_wanted = |name: &&str| day.is_empty() || day.iter().any(|wanted| wanted == name);
    let days: Vec<&str> = day_names().into_iter().filter(is_wanted).collect();
    let mut rows = Vec::new();
    for round in 1..=rounds {
        for days in days.chunks(at_once) {
            eprintln!("round {round} of {rounds}: {}", days.join(", "));
            rows.extend(played_at_once(days, who, Duration::from_secs(trouble)));
        }
    }
    println!("{}\n\n{rounds} rounds, in {:.0} s", render(&rows), began.elapsed().as_secs_f64());
    if check { checked(&days, &rows) } else { ExitCode::SUCCESS }
}

/// The rows in the order of the days.
fn played_at_once(days: &[&str], who: Who, trouble: Duration) -> Vec<Row> {
    thread::scope(|scope| {
        let played: Vec<_> = days.iter().map(|name| scope.spawn(move || play(name, who, trouble))).collect();
        played.into_iter().flat_map(|day| day.join().expect("a day that is played to its end")).collect()
    })
}

fn checked(days: &[&str], rows: &[Row]) -> ExitCode {
    match promises::check(days, rows) {
        Ok(kept) => {
            println!("{kept} promises kept");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("{broken}");
            ExitCode::FAILURE
        }
    }
}
