//! The command line.

use std::process::ExitCode;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{CommandFactory, Parser};

/// The demo's pool has this many slots; `--size` chooses how many of them it uses.
pub(crate) const MOST_CONNECTIONS: usize = 64;
const MOST_REQUESTS: u64 = 1000;
/// The exit status for a wrong command line: `EX_USAGE` of BSD's `sysexits.h`.
const BAD_USAGE: u8 = 64;

/// Workers share a few TCP connections to a small server on this machine.
///
/// Each worker takes a connection 20 times. If there are just as many workers as connections, two impatient callers
/// join them, which find the pool full, wait and give up at their deadline.
#[derive(Parser)]
#[command(name = "pool_demo")]
pub(crate) struct Args {
    /// Connections in the pool, 0 to 64
    #[arg(long, default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(0..=MOST_CONNECTIONS as u64))]
    pub(crate) size: usize,

    /// Workers, 1 to 1000
    #[arg(long, default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_REQUESTS))]
    pub(crate) requests: usize,

    /// How long a worker waits for a connection [default: as long as it takes]
    ///
    /// Less than 250 is too little if there are more workers than connections: the pool is then kept full until the
    /// first of them has given up, so that the outcome does not depend on how fast the machine is.
    #[arg(long)]
    timeout_ms: Option<u64>,
}

impl Args {
    /// How long a worker waits for a connection; `None`: as long as it takes.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }
}

/// The command line, or the status to exit with when there is nothing to do (`--help`) or no sense in it.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|answer| {
        if !answer.use_stderr() {
            print!("{answer}");
            return ExitCode::SUCCESS;
        }
        // clap shows the usage for unknown flags, but not for values out of range.
        let answer = answer.to_string();
        eprint!("{answer}");
        if !answer.contains("Usage:") {
            eprintln!("\n{}", Args::command().render_usage());
        }
        ExitCode::from(BAD_USAGE)
    })
}
