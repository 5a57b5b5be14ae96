// knows: acquire, pool, status, engine, slot · must not know: leases, callbacks
//! How a caller sleeps until a slot is free, or until a pool is drained. `bare` is its twin in a build without `std`.

use core::pin::pin;
use core::time::Duration;
use std::time::Instant;

use crate::engine::{SlotToken, Ticket};
use crate::ffi::acquire::{CONN_POOL_WAIT_FOREVER, try_slot};
use crate::ffi::pool::conn_pool;
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{self, CONN_POOL_INVALID_ARGUMENT};
use crate::slot::{Drain, Patience, PoolParts, acquire_with, wait_for_drain as sleep_until_drained};

/// How long a call that begins now may wait for a slot; `None`: not at all.
pub(super) fn patience(timeout_ms: u32) -> Option<Patience> {
    match timeout_ms {
        0 => None,
        CONN_POOL_WAIT_FOREVER => Some(Patience::Forever),
        _ => Some(deadline(timeout_ms).map_or(Patience::Forever, Patience::Until)),
    }
}

fn deadline(timeout_ms: u32) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(timeout_ms.into()))
}

/// As [`patience`], until a time on `CLOCK_MONOTONIC`. If that has passed, the call tries once.
pub(super) fn patience_until(seconds: i64, nanoseconds: i64) -> Answer<Option<Patience>> {
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000);
    let nanoseconds = nanoseconds.ok_or(CONN_POOL_INVALID_ARGUMENT)?;
    let at = Duration::new(u64::try_from(seconds).unwrap_or(0), nanoseconds);
    let left = at.saturating_sub(monotonic());
    Ok(Some(Instant::now().checked_add(left).map_or(Patience::Forever, Patience::Until)))
}

/// The time on `CLOCK_MONOTONIC`.
fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a call of the C library's: it writes the time to where it is told, and fails for unknown clocks only.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A slot, after a wait if need be.
pub(super) fn slot(pool: &conn_pool, patience: Option<Patience>, ticket: &mut Ticket) -> Answer<SlotToken> {
    let Some(patience) = patience else { return try_slot(pool) };
    acquire_with(pool, patience, ticket).map_err(conn_pool_status::from)
}

/// Waits until all leases of a closed pool have ended; `false` if the time was up first.
#[expect(clippy::unnecessary_wraps, reason = "the shape of the twin without threads")]
pub(super) fn wait_for_drain(pool: &conn_pool, timeout_ms: u32) -> Answer<bool> {
    let deadline = if timeout_ms == CONN_POOL_WAIT_FOREVER { None } else { deadline(timeout_ms) };
    Ok(sleep_until_drained(pin!(Drain::new(pool.engine())), deadline))
}
