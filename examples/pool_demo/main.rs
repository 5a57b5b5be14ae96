//! A pool at work: workers share a few TCP connections to a small server.
//!
//! `cargo run --example pool_demo -- --help` says what can be chosen. Read on in `workers.rs` (what a user of the pool
//! writes), then `stage.rs` (how the order of events is forced), `server.rs`, `args.rs` and `report.rs`.

mod args;
mod report;
mod server;
mod stage;
mod workers;

use std::net::TcpStream;
use std::process::ExitCode;

use conn_pool::Pool;

use crate::args::{Args, MOST_CONNECTIONS};
use crate::report::{Failure, Report};
use crate::server::Server;

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(status) => return status,
    };
    // A pool of zero slots is a type of its own: no caller can ever be served, and all are told so at once. A pool
    // that was resized to zero is only paused: callers wait until it grows.
    let outcome = match args.size {
        0 => run::<0>(&args),
        _ => run::<MOST_CONNECTIONS>(&args),
    };
    report::print(outcome)
}

fn run<const N: usize>(args: &Args) -> Result<Report, Failure> {
    let server = Server::start(args.size)?;
    let pool: Pool<TcpStream, N> = Pool::new();
    pool.resize(args.size)?;
    for _ in 0..args.size {
        pool.insert(server.connect()?)?;
    }

    let seen = stage::play(&pool, args)?;
    let metrics = pool.metrics();

    // Dropping the pool closes the connections, and so lets the server's threads end.
    drop(pool);
    let traffic = server.finish();
    assert_eq!(traffic.lines, metrics.acquired, "each loan is one line to the server");
    Ok(Report { size: args.size, seen, metrics, traffic })
}
