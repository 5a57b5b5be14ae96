// knows: event, report · must not know: pools, managers
//! What happens in a pool, for `tracing`: events with the target `conn_pool` and the field `pool`, and a span for each
//! caller that could not be served at once.
//!
//! A manager's error is told as `Lifecycle::describe` writes it; without one, there was no answer in time.

use core::fmt;
use core::future::Future;
use core::time::Duration;

use tracing::field::{Empty, debug, display};
use tracing::{Instrument, debug, debug_span, info, warn};

use crate::managed::event::DiscardReason;
use crate::managed::report::{Loan, PoolReport};

const TARGET: &str = "conn_pool";

/// The kind of a failure.
const fn kind<E>(error: Option<&E>) -> &'static str {
    if error.is_some() { "error" } else { "timeout" }
}

pub(in crate::managed) fn connected(pool: &str, took: Duration) {
    debug!(target: TARGET, pool, ?took, "connected");
}

pub(in crate::managed) fn connect_failed(pool: &str, error: Option<impl fmt::Display>, took: Duration) {
    let (kind, error) = (kind(error.as_ref()), error.map(display));
    warn!(target: TARGET, pool, kind, ?took, error, "connect failed");
}

pub(in crate::managed) fn check_failed(pool: &str, error: Option<impl fmt::Display>) {
    let (kind, error) = (kind(error.as_ref()), error.map(display));
    info!(target: TARGET, pool, kind, error, "check failed");
}

pub(in crate::managed) fn reset_failed(pool: &str, error: impl fmt::Display) {
    warn!(target: TARGET, pool, error = %error, "reset failed");
}

pub(in crate::managed) fn discarded(pool: &str, reason: DiscardReason) {
    debug!(target: TARGET, pool, reason = reason.name(), "discarded");
}

pub(in crate::managed) fn leaked(pool: &str, loan: &Loan) {
    let Loan { slot, site, held_for } = loan;
    let (site, held_for) = (site.map(tracing::field::display), held_for.map(tracing::field::debug));
    warn!(target: TARGET, pool, slot, site, held_for, "connection leak");
}

pub(in crate::managed) fn refused(pool: &str, error: &'static str, report: Option<&PoolReport>) {
    let status = report.map(|report| tracing::field::display(report.status));
    let longest = report.and_then(|report| report.longest_loan).map(tracing::field::display);
    warn!(target: TARGET, pool, error, status, longest, "no connection for a caller");
}

pub(in crate::managed) fn cancelled(pool: &str) {
    info!(target: TARGET, pool, "a caller gave up");
}

pub(in crate::managed) fn exhausted(pool: &str) {
    debug!(target: TARGET, pool, "no connection is free");
}

pub(in crate::managed) fn nested(pool: &str, own: &Loan, report: &PoolReport) {
    let Loan { site, held_for, .. } = own;
    let (site, held_for) = (site.map(tracing::field::display), held_for.map(tracing::field::debug));
    warn!(target: TARGET, pool, site, held_for, status = %report.status, "a thread would wait for itself");
}

pub(in crate::managed) fn closed(pool: &str) {
    info!(target: TARGET, pool, "closed");
}

pub(in crate::managed) fn resized(pool: &str, max_size: usize) {
    info!(target: TARGET, pool, max_size, "resized");
}

pub(in crate::managed) fn suspended(pool: &str) {
    info!(target: TARGET, pool, "suspended");
}

pub(in crate::managed) fn resumed(pool: &str) {
    info!(target: TARGET, pool, "resumed");
}

pub(in crate::managed) fn evicted(pool: &str, at_once: usize) {
    info!(target: TARGET, pool, at_once, "evicted");
}

/// The span `acquire`, and how long its caller has waited for others.
pub(in crate::managed) struct Span {
    entered: tracing::Span,
    waited: Duration,
    /// Since when the caller waits, if it does and a subscriber listens.
    since: Option<Duration>,
}

impl Span {
    pub(in crate::managed) fn begin<'a>(pool: impl FnOnce() -> &'a str) -> Self {
        let entered = debug_span!(target: TARGET, "acquire", pool = pool(), waited = Empty);
        Self { entered, waited: Duration::ZERO, since: None }
    }

    pub(in crate::managed) fn entry(&self) -> Entry {
        Entry(self.entered.clone())
    }

    pub(in crate::managed) fn begin_wait(&mut self, now: impl FnOnce() -> Duration) {
        self.since = (!self.entered.is_disabled()).then(now);
    }

    pub(in crate::managed) fn end_wait(&mut self, now: impl FnOnce() -> Duration) {
        if let Some(since) = self.since.take() {
            self.waited += now().saturating_sub(since);
        }
    }

    pub(in crate::managed) fn end(&self) {
        self.entered.record("waited", debug(self.waited));
    }
}

/// Enters a span while work is polled or dropped, and not in between, when another task may run.
pub(in crate::managed) struct Entry(tracing::Span);

impl Entry {
    pub(in crate::managed) fn around<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        work.instrument(self.0)
    }

    pub(in crate::managed) fn within<R>(self, work: impl FnOnce() -> R) -> R {
        self.0.in_scope(work)
    }
}
