// knows: acquire, annotations, asking, caller, config, leases, pool, status, engine, slot, sync · must not know:
// callbacks
//! How a caller sleeps until a slot is free, or until a pool is drained. `bare` is its twin in a build without `std`.

use core::pin::pin;
use core::time::Duration;
use std::time::Instant;

use crate::engine::{AcquireError, SlotToken, Ticket};
use crate::ffi::acquire::try_slot;
use crate::ffi::annotations;
use crate::ffi::asking;
use crate::ffi::caller::Wait;
use crate::ffi::config::CONN_POOL_WAIT_FOREVER;
use crate::ffi::config::conn_pool_note::{CONN_POOL_NOTE_HEED, CONN_POOL_NOTE_IGNORE};
use crate::ffi::leases;
use crate::ffi::pool::conn_pool;
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{self, CONN_POOL_DEADLOCK, CONN_POOL_INVALID_ARGUMENT};
use crate::slot::{Drain, Patience, PoolParts, acquire_with, wait_for_drain as sleep_until_drained};
use crate::sync::with_parker;

/// How long a call may wait for a slot.
pub(super) enum Limit {
    /// Not at all.
    Never,
    /// Of a call that has neither waited yet, nor had a callback called that takes its time.
    Span(u32),
    /// Until a time on `CLOCK_MONOTONIC`, of such a call.
    Time(Duration),
    Running(Patience),
}

impl Limit {
    pub(super) const fn of(timeout_ms: u32) -> Self {
        match timeout_ms {
            0 => Self::Never,
            CONN_POOL_WAIT_FOREVER => Self::Running(Patience::Forever),
            _ => Self::Span(timeout_ms),
        }
    }

    /// Until a time on `CLOCK_MONOTONIC`. If that has passed, the call tries once.
    pub(super) fn until(seconds: i64, nanoseconds: i64) -> Answer<Self> {
        let nanoseconds = u32::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000);
        let nanoseconds = nanoseconds.ok_or(CONN_POOL_INVALID_ARGUMENT)?;
        Ok(Self::Time(Duration::new(u64::try_from(seconds).unwrap_or(0), nanoseconds)))
    }

    /// `None`: the call does not wait.
    fn patience(&mut self) -> Option<Patience> {
        let end = match self {
            Self::Never => return None,
            Self::Running(patience) => return Some(*patience),
            Self::Span(timeout_ms) => deadline(*timeout_ms),
            Self::Time(at) => instant(*at, monotonic),
        };
        let patience = end.map_or(Patience::Forever, Patience::Until);
        *self = Self::Running(patience);
        Some(patience)
    }
}

fn deadline(timeout_ms: u32) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(timeout_ms.into()))
}

/// The moment at which that clock shows `at`; `None`: never. A thread that is preempted between the two readings has a
/// later moment for it, and does not give up early: the clock is read first.
fn instant(at: Duration, clock: impl FnOnce() -> Duration) -> Option<Instant> {
    let left = at.saturating_sub(clock());
    Instant::now().checked_add(left)
}

/// The time on `CLOCK_MONOTONIC`.
fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a call of the C library's: it writes the time to where it is told, and fails for unknown clocks only.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

impl Wait for Limit {
    fn begin(&mut self) {
        let _ = self.patience();
    }

    fn left(&mut self) -> Option<Duration> {
        match self.patience()? {
            Patience::Until(end) => Some(end.saturating_duration_since(Instant::now())),
            Patience::For(_) | Patience::Forever => None,
        }
    }

    fn slot(&mut self, pool: &conn_pool, ticket: &mut Ticket) -> Answer<SlotToken> {
        let Some(patience) = self.patience() else { return try_slot(pool) };
        prepare_to_sleep(pool);
        if matches!(patience, Patience::Forever) && leases::has_all(pool) {
            return Err(CONN_POOL_DEADLOCK);
        }
        acquire_with(pool, patience, ticket).map_err(|error| match error {
            AcquireError::Dismissed => asking::dismissed(pool),
            error => conn_pool_status::from(error),
        })
    }
}

/// What a thread sleeps with is allocated before its first wait, and the thread that wakes it may free it.
fn prepare_to_sleep(pool: &conn_pool) {
    if pool.config().note.is_some() {
        annotations::note(pool.config(), CONN_POOL_NOTE_IGNORE, 0, 0);
        with_parker(|_, _| ());
        annotations::note(pool.config(), CONN_POOL_NOTE_HEED, 0, 0);
    }
}

/// Waits until all leases of a closed pool have ended; `false` if the time was up first.
pub(super) fn wait_for_drain(pool: &conn_pool, timeout_ms: u32) -> Answer<bool> {
    prepare_to_sleep(pool);
    if timeout_ms == CONN_POOL_WAIT_FOREVER && leases::has_any(pool) {
        return Err(CONN_POOL_DEADLOCK);
    }
    let deadline = if timeout_ms == CONN_POOL_WAIT_FOREVER { None } else { deadline(timeout_ms) };
    Ok(sleep_until_drained(pin!(Drain::new(pool.engine())), deadline))
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{Duration, Instant, instant, monotonic};
    use std::thread::sleep;

    /// On a busy machine: a caller that is preempted while it reckons does not give up before its deadline.
    #[test]
    fn a_deadline_does_not_come_early_for_a_thread_that_is_preempted() {
        let (pause, wait) = (Duration::from_millis(20), Duration::from_millis(40));
        let began = Instant::now();
        let preempted = || {
            sleep(pause);
            monotonic()
        };
        assert!(instant(monotonic() + wait, preempted).unwrap() >= began + wait);
    }
}
