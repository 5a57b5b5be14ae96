//! What callers meet on a bad day, in wall-clock time: `cargo bench -p conn_pool-tests --bench bad-day`.
//!
//! A server that is slow, silent, gone, or refuses; more callers than connections; drivers that ignore their time
//! limits. Each row of the table is a promise of the pool with its bound, and what was measured. The exit status is 1
//! if a bound is not kept. The command wants the machine for itself, and takes somewhat more than a minute, and two and
//! a half at most: what hangs is given up.
//!
//! Numbers choose points: `… --bench bad-day -- 1 6`. `--rounds=10` repeats the trial of the quiet pools ten times.
//!
//! A process that stood still has a command of its own, since it has to be stopped from outside.

#[path = "../kit/mod.rs"]
mod kit;

mod callers;
mod database;
mod driver;
mod server;
mod service;
mod table;
mod timer;

mod by_threads;
#[cfg(feature = "tokio")]
mod by_tokio;

mod choosing;
mod closing;
mod evicting;
mod hanging;
mod impatient;
mod maintaining;
mod refused;
mod restarting;
mod returning;
mod serving;

use std::env;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use kit::managed::secs;
use table::Row;

/// What is measured in one go.
type Trial = fn() -> Vec<Row>;

const TRIALS: &[(u32, Trial)] = &[
    (1, impatient::trial),
    (2, hanging::connects),
    (2, hanging::a_silent_server),
    (2, hanging::shutdown),
    (2, hanging::checks),
    (3, returning::bursts),
    (3, returning::one_that_comes_back),
    (4, choosing::trial),
    (5, refused::trial),
    (6, maintaining::limits),
    (7, maintaining::readiness),
    (8, closing::trial),
    (11, restarting::trial),
    (13, evicting::trial),
    (14, serving::by_threads),
    #[cfg(feature = "tokio")]
    (14, serving::by_tokio),
];

/// What is measured more than once: how often, unless `--rounds=` says it, and how long it may take each time.
const REPEATED: (u32, Trial) = (6, maintaining::floors);
const ROUNDS: u32 = 2;
const ROUND: Duration = secs(12);

/// The longest that one trial may take, and all of them: what takes longer hangs.
const LONGEST: Duration = secs(20);
const LONGEST_IN_ALL: Duration = secs(140);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // Cargo passes `--bench` when it measures, and not when it only tests that benches run.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("measured by `cargo bench -p conn_pool-tests --bench bad-day` only");
        return ExitCode::SUCCESS;
    }
    let points: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let rounds = arguments.iter().find_map(|argument| argument.strip_prefix("--rounds=")?.parse().ok());
    measure(&points, rounds.unwrap_or(ROUNDS))
}

/// Prints the rows of these points, or of all if there is none.
fn measure(points: &[u32], rounds: u32) -> ExitCode {
    let began = Instant::now();
    let end = began + LONGEST_IN_ALL + ROUND * rounds.saturating_sub(ROUNDS);
    let (mut measured, mut late) = (0, 0);
    let repeated = (0..rounds).map(|_| &REPEATED);
    table::print_head();
    let trials = TRIALS.iter().chain(repeated);
    for (point, trial) in trials.filter(|(point, _)| points.is_empty() || points.contains(point)) {
        for row in run(*point, *trial, end) {
            println!("{row}");
            measured += 1;
            late += usize::from(!row.is_kept());
        }
    }
    println!("\n{measured} rows, {late} late, in {:.0} s", began.elapsed().as_secs_f64());
    ExitCode::from(u8::from(measured == 0 || late > 0))
}

/// Runs a trial on a thread of its own, which is left behind if it hangs.
fn run(point: u32, trial: Trial, end: Instant) -> Vec<Row> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // The receiver is gone if it took too long.
        let _gone = sender.send(trial());
    });
    let left = end.saturating_duration_since(Instant::now()).min(LONGEST);
    receiver.recv_timeout(left).unwrap_or_else(|error| {
        let measured = match error {
            RecvTimeoutError::Timeout => "does not end in time",
            RecvTimeoutError::Disconnected => "panicked",
        };
        vec![Row::new(&point.to_string(), "the trial", "an end", measured, false)]
    })
}
