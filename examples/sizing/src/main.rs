//! How long requests wait for a pool, and for the server behind it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sizing::{Load, Service, simulate};

/// Simulates processes that each have a pool, in front of a server that they share.
///
/// Says how long requests wait for a slot of their pool, and how long for the server behind it.
#[derive(Parser)]
struct Options {
    /// Requests that arrive in a second, at all processes together.
    #[arg(long, default_value_t = 2000.0)]
    rate: f64,
    /// For how many milliseconds the server works on a request, on average.
    #[arg(long, default_value_t = 2.0, value_name = "MILLIS")]
    service: f64,
    /// Each request takes as long as the others; otherwise their times are exponentially distributed.
    #[arg(long)]
    fixed: bool,
    /// Processes that have a pool.
    #[arg(long, default_value_t = 4)]
    processes: usize,
    /// Connections of each pool.
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// Requests that the server works on at once, or connections that a pooler has to it. As many as all pools together
    /// have, if it is not given.
    #[arg(long)]
    servers: Option<usize>,
    /// Requests that are simulated.
    #[arg(long, default_value_t = 200_000)]
    requests: usize,
    /// The same seed gives the same answer.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Options {
    fn load(&self) -> Result<Load, String> {
        let wrong = || format!("--service is {}, and has to be a number of milliseconds above 0", self.service);
        let mean = Duration::try_from_secs_f64(self.service / 1000.0).map_err(|_| wrong())?;
        Ok(Load {
            rate: self.rate,
            service: if self.fixed { Service::Fixed(mean) } else { Service::Exponential(mean) },
            processes: self.processes,
            slots: self.slots,
            servers: self.servers.unwrap_or(self.processes.saturating_mul(self.slots)),
            requests: self.requests,
            seed: self.seed,
        })
    }
}

fn main() -> ExitCode {
    let answer = Options::parse().load().and_then(|load| simulate(&load).map_err(|error| error.to_string()));
    match answer {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sizing: {error}");
            ExitCode::from(2)
        }
    }
}
