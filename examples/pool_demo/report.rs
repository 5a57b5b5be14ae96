//! What the demo prints, and the status that it exits with.

use std::io;
use std::net::TcpStream;
use std::process::ExitCode;

use conn_pool::{InsertError, Metrics, PoolError, ResizeError};

use crate::server::Traffic;
use crate::stage::Seen;

/// A run that went well.
pub(crate) struct Report {
    pub(crate) size: usize,
    pub(crate) seen: Seen,
    pub(crate) metrics: Metrics,
    pub(crate) traffic: Traffic,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The pool had no connection for a worker: an outcome that the command line asked for.
    #[error("{}", variant(*.0))]
    Pool(#[from] PoolError),
    #[error("{0}")]
    Resize(#[from] ResizeError),
    #[error("{0}")]
    Insert(#[from] InsertError<TcpStream>),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the demo is stuck, which is a bug")]
    Stuck,
}

/// The error as it is named in the source.
fn variant(error: PoolError) -> &'static str {
    match error {
        PoolError::Timeout(_) => "Timeout",
        PoolError::Closed => "Closed",
        PoolError::NoConnections => "NoConnections",
        PoolError::Exhausted => "Exhausted",
        _ => "unknown",
    }
}

/// Prints the outcome; its last line is the exit status.
pub(crate) fn print(outcome: Result<Report, Failure>) -> ExitCode {
    let status = match outcome {
        Ok(report) => {
            report.print();
            0
        }
        Err(failure) => {
            println!("error: {failure}");
            if matches!(failure, Failure::Pool(_)) { 2 } else { 1 }
        }
    };
    println!("exit code: {status}");
    ExitCode::from(status)
}

impl Report {
    fn print(&self) {
        let Self { size, seen, metrics, .. } = self;
        println!("pool size: {size}");
        println!("borrowed: {}", seen.borrowed);
        println!("waiting: {}", seen.waiting);
        println!("returned: {}", seen.returned);
        println!("reused connections: {}%", self.reused_percent());
        println!("requests overtaken: {}", metrics.overtakes);
        println!("fairest worker: overtaken by {}", seen.fairness.fairest);
        println!("least fair worker: overtaken by {}", seen.fairness.least_fair);
        println!("longest wait: {} returns", seen.fairness.longest_wait);
    }

    /// Of a hundred uses, how many did not have to open a connection first: as the server saw it. Rounded down.
    fn reused_percent(&self) -> usize {
        let Traffic { connections, lines } = self.traffic;
        100 * lines.saturating_sub(connections) / lines.max(1)
    }
}
