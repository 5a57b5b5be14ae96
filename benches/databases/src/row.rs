//! What a pool has come to on a bad day.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::crew::{CALLERS, Came, Request, SIZE};

/// The fault of a day.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// By this time it has struck: a request that had its connection before may fail by it, whatever the pool does. It
    /// may have struck somewhat earlier, so that a connection was lent twice by then.
    pub(crate) struck: Instant,
    /// From this time on the server serves as before.
    pub(crate) ended: Instant,
}

/// Connections of a pool: as the server sees them, and as sockets of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Left {
    /// Sessions of the server.
    pub sessions: usize,
    /// Sockets of the client.
    pub sockets: usize,
}

/// What has become of one pool's callers on one day.
#[derive(Clone, Debug)]
pub struct Row {
    /// The day.
    pub day: &'static str,
    /// The pool.
    pub contender: &'static str,
    /// Whether the pool is ours, which has made promises.
    pub is_ours: bool,
    /// Whether its queries can be given up: a thread that waits for its driver cannot.
    pub drops_queries: bool,
    /// Requests that were answered.
    pub answered: usize,
    /// Requests that failed; one that was never answered is none of these.
    pub failed: usize,
    /// Failed requests beyond those that had a connection when the fault struck: no more than there are connections.
    pub beyond: usize,
    /// Requests whose callers heard of them after their patience.
    pub late: usize,
    /// Requests for which the pool let its caller wait for a connection, or for being told that there is none, beyond
    /// the patience.
    pub told_late: usize,
    /// The longest time from a request to its end.
    pub longest: Duration,
    /// The longest time for which the pool let a caller wait for a connection, or for being told that there is none.
    pub longest_told: Duration,
    /// Requests that were never answered.
    pub never: usize,
    /// From the end of the fault to the first answered request.
    pub first: Option<Duration>,
    /// From the end of the fault until each caller was answered.
    pub all: Option<Duration>,
    /// What there was when the callers had ended.
    pub left: Left,
    /// What there was when the pool had been closed.
    pub closed: Left,
    /// The error that callers were told most often.
    pub error: String,
}

impl Row {
    pub(crate) fn new(day: &'static str, contender: &dyn Contender, requests: &[Request], fault: Fault) -> Self {
        let count = |holds: &dyn Fn(&Request) -> bool| requests.iter().filter(|request| holds(request)).count();
        let failed = |request: &Request| request.error().is_some();
        let held = |request: &Request| {
            matches!(request.came, Came::Failed(_)) && request.told.is_some_and(|told| told <= fault.struck)
        };
        let firsts = firsts(requests, fault.ended);
        Self {
            day,
            contender: contender.name(),
            is_ours: contender.is_ours(),
            drops_queries: contender.drops_queries(),
            answered: count(&Request::is_answered),
            failed: count(&failed),
            beyond: count(&failed) - count(&held).min(SIZE),
            late: count(&Request::is_late),
            told_late: count(&Request::is_told_late),
            longest: requests.iter().map(Request::ended_after).max().unwrap_or_default(),
            longest_told: requests.iter().map(Request::told_after).max().unwrap_or_default(),
            never: count(&|request| matches!(request.came, Came::Never)),
            first: firsts.iter().flatten().min().copied(),
            all: firsts.iter().copied().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()),
            left: Left::default(),
            closed: Left::default(),
            error: most_common_error(requests),
        }
    }
}

/// For each caller, from `since` to its first answered request that ended then.
fn firsts(requests: &[Request], since: Instant) -> [Option<Duration>; CALLERS] {
    let mut firsts = [None; CALLERS];
    for request in requests.iter().filter(|request| request.is_answered()) {
        if let Some(after) = request.ended.checked_duration_since(since) {
            let first = &mut firsts[request.caller];
            *first = Some(first.map_or(after, |first: Duration| first.min(after)));
        }
    }
    firsts
}

fn most_common_error(requests: &[Request]) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for error in requests.iter().filter_map(Request::error) {
        *counts.entry(error).or_default() += 1;
    }
    counts.into_iter().max_by_key(|&(_, count)| count).map_or(String::new(), |(error, _)| error.to_owned())
}
