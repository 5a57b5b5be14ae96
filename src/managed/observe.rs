//! Layer 6 · part of managed · knows: keep, errors, manager's events · must not know: why they happen
//!
//! What happens in a pool is counted, and told to whoever wants to know: the manager, and with the features of these names
//! `tracing` and the `metrics` facade.
//!
//! The fast path, borrowing and giving back, calls nothing of this, so it is the same code with those features and without.
//! No lock is held where anybody is told, and slots are in safe hands by then: a subscriber may take its time, and panic.

#[cfg(all(feature = "tracing", not(target_has_atomic = "ptr")))]
compile_error!("the feature `tracing` of conn_pool needs a target with compare-and-swap, as the crate tracing does");

#[cfg(feature = "metrics")]
mod facade;
#[cfg(not(feature = "metrics"))]
#[path = "observe/no_facade.rs"]
mod facade;
#[cfg(feature = "tracing")]
pub(super) mod log;
#[cfg(not(feature = "tracing"))]
#[path = "observe/no_log.rs"]
pub(super) mod log;

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use super::error::GetError;
use super::keep::{ErrorOf, Keep};
use super::keeper::{Count, Keeper};
use super::manager::{Event, Manage, Reason};

pub(super) use facade::Published;

/// Something has happened. The manager is told last: it may panic.
pub(super) fn event<P: Keep>(pool: P, event: &Event<'_, ErrorOf<P>>) {
    let keeper = pool.keeper();
    let name = keeper.config().name;
    match event {
        // Counted where the connection is put into its slot.
        Event::Connected { took } => {
            if let Some(times) = pool.times() {
                times.connect.record_shared(*took);
            }
            log::connected(name, *took);
        }
        Event::ConnectFailed { error, took } => {
            keeper.count(Count::ConnectFailed);
            log::connect_failed(name, kind(*error), *took);
        }
        Event::CheckFailed { error } => {
            keeper.count(Count::CheckFailed);
            log::check_failed(name, kind(*error));
        }
        Event::Leaked { holder } => {
            keeper.count(Count::Leaked);
            log::leaked(name, holder);
        }
        Event::ResetFailed { .. } => log::reset_failed(name),
    }
    pool.manager().on_event(event);
}

/// All that can be said of a failure: nothing is asked of the manager's error, not even that it can be printed.
fn kind<E>(error: Option<&E>) -> &'static str {
    if error.is_some() { "error" } else { "timeout" }
}

/// A connection was parted with.
pub(super) fn discarded(keeper: &Keeper, reason: Reason) {
    log::discarded(keeper.config().name, reason);
}

/// A caller goes without a connection.
pub(super) fn refused<P: Keep>(pool: P, error: &GetError<ErrorOf<P>>) {
    let name = pool.keeper().config().name;
    match error {
        GetError::Nested { own, situation } => log::nested(name, own, situation),
        // An ordinary answer to one who does not want to wait.
        GetError::Exhausted(situation) => log::exhausted(name, situation),
        _ => log::refused(name, error.name(), error.situation()),
    }
}

/// Tells the facade what the pool has counted.
pub(super) fn publish<P: Keep>(pool: P) {
    if let Some(times) = pool.times() {
        facade::publish(pool, times, &times.published);
    }
}

/// The present moment, in microseconds, for [`held`].
#[expect(clippy::cast_possible_truncation, reason = "moments wrap: a borrowing is shorter than a round")]
pub(super) fn micros<P: Keep>(pool: P) -> usize {
    let now = pool.now();
    (now.as_secs().wrapping_mul(1_000_000) + u64::from(now.subsec_micros())) as usize
}

/// A borrowing that was timed has ended.
pub(super) fn held<P: Keep>(pool: P, from: usize) {
    let took = Duration::from_micros(micros(pool).wrapping_sub(from) as u64);
    if let Some(times) = pool.times() {
        times.hold.record_shared(took);
    }
}

/// The work of getting a connection for a caller who could not be served at once: a span, which is told how long the caller
/// waited for others, also if it gives up.
pub(super) struct Work<P: Keep> {
    pool: P,
    span: log::Span,
    waited: Duration,
    /// Since when the caller waits, if it does.
    since: Option<Duration>,
}

impl<P: Keep> Work<P> {
    pub(super) fn begin(pool: P) -> Self {
        Self { pool, span: log::Span::begin(pool.keeper().config().name), waited: Duration::ZERO, since: None }
    }

    /// For the work as a whole.
    pub(super) fn span(&self) -> log::Span {
        self.span.clone()
    }

    /// The caller waits for others.
    pub(super) async fn wait<F: Future>(&mut self, wait: Pin<&mut F>) -> F::Output {
        self.since = self.span.is_seen().then(|| self.pool.now());
        let output = wait.await;
        self.end_wait();
        output
    }

    fn end_wait(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += self.pool.since(since);
        }
    }
}

impl<P: Keep> Drop for Work<P> {
    fn drop(&mut self) {
        self.end_wait();
        self.span.end(self.waited);
    }
}
