// knows: asking, border, caller, course, lease, platform, pool, status, engine, managed, slot, sync · must not know:
// how a caller waits
//! From a slot to a lease.

use super::caller::{OwnWork, Wait};
use super::course;
use super::lease::{conn_pool_lease, lend_in};
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{self, CONN_POOL_EXHAUSTED, CONN_POOL_OK};
use super::{asking, border, platform};
use crate::engine::{Claimed, Position, SlotToken, Ticket};
use crate::managed::{ManagedParts, ON_RETURN};
use crate::slot::{PoolParts, claim_any, try_acquire};
use crate::sync::{collided, home};

/// A slot with a fit resource. After one that is unfit the caller waits again.
#[inline(always)]
pub(super) fn acquire(pool: &conn_pool, mut wait: impl Wait) -> Answer<SlotToken> {
    let mut ticket = Ticket::NEW;
    loop {
        let slot = slot(pool, &mut wait, &mut ticket)?;
        if let Some(slot) = course::prepare(pool, slot, &OwnWork::new(&mut wait))? {
            return Ok(slot);
        }
        ticket.position = Position::Again;
    }
}

fn count_refusal(pool: &conn_pool, status: conn_pool_status) {
    if status == CONN_POOL_EXHAUSTED {
        pool.counters().exhausted.add_one();
    }
}

/// A slot. A caller that finds one free does not work out until when it would have waited.
#[inline(always)]
fn slot(pool: &conn_pool, wait: &mut impl Wait, ticket: &mut Ticket) -> Answer<SlotToken> {
    if ticket.position == Position::Last
        && let Some(slot) = free_slot(pool)
    {
        return Ok(slot);
    }
    wait_for_slot(pool, wait, ticket)
}

/// A free slot, with the lock untouched.
#[inline(always)]
fn free_slot(pool: &conn_pool) -> Option<SlotToken> {
    if pool.has_homes() {
        return free_slot_from_home(pool);
    }
    match pool.engine().claim_first_from(|| 0, || {}) {
        Some(claimed) => Some(noted(pool, claimed)),
        None => free_slot_from_home(pool),
    }
}

/// Out of line, because to ask for the home is a call.
#[inline(never)]
fn free_slot_from_home(pool: &conn_pool) -> Option<SlotToken> {
    let home = home();
    if home != 0 {
        pool.use_homes();
    }
    match pool.engine().claim_first_from(|| home, collided) {
        Some(claimed) => Some(noted(pool, claimed)),
        None => claim_any(pool).ok(),
    }
}

#[cold]
#[inline(never)]
fn wait_for_slot(pool: &conn_pool, wait: &mut impl Wait, ticket: &mut Ticket) -> Answer<SlotToken> {
    wait.slot(pool, ticket).inspect_err(|status| count_refusal(pool, *status))
}

#[inline(always)]
fn noted(pool: &conn_pool, claimed: Claimed) -> SlotToken {
    if claimed.is_peak_due {
        note_peak(pool);
    }
    claimed.slot
}

/// A slot, without a wait.
pub(super) fn try_slot(pool: &conn_pool) -> Answer<SlotToken> {
    try_acquire(pool).map_err(conn_pool_status::from).or_else(|status| match status {
        CONN_POOL_EXHAUSTED if asking::may_have_helped(pool) => claim_any(pool).map_err(|_| status),
        status => Err(status),
    })
}

/// The fast path: a lease, if no callback has to be called for it; else `None`.
///
/// Until threads have met in the pool, every thread looks at the first word of the bitmap. So it need not ask for its
/// home, which is a call in a shared library.
#[inline(always)]
pub(super) fn acquire_as_it_is(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if !pool.begins_at_once() {
        return None;
    }
    acquire_from(|| 0, || {}, pool, lease)
}

/// As [`acquire_as_it_is`], from the home of the thread.
#[inline(always)]
pub(super) fn acquire_at_home(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if !pool.is_present() || pool.shared().flags() & !ON_RETURN != 0 {
        return None;
    }
    let home = home();
    if home != 0 {
        pool.use_homes();
    }
    acquire_from(|| home, collided, pool, lease)
}

#[inline(always)]
fn acquire_from(
    home: impl FnOnce() -> usize,
    met: impl FnOnce(),
    pool: &conn_pool,
    lease: &mut conn_pool_lease,
) -> Option<conn_pool_status> {
    // Found before the claim, because what is read after it has to wait for it.
    let slots = pool.slots();
    let claimed = pool.engine().claim_first_from(home, met)?;
    *lease = lend_in(slots, pool, claimed.slot);
    Some(if claimed.is_peak_due { note_peak(pool) } else { CONN_POOL_OK })
}

#[cold]
#[inline(never)]
extern "C" fn note_peak(pool: &conn_pool) -> conn_pool_status {
    border::status(platform::guard(|| {
        pool.engine().record_peak();
        Ok(())
    }))
}
