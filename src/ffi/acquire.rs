// knows: border, course, lease, pool, status, engine, managed, slot, sync · must not know: how a caller waits
//! From a slot to a lease.

use super::border::rest;
use super::course;
use super::lease::{conn_pool_lease, lend};
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{self, CONN_POOL_EXHAUSTED, CONN_POOL_OK};
use crate::engine::{Position, SlotToken, Ticket};
use crate::managed::{ManagedParts, ON_RETURN};
use crate::slot::{PoolParts, try_acquire};
use crate::sync::{collided, home};

/// `conn_pool_acquire`, `conn_pool_drain`: wait for as long as it takes.
pub const CONN_POOL_WAIT_FOREVER: u32 = 0xFFFF_FFFF;

/// A lease of the slot that `slot` finds. If its resource is unfit, `slot` is asked again.
pub(super) fn acquire(pool: &conn_pool, slot: impl Fn(&mut Ticket) -> Answer<SlotToken>) -> Answer<conn_pool_lease> {
    let mut ticket = Ticket::NEW;
    loop {
        let slot = slot(&mut ticket).inspect_err(|status| count_refusal(pool, *status))?;
        if let Some(slot) = course::prepare(pool, slot)? {
            return Ok(lend(pool, slot));
        }
        ticket.position = Position::Again;
    }
}

fn count_refusal(pool: &conn_pool, status: conn_pool_status) {
    if status == CONN_POOL_EXHAUSTED {
        pool.counters().exhausted.add_one();
    }
}

/// A slot, without a wait.
pub(super) fn try_slot(pool: &conn_pool) -> Answer<SlotToken> {
    try_acquire(pool).map_err(conn_pool_status::from)
}

/// The fast path: a lease, if no callback has to be called for it; else `None`.
///
/// Until threads have met in the pool, every thread looks at the first word of the bitmap. So it need not ask for its
/// home, which is a call in a shared library.
#[inline(always)]
pub(super) fn acquire_as_it_is(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if pool.has_homes() {
        return None;
    }
    acquire_from(|| 0, || {}, pool, lease)
}

/// As [`acquire_as_it_is`], from the home of the thread.
#[inline(always)]
pub(super) fn acquire_at_home(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    // Before anything else is done, so that nothing has to be saved across the call.
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
    if pool.shared().flags() & !ON_RETURN != 0 {
        return None;
    }
    let claimed = pool.engine().claim_first_from(home, met)?;
    *lease = lend(pool, claimed.slot);
    if !claimed.is_peak_due {
        return Some(CONN_POOL_OK);
    }
    Some(rest(|| {
        pool.engine().record_peak();
        Ok(())
    }))
}
