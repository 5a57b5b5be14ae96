// knows: name, stats · must not know: how a pool works
//! How a pool stands, for people: in errors, events and logs.

use core::fmt;
use core::panic::Location;
use core::time::Duration;

use super::name::Name;
use crate::stats::Status;

/// A connection that is in use: where it was acquired, and for how long it has been held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loan {
    /// The slot of the connection.
    pub slot: usize,
    /// Where in the source it was acquired.
    pub site: Option<&'static Location<'static>>,
    /// For how long it has been in use, at least; `None` if that is not known. Maintenance records what it sees in use
    /// at a pass; without maintenance each acquire reads the clock if an option of the pool needs it.
    pub held_for: Option<Duration>,
}

impl fmt::Display for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.held_for, self.site) {
            (Some(held_for), Some(site)) => write!(f, "held for {held_for:?}, acquired at {site}"),
            (Some(held_for), None) => write!(f, "held for {held_for:?}"),
            (None, Some(site)) => write!(f, "acquired at {site}"),
            (None, None) => write!(f, "of slot {}", self.slot),
        }
    }
}

/// What is known of an idle connection, for [`Pool::retain_with`](super::Pool::retain_with) and `extract_if`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdleInfo {
    /// How old it is.
    pub age: Duration,
    /// How often it was acquired.
    pub uses: usize,
    /// For how long it is known to be idle; `None` if that is not known. It counts from when maintenance first saw it
    /// idle. In a pool that nothing maintains it counts from when it was acquired last, if an option of the pool has
    /// acquires read the clock, as `max_lifetime` and `validate_after` do.
    pub idle_for: Option<Duration>,
}

/// How a pool stands, from [`Pool::report`](super::Pool::report), or how it stood when a call failed, in its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolReport {
    /// The pool's name.
    pub pool: Name,
    /// How full it was.
    pub status: Status,
    /// The connection that had been in use the longest, if any was.
    pub longest_loan: Option<Loan>,
}

impl fmt::Display for PoolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pool.as_str().is_empty() {
            write!(f, "pool {:?}: ", self.pool)?;
        }
        write!(f, "{}", self.status)?;
        match self.longest_loan {
            Some(loan) => write!(f, "; longest {loan}"),
            None => Ok(()),
        }
    }
}

/// What one pass of maintenance has done, from [`Pool::maintain`](super::Pool::maintain).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MaintenanceReport {
    /// Connections made.
    pub connected: usize,
    /// Connects that failed; the next is begun after a pause.
    pub connect_failed: usize,
    /// Idle connections that were checked (`keepalive`).
    pub checked: usize,
    /// Connections that the pass discarded, for any reason.
    pub discarded: usize,
    /// Loans found to exceed the leak threshold.
    pub leaked: usize,
    /// In how long the next pass is due, at the latest, for the pool to keep what its configuration promises.
    pub next: Duration,
}
