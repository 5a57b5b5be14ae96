// knows: annotations, asking, callbacks, leases, pool, serving, status, engine, managed, slot · must not know: how a
// caller waits
//! The life of a resource, which a pool for C shares with managed pools.

use core::ffi::c_void;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use super::annotations;
use super::asking;
use super::callbacks::Resource;
use super::leases::tell_of_leaks;
use super::pool::{SlotExtra, conn_pool};
use super::serving;
use super::status::Answer;
use super::status::conn_pool_status::{CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED, CONN_POOL_TIMED_OUT};
use crate::engine::SlotToken;
use crate::managed::{
    Assessment, Caller, CheckReason, ClaimedSlot, DiscardReason, Lifecycle, ManagedParts, Millis, NoWait, Past,
    PrepareError, Step, UnreadySlot, at_once, check, evict_all as evict, maintain as pass, note_loan,
    prepare as make_fit, recycle as reset_and_look,
};
use crate::slot::{Drain, PoolParts, Slot, storage, teardown};

/// Makes sure that the slot has a fit resource. If it cannot, the slot is released or vacated; `Ok(None)` then says
/// that another slot may do.
///
/// It reads the clock once, if the pool has `max_lifetime_ms` or `validate_after_ms`; and again if there is work to do.
/// Since when a resource is in use or idle, maintenance finds out, as in a pool without.
#[inline(never)]
pub(super) fn prepare(pool: &conn_pool, slot: SlotToken, caller: &impl Caller<conn_pool>) -> Answer<Option<SlotToken>> {
    let claimed = ClaimedSlot::new(pool, slot);
    if let Assessment::Fit(now) = claimed.assess_first(false) {
        return Ok(Some(lend_as_it_is(pool, claimed, now)));
    }
    match at_once(make_fit(pool, caller, &mut Step::Assess(claimed), &mut Past::new(pool))) {
        Ok(claimed) => Ok(Some(lend_as_it_is(pool, claimed, None))),
        Err(PrepareError::Unfit(_) | PrepareError::Unattended) => Ok(None),
        Err(PrepareError::NoTime) => {
            pool.engine().count_timeout();
            Err(CONN_POOL_TIMED_OUT)
        }
        Err(PrepareError::Closed) => Err(CONN_POOL_CLOSED),
        Err(PrepareError::NotConnected(..)) => Err(CONN_POOL_CREATE_FAILED),
    }
}

fn lend_as_it_is(pool: &conn_pool, claimed: ClaimedSlot<'_, conn_pool>, now: Option<Millis>) -> SlotToken {
    // Maintenance was here, and asks for a time; or the next acquire wants to know how long ago this one was.
    if pool.has_remarks(claimed.slot()) || pool.config().validate_after_ms != 0 {
        note_loan(pool, &claimed, 0, now);
    }
    claimed.into_slot()
}

/// Makes the resource of a slot fit for the next caller; `None` if it was destroyed.
///
/// It reads no clock: the next acquire does. Only a resource with a mark is looked at in full.
pub(super) fn recycle(pool: &conn_pool, slot: SlotToken) -> Option<SlotToken> {
    if pool.has_remarks(slot.index()) {
        return reset_and_look(pool, slot);
    }
    let mut unready = UnreadySlot::new(pool, slot);
    if pool.manager().reset(unready.connection()).is_err() {
        unready.discard(DiscardReason::ResetFailed);
        return None;
    }
    Some(unready.into_slot())
}

/// The resource in a slot.
#[inline(always)]
pub(super) fn resource(slots: &[Slot<Resource, SlotExtra>], slot: &SlotToken) -> *mut c_void {
    // SAFETY: the slot's owner alone touches its cell (I2), which is initialised.
    unsafe { (*storage::cell(slots, slot)).0 }
}

/// Maintains the idle resources. Returns how many it destroyed.
pub(super) fn maintain(pool: &conn_pool) -> usize {
    maintain_and_look_ahead(pool).0
}

/// As [`maintain`], with the time after which the next pass is due.
pub(super) fn maintain_and_look_ahead(pool: &conn_pool) -> (usize, Duration) {
    /// How soon a pool that lacks idle resources gets them.
    const SOON: Duration = Duration::from_millis(100);
    let (discarded, next) = asking::maintain(pool).unwrap_or_else(|| {
        let report = at_once(pass(pool, &NoWait, pool.coarse()));
        (report.discarded, report.next)
    });
    let destroyed = teardown::drop_surplus(pool) + discarded;
    serving::serve(pool);
    let checks_all = pool.config().validate.is_some() && pool.config().keepalive_ms == 0;
    let destroyed = if checks_all { destroyed + check_idle(pool) } else { destroyed };
    tell_of_leaks(pool);
    let config = pool.config();
    let leaks = Duration::from_millis(u64::from(config.leak_after_ms) / 8);
    let limits = [(config.min_idle > 0, SOON), (config.leak_after_ms > 0, leaks.max(SOON / 10))];
    let next = limits.into_iter().filter(|(is_set, _)| *is_set).fold(next, |next, (_, limit)| next.min(limit));
    (destroyed, next)
}

/// Destroys what is idle now, and marks the rest. Returns how many it destroyed.
pub(super) fn evict_all(pool: &conn_pool) -> usize {
    // Before the marks: a lease that begins or ends after this looks for them.
    pool.watch_records();
    evict(pool)
}

/// Destroys the idle resources that are not to be kept. Returns how many those were.
pub(super) fn retain(pool: &conn_pool, keep: impl Fn(*mut c_void) -> bool) -> usize {
    let visit = |slot| {
        let mut unready = UnreadySlot::new(pool, slot);
        let resource = unready.connection().0;
        annotations::acquired(pool.config(), resource);
        let is_kept = keep(resource);
        annotations::released(pool.config(), resource);
        if is_kept {
            drop(ClaimedSlot::new(pool, unready.into_slot()));
        } else {
            unready.discard(DiscardReason::Evicted);
        }
        is_kept
    };
    teardown::retain(pool, visit).discarded
}

/// Checks every idle resource, and destroys those that are unfit. Returns how many those were.
fn check_idle(pool: &conn_pool) -> usize {
    let idle = (0..pool.capacity()).filter_map(|slot| pool.engine().claim_slot(slot));
    idle.filter_map(|slot| (!is_still_fit(pool, slot)).then_some(())).count()
}

/// Checks the resource of a slot. If it is fit, releases the slot, otherwise destroys the resource.
fn is_still_fit(pool: &conn_pool, slot: SlotToken) -> bool {
    match at_once(check(pool, &NoWait, UnreadySlot::new(pool, slot), CheckReason::Keepalive, None)) {
        Ok(fit) => {
            drop(fit);
            true
        }
        Err(unfit) => {
            unfit.discard();
            false
        }
    }
}

/// Whether all leases of a closed pool have ended.
pub(super) fn is_drained(pool: &conn_pool) -> bool {
    pin!(Drain::new(pool.engine())).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}
