// knows: due, clock, parts, record, settings, engine · must not know: what a pass does
//! Marking connections that have grown old or stale, so that acquires need not read the clock while maintenance marks
//! often enough.

use core::future::poll_fn;
use core::mem::replace;
use core::task::{Poll, Waker};
use core::time::Duration;

use super::due::{due_or_pressing, look_every};
use crate::engine::SlotState;
use crate::managed::clock::{Millis, duration, span};
use crate::managed::parts::ManagedParts;
use crate::managed::record::{CHECK, EXPIRED, SAMPLE, STALE, STOOD_STILL, UNPROVEN, period};
use crate::managed::settings::Settings;

/// The longest time between two passes while connections are in use, if a limit needs passes at all, in milliseconds.
const LONGEST_BUSY: usize = 1000;

/// For how many intervals acquires rely on the marks of a pass. The pass that follows may come that late.
const TRUSTED: usize = 2;

/// How long the machine may be suspended before all connections are checked, if `validate_after` does not say.
const SUSPENDED: Duration = Duration::from_millis(500);

/// Marks connections as often as is needed for acquires to rely on the marks.
pub(crate) struct Marker {
    /// The uses of all connections when it marked last.
    uses: usize,
}

impl Marker {
    pub(crate) const fn new() -> Self {
        Self { uses: 0 }
    }

    /// Marks all connections after a pass that `began` then, and answers when to do so again, unless `waker` is called
    /// before. If no connection was used since it marked last, and all that are idle are marked as stale, ages are left
    /// to the acquires, the first of which calls the waker.
    pub(crate) fn mark<P: ManagedParts>(&mut self, pool: &P, began: Millis, waker: &Waker) -> Duration {
        let (now, shared) = (pool.coarse(), pool.shared());
        let interval = interval(shared.settings());
        mark_all(pool, now, interval);
        let uses = pool.engine().states().iter().map(SlotState::uses).fold(0, usize::wrapping_add);
        let is_used = replace(&mut self.uses, uses) != uses;
        // What has just fallen idle was seen so late: asleep, it would be told to have been idle for less than it was.
        let is_busy = is_used || is_any_fresh(pool);
        shared.sleep(waker, now);
        // Counted from before the marking: if the process stands still in the midst of it, the marks are old already.
        shared.extend_trust(now, TRUSTED * interval.unwrap_or(0));
        match interval {
            Some(_) if is_busy => shared.trust_marks(true),
            Some(_) => shared.note_sleep(true),
            None => {}
        }
        // Changes made before these are visible now, and a thread that makes one later finds the sleeper: under the
        // lock, or by claiming a slot.
        pool.engine().synchronize();
        pool.engine().publish_to_claims();
        let next = due_or_pressing(pool, began, now);
        let is_in_use = pool.engine().in_use() > 0;
        let look = if is_busy { interval } else { look_every(shared.settings()).filter(|_| is_in_use) };
        duration(look.map_or(next, |look| next.min(look)))
    }
}

/// Stops marking while something is done that may take long: acquires read the clock meanwhile. Maintenance is awake
/// and not to be woken, least of all by what it does itself.
pub(crate) fn pause_marking<P: ManagedParts>(pool: &P) {
    pool.shared().trust_marks(false);
    // The waker may keep its task alive, and the task the pool.
    drop(pool.shared().take_sleeper());
}

/// Waits until maintenance is woken.
pub(crate) async fn woken<P: ManagedParts>(pool: &P) {
    let is_woken = |waker: &Waker| if pool.shared().sleep_on(waker) { Poll::Pending } else { Poll::Ready(()) };
    poll_fn(|context| is_woken(context.waker())).await;
}

/// Stops marking for good, or until maintenance begins anew.
pub(crate) fn stop_marking<P: ManagedParts>(pool: &P) {
    pause_marking(pool);
    pool.shared().forget_marking();
}

/// How often to mark the connections of a pool in use, for acquires to rely on the marks, and for the limits and the
/// floor of idle connections to be kept; `None` if no limit needs it.
///
/// A connection that falls idle just after a pass is seen idle by the next one, and marked when the pass after that
/// would come too late. With four passes within the time that it may be idle it is marked after half of that, and
/// before its end. With eight passes within the time that it may go unproven it is marked after three quarters of that.
fn interval(settings: &Settings) -> Option<usize> {
    let config = settings.built();
    let stale = config.validate_after.filter(|after| !after.is_zero()).map(|after| span(after) / 4);
    let unproven = config.validate_every.map(|longest| span(longest) / 8);
    let missing = (settings.min_idle() > 0).then_some(LONGEST_BUSY);
    let least = stale.into_iter().chain(unproven).chain(look_every(settings)).chain(missing).min()?;
    Some(least.clamp(1, LONGEST_BUSY))
}

/// Whether an idle connection would be lent unchecked by the marks, in a pool that checks what was idle for long.
fn is_any_fresh<P: ManagedParts>(pool: &P) -> bool {
    let is_fresh = |slot| pool.engine().is_idle(slot) && !pool.record(slot).is_marked(CHECK);
    let mut filled = pool.engine().states().iter().enumerate().filter(|(_, state)| state.is_filled());
    let checks = pool.shared().config().validate_after.is_some_and(|after| !after.is_zero());
    checks && filled.any(|(slot, _)| is_fresh(slot))
}

/// Whether the last pass was so long ago that a connection which has fallen idle since then may be taken for fresh too
/// long: for a quarter longer than it may be idle.
fn is_late<P: ManagedParts>(pool: &P, now: Millis) -> bool {
    let (config, shared) = (pool.shared().config(), pool.shared());
    let (Some(longest), Some(until)) = (config.validate_after, shared.trusted_until()) else { return false };
    let trusted = TRUSTED * interval(shared.settings()).unwrap_or(0);
    now.since(until) > (span(longest) / 4).saturating_sub(trusted)
}

/// Records the period of each connection, and marks it if it is too old or stale. The marks hold until the next pass,
/// if that comes within `interval`.
pub(super) fn mark_all<P: ManagedParts>(pool: &P, now: Millis, interval: Option<usize>) {
    let (config, shared) = (pool.shared().config(), pool.shared());
    let limit = config.validate_after.filter(|after| !after.is_zero()).unwrap_or(SUSPENDED);
    let was_suspended = shared.was_suspended(pool.suspended(), limit);
    let is_late = is_late(pool, now);
    let is_first = is_late && shared.marked_at().is_none();
    for (slot, state) in pool.engine().states().iter().enumerate().filter(|(_, state)| state.is_filled()) {
        let (record, is_idle) = (pool.record(slot), pool.engine().is_idle(slot));
        let period = period(state.uses(), !is_idle);
        // Callers that tell ages by the clock, as they do until the first pass, record when a loan begins. And what was
        // made or checked a moment ago cannot have been idle for long.
        let is_recorded = record.is_seen(period) || is_first && !is_idle && record.is_of_loan(state.uses());
        let is_known = is_recorded || record.unproven_for(now) <= span(limit) / 4;
        // A connection that is seen idle for the first time may have been so since the last pass, and that is long ago.
        // So may one that is seen in use, if it was claimed a moment ago: who has claimed it looks at its marks last.
        if was_suspended || is_late && !is_known {
            record.mark(STOOD_STILL);
        }
        if is_idle {
            record.see(period, now);
        } else {
            record.see_held(state.uses(), now);
        }
        // The next pass comes an interval later.
        if record.left_to_live(now) <= interval.unwrap_or(0) {
            record.mark(EXPIRED);
        }
        record.mark(SAMPLE);
        if let (Some(interval), Some(longest), true) = (interval, config.validate_after, is_idle) {
            // It may be idle for an interval longer than was seen, and the next pass comes another interval later.
            if now.since(record.fresh_at()) + TRUSTED * interval > span(longest) {
                record.mark(STALE);
            }
        }
        if let (Some(interval), Some(longest)) = (interval, config.validate_every) {
            // One in use may come back at any time.
            if record.unproven_for(now) + TRUSTED * interval > span(longest) {
                record.mark(UNPROVEN);
            }
        }
    }
}
