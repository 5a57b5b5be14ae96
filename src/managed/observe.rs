// knows: error, event, manager, parts, shared, timing, sync · must not know: why it happens
//! Counts what happens in a pool, and reports it to the manager, to `tracing` and to the `metrics` facade (with the
//! features of these names).
//!
//! The fast path of acquire and release calls nothing in here, so it is the same code with and without those features.
//! No lock is held where a subscriber is called, and a panic of a subscriber loses no slot.

#[cfg(all(feature = "tracing", not(target_has_atomic = "ptr")))]
compile_error!("the feature `tracing` of conn_pool needs a target with compare-and-swap, as the crate tracing does");

#[cfg(feature = "tracing")]
pub(super) mod log;
#[cfg(not(feature = "tracing"))]
#[path = "observe/no_log.rs"]
pub(super) mod log;
#[cfg(not(feature = "metrics"))]
#[path = "observe/no_recorder.rs"]
mod recorder;
#[cfg(feature = "metrics")]
mod recorder;

use core::time::Duration;

use super::error::GetError;
use super::event::{DiscardReason, Event};
use super::manager::{Described, Lifecycle};
use super::parts::{ErrorOf, ManagedParts};
use super::shared::Shared;
use super::timing::Timing;
use crate::sync::is_panicking;

/// Counts and reports an event. The manager comes last: it may panic.
pub(super) fn event<P: ManagedParts>(pool: &P, event: &Event<'_, ErrorOf<P>>) {
    let (counters, config) = (pool.shared().counters(), pool.shared().config());
    let name = config.name.as_str();
    match event {
        // Counted where the connection is put into its slot.
        Event::Connected { took } => {
            if let Some(times) = pool.times() {
                times.connect.record(*took);
            }
            log::connected(name, *took);
        }
        Event::ConnectFailed { error, took } => {
            counters.connect_failed.add_shared(1);
            log::connect_failed(name, error.map(|error| Described(pool.manager(), error)), *took);
        }
        Event::CheckFailed { error } => {
            counters.check_failed.add_shared(1);
            log::check_failed(name, error.map(|error| Described(pool.manager(), error)));
        }
        Event::Leaked { loan } => {
            counters.leaked.add_shared(1);
            log::leaked(name, loan);
        }
        Event::ResetFailed { error } => log::reset_failed(name, Described(pool.manager(), error)),
    }
    pool.manager().on_event(event);
}

/// Logs that a connection was ended.
pub(super) fn discarded(shared: &Shared, reason: DiscardReason) {
    log::discarded(shared.config().name.as_str(), reason);
}

/// Logs that a caller got no connection.
pub(super) fn refused<P: ManagedParts>(pool: &P, error: &GetError<ErrorOf<P>>) {
    let name = pool.shared().config().name.as_str();
    match error {
        GetError::Nested { own, report } => log::nested(name, own, report),
        // An ordinary answer to a caller that does not wait.
        GetError::Exhausted => log::exhausted(name),
        _ => log::refused(name, error.name(), error.report()),
    }
}

/// Publishes what the pool has counted to the `metrics` facade.
pub(super) fn publish<P: ManagedParts>(pool: &P) {
    if let Some(times) = pool.times() {
        recorder::publish(pool, times);
    }
}

/// The time in microseconds, for [`held`].
#[expect(clippy::cast_possible_truncation, reason = "times wrap: a loan is shorter than a round")]
pub(super) fn micros<P: ManagedParts>(pool: &P) -> usize {
    let now = pool.now();
    (now.as_secs().wrapping_mul(1_000_000) + u64::from(now.subsec_micros())) as usize
}

/// Records how long a timed loan took, which began at `from` and has just ended.
pub(super) fn held<P: ManagedParts>(pool: &P, from: usize) {
    let took = Duration::from_micros(micros(pool).wrapping_sub(from) as u64);
    if let Some(times) = pool.times() {
        times.hold.record(took);
    }
}

/// The work of getting a connection for a caller that could not be served at once: a span. At its end, also if the
/// caller gives up, it records how long the caller waited for others.
pub(super) struct Work<'a, P: ManagedParts> {
    pub(super) pool: &'a P,
    span: log::Span,
    timing: Timing,
}

impl<'a, P: ManagedParts> Work<'a, P> {
    /// It is not measured before it [begins](Self::begin). Apart from that, so that it can lie in its place by then.
    #[inline(always)]
    pub(super) fn new(pool: &'a P) -> Self {
        Self { pool, span: log::Span::begin(|| pool.shared().config().name.as_str()), timing: Timing::new() }
    }

    #[inline(always)]
    pub(super) fn begin(&mut self) {
        if let Some(times) = self.pool.times() {
            self.timing.begin(times.weigh(self.pool.shared().config().wait_times), || self.pool.now());
        }
    }

    /// The span, to be entered around the whole work.
    pub(super) fn span(&self) -> log::Entry {
        self.span.entry()
    }

    /// Begins to wait for others: the time is added to the span's.
    #[inline(always)]
    pub(super) fn begin_wait(&mut self) {
        self.span.begin_wait(|| self.pool.now());
        self.timing.begin_wait(|| self.pool.now());
    }

    #[inline(always)]
    pub(super) fn end_wait(&mut self) {
        self.span.end_wait(|| self.pool.now());
        self.timing.end_wait(|| self.pool.now());
    }

    /// The caller has a connection.
    #[inline(always)]
    pub(super) fn note_served(&mut self) {
        self.timing.note_answered();
        self.end_wait();
        if let Some(times) = self.pool.times() {
            self.timing.record(|| self.pool.now(), &times.acquire);
        }
    }

    /// The caller is told why it has no connection.
    pub(super) fn note_refused(&mut self, error: &GetError<ErrorOf<P>>) {
        self.timing.note_answered();
        // One that does not wait has no time of waiting.
        if let GetError::Exhausted = error {
            self.timing.stop();
        }
    }

    /// The caller has gone.
    #[cold]
    fn note_cancelled(&self) {
        self.pool.engine().count_cancelled();
        self.span().within(|| log::cancelled(self.pool.shared().config().name.as_str()));
    }
}

impl<P: ManagedParts> Drop for Work<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.end_wait();
        if let Some(times) = self.pool.times() {
            self.timing.record_wait(&times.wait);
        }
        // A caller whose manager panics has not given up.
        if !self.timing.is_answered() && !is_panicking() {
            self.note_cancelled();
        }
        self.span.end();
    }
}
