//! The host's paths beside other pools, in one table: `cargo run --release -p peers`. `README.md` says what the rows
//! mean.

mod by_hand;
mod contest;
mod machine;
mod managers;
mod pace;
mod peer_managers;
mod rows;
mod table;
mod timing;
mod yardsticks;

use std::process::ExitCode;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use pace::Pace;
use rows::ROWS;

/// Prints the host's paths beside other pools, measured by turns.
#[derive(Parser)]
struct Args {
    /// Fewer and shorter rounds: a minute instead of some minutes.
    #[arg(long)]
    quick: bool,
    /// Ends with exit code 1 if a figure misses its bound.
    #[arg(long)]
    check: bool,
    /// The rows to print; all of them if none is named.
    #[arg(value_name = "ROW", value_parser = RangedU64ValueParser::<usize>::new().range(1..=ROWS.len() as u64))]
    rows: Vec<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let pace = if args.quick { Pace::QUICK } else { Pace::FULL };
    let is_wanted = |number: &usize| args.rows.is_empty() || args.rows.contains(number);

    println!("{}\n", machine::summary());
    let mut lines = Vec::new();
    for number in (1..=ROWS.len()).filter(is_wanted) {
        eprintln!("row {number} of {}", ROWS.len());
        lines.extend(ROWS[number - 1](&pace));
    }
    println!("{}\n\n{}", table::render(&lines), pace.note());

    let missed = lines.iter().filter(|line| line.is_met() == Some(false)).count();
    if missed > 0 {
        println!("\nmissed: {missed}");
    }
    if args.check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
