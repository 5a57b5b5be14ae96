// knows: clock, outage, parts, record, settings · must not know: what is done then
//! When the next pass of maintenance is due.

use core::time::Duration;

use crate::managed::clock::{FOR_EVER, Millis, span};
use crate::managed::outage::Demand;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{ConnRecord, period};
use crate::managed::settings::Settings;

/// The longest time between two passes, and the shortest, in milliseconds.
const LONGEST: usize = 30_000;
pub(super) const SHORTEST: usize = 10;

/// How often to look for every limit to be kept to within a tenth of itself, in milliseconds: nothing tells maintenance
/// that a connection has come back, so it is seen idle by the next pass only. A sixteenth leaves room for a thread that
/// wakes late.
pub(super) fn look_every(settings: &Settings) -> Option<usize> {
    let limits = [settings.max_lifetime(), settings.idle_timeout(), settings.keepalive(), settings.leak_threshold()];
    let least = limits.into_iter().flatten().map(span).min()?;
    Some((least / 16).clamp(SHORTEST, LONGEST))
}

/// In how many milliseconds a pass is due: the shortest time, if the pool was closed, or lacks idle connections or has
/// too many. The last pass has done what was due when it `began`.
pub(super) fn due_or_pressing<P: ManagedParts>(pool: &P, began: Millis, now: Millis) -> usize {
    if is_pressing(pool, now) {
        SHORTEST
    } else {
        due(pool, began, Demand::Caller).saturating_sub(now.since(began)).max(SHORTEST)
    }
}

fn is_pressing<P: ManagedParts>(pool: &P, now: Millis) -> bool {
    let (status, shared) = (pool.engine().status(), pool.shared());
    let coming = status.idle + status.connecting + shared.probes();
    let is_short = coming < shared.settings().min_idle() && pool.engine().room_to_connect() > 0;
    let is_excess = shared.settings().max_idle().is_some_and(|most| status.idle > most);
    status.closed || is_excess || is_short && shared.may_connect(now, Demand::Floor)
}

/// In how many milliseconds a pass is due, if nothing happens until then that maintenance is woken by. For callers: or
/// a look at what they ask for.
fn due<P: ManagedParts>(pool: &P, now: Millis, demand: Demand) -> usize {
    let shared = pool.shared();
    let mut next = shared.connect_due(now, demand).map_or(LONGEST, usize::from);
    for (slot, state) in pool.engine().states().iter().enumerate().filter(|(_, state)| state.is_filled()) {
        let is_idle = pool.engine().is_idle(slot);
        next = next.min(due_for(shared.settings(), pool.record(slot), is_idle, now, state.uses()));
    }
    next.clamp(SHORTEST, LONGEST)
}

/// As [`due`], for maintenance that nothing wakes.
pub(super) fn due_unwoken<P: ManagedParts>(pool: &P, now: Millis) -> usize {
    look_every(pool.shared().settings()).unwrap_or(LONGEST).min(due(pool, now, Demand::Floor))
}

fn due_for(settings: &Settings, record: &ConnRecord, is_idle: bool, now: Millis, uses: usize) -> usize {
    let is_recorded = if is_idle { record.is_seen(period(uses, false)) } else { record.is_of_loan(uses) };
    let age = if is_recorded { now.since(record.seen_at()) } else { 0 };
    let left = |limit: Option<Duration>, age: usize| limit.map_or(FOR_EVER, |limit| span(limit).saturating_sub(age));
    let soonest = if is_idle {
        [left(settings.idle_timeout(), age), left(settings.keepalive(), now.since(record.fresh_at()))]
    } else {
        [left(settings.leak_threshold(), age), FOR_EVER]
    };
    // What is overdue could not be done by the pass that has just ended, so it does not count.
    let left = soonest.into_iter().chain([record.left_to_live(now)]);
    left.filter(|left| *left > 0).min().unwrap_or(FOR_EVER)
}
