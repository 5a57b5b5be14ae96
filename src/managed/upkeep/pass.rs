// knows: due, marking, clock, event, loan, observe, outage, parts, record, report · must not know: when it is called
//! One pass of maintenance. While the manager is called, the slot is claimed and no lock is held.

use core::cell::Cell;
use core::time::Duration;

use super::due::due_unwoken;
use super::marking::mark_all;
use crate::managed::clock::{Millis, duration, span};
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::managed::loan::caller::Caller;
use crate::managed::loan::current::loan;
use crate::managed::loan::limits::{idle_besides, is_excess};
use crate::managed::loan::prepare::{CheckError, check, make};
use crate::managed::loan::tokens::{ClaimedSlot, ConnectingSlot, UnreadySlot};
use crate::managed::observe;
use crate::managed::outage::{Demand, Purpose};
use crate::managed::parts::ManagedParts;
use crate::managed::record::{EVICTED, EXPIRED, period};
use crate::managed::report::{Loan, MaintenanceReport};

/// A pass that is running: there is one at a time.
struct Pass<'a, P: ManagedParts>(&'a P);

impl<'a, P: ManagedParts> Pass<'a, P> {
    fn begin(pool: &'a P) -> Option<Self> {
        pool.shared().begin_upkeep().then(|| Self(pool))
    }
}

impl<P: ManagedParts> Drop for Pass<'_, P> {
    fn drop(&mut self) {
        self.0.shared().end_upkeep();
    }
}

/// Who does what a pass finds to be done: by default, its caller itself.
pub(super) trait Hands<P: ManagedParts> {
    /// Tells of leaks. Answers how many there were.
    fn report_leaks(&self, pool: &P, now: Millis) -> usize {
        report_leaks(pool, now)
    }

    /// Publishes the metrics.
    fn publish(&self, pool: &P) {
        observe::publish(pool);
    }

    /// Whether another idle connection may be checked now.
    fn may_check(&self, _pool: &P, _now: Millis) -> bool {
        true
    }

    /// Has an idle connection checked, and discarded if it is unfit: then answers `false`.
    async fn check(&self, pool: &P, claimed: ClaimedSlot<'_, P>, why: CheckReason) -> bool;

    /// Has a connection made in the place of an idle one that is still to be discarded.
    async fn replace(&self, pool: &P, now: Millis, done: &mut MaintenanceReport) -> Refill;

    /// Has connections made until there are enough idle ones.
    async fn fill_up(&self, pool: &P, now: Millis, done: &mut MaintenanceReport);
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refill {
    Done,
    /// It could not be made, or is still to be made.
    NotYet,
    NoRoom,
}

/// Does everything that is due, by the caller's own hands.
pub(crate) async fn maintain<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, now: Millis) -> MaintenanceReport {
    run_pass(pool, &Own(caller), now).await
}

/// Does everything that is due.
pub(super) async fn run_pass<P: ManagedParts>(pool: &P, hands: &impl Hands<P>, now: Millis) -> MaintenanceReport {
    let mut done = MaintenanceReport::default();
    if !pool.shared().is_forked()
        && let Some(_pass) = Pass::begin(pool)
        && !pool.engine().is_closed()
    {
        mark_all(pool, now, None);
        done.leaked = hands.report_leaks(pool, now);
        maintain_idle(pool, hands, now, &mut done).await;
        hands.fill_up(pool, now, &mut done).await;
        hands.publish(pool);
    }
    done.next = duration(due_unwoken(pool, now));
    done
}

/// A pass whose caller does everything itself.
struct Own<'w, W>(&'w W);

impl<P: ManagedParts, W: Caller<P>> Hands<P> for Own<'_, W> {
    async fn check(&self, pool: &P, claimed: ClaimedSlot<'_, P>, why: CheckReason) -> bool {
        is_fit(check(pool, self.0, claimed.into_unready(), why, None).await)
    }

    async fn replace(&self, pool: &P, now: Millis, done: &mut MaintenanceReport) -> Refill {
        if !pool.shared().may_connect(now, Demand::Floor) {
            return Refill::NotYet;
        }
        let Some(slot) = pool.engine().claim_to_refill() else { return Refill::NoRoom };
        if make(pool, self.0, Purpose::Pool, ConnectingSlot::new(pool, slot), ConnectingSlot::refill).await.is_err() {
            done.connect_failed += 1;
            return Refill::NotYet;
        }
        done.connected += 1;
        Refill::Done
    }

    async fn fill_up(&self, pool: &P, now: Millis, done: &mut MaintenanceReport) {
        let min_idle = pool.shared().settings().min_idle();
        // No more than the floor: connections that end as soon as they are made would keep it here for ever.
        for _ in 0..min_idle {
            if idle(pool) >= min_idle || self.replace(pool, now, done).await != Refill::Done {
                break;
            }
        }
    }
}

/// Ends the check of an idle connection for which no caller waits: discards it if it is unfit, and answers `false`.
///
/// Not with the check in a future of its own, which would make that of maintenance larger.
pub(super) fn is_fit<'a, P: ManagedParts>(checked: Result<ClaimedSlot<'a, P>, CheckError<'a, P>>) -> bool {
    match checked {
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

/// Leaves a replacement to be made by another: `replaced` counts those.
pub(super) fn put_off<P: ManagedParts>(pool: &P, now: Millis, replaced: &Cell<usize>) -> Refill {
    if pool.shared().may_connect(now, Demand::Floor) && pool.engine().room_to_connect() == 0 {
        return Refill::NoRoom;
    }
    replaced.set(replaced.get() + 1);
    Refill::NotYet
}

fn idle<P: ManagedParts>(pool: &P) -> usize {
    pool.engine().status().idle
}

/// Tells of leaks, each once. Answers how many there were.
pub(super) fn report_leaks<P: ManagedParts>(pool: &P, now: Millis) -> usize {
    let mut leaked = 0;
    for slot in 0..pool.engine().states().len() {
        if let Some(loan) = leak(pool, slot, now)
            && pool.loan_record(slot).is_some_and(|loan_record| loan_record.report_once(present_loan(pool, slot)))
        {
            leaked += 1;
            observe::event(pool, &Event::Leaked { loan });
        }
    }
    leaked
}

/// Whether there are leaks that were not told of.
pub(super) fn has_new_leaks<P: ManagedParts>(pool: &P, now: Millis) -> bool {
    let is_new = |slot| pool.loan_record(slot).is_some_and(|record| !record.is_reported(present_loan(pool, slot)));
    (0..pool.engine().states().len()).any(|slot| leak(pool, slot, now).is_some() && is_new(slot))
}

fn leak<P: ManagedParts>(pool: &P, slot: usize, now: Millis) -> Option<Loan> {
    let threshold = pool.shared().settings().leak_threshold()?;
    loan(pool, slot, now).filter(|loan| loan.held_for.is_some_and(|held_for| held_for >= threshold))
}

fn present_loan<P: ManagedParts>(pool: &P, slot: usize) -> usize {
    period(pool.engine().states().get(slot).uses(), true)
}

/// What an idle connection needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It has to be discarded, and another has to be made if too few would be left.
    Replacement(DiscardReason),
    /// It was idle for too long, or too many are idle, and it is not needed for the floor.
    Dismissal(DiscardReason),
    Check,
}

fn need<P: ManagedParts>(pool: &P, slot: usize, now: Millis) -> Option<Need> {
    let (state, record, settings) = (pool.engine().states().get(slot), pool.record(slot), pool.shared().settings());
    if record.is_marked(EVICTED) {
        return Some(Need::Replacement(DiscardReason::Evicted));
    }
    if record.is_marked(EXPIRED) || record.left_to_live(now) == 0 {
        return Some(Need::Replacement(DiscardReason::Expired));
    }
    if is_excess(pool, slot) {
        return Some(Need::Dismissal(DiscardReason::Excess));
    }
    let is_over = |limit: Option<Duration>, since: Millis| limit.is_some_and(|limit| now.since(since) >= span(limit));
    if !record.is_seen(period(state.uses(), false)) {
        return None;
    }
    if is_over(settings.idle_timeout(), record.seen_at()) && is_spare(pool, slot) {
        return Some(Need::Dismissal(DiscardReason::Idle));
    }
    is_over(settings.keepalive(), record.fresh_at()).then_some(Need::Check)
}

/// Whether there are enough idle connections besides this one.
fn is_spare<P: ManagedParts>(pool: &P, slot: usize) -> bool {
    idle_besides(pool, slot) >= pool.shared().settings().min_idle()
}

/// Gives each idle connection what it needs. The highest slots come first, since they are claimed last.
async fn maintain_idle<P: ManagedParts>(pool: &P, hands: &impl Hands<P>, now: Millis, done: &mut MaintenanceReport) {
    for slot in (0..pool.engine().states().len()).rev() {
        let is_idle = pool.engine().states().get(slot).is_filled() && pool.engine().is_idle(slot);
        let Some(need) = (if is_idle { need(pool, slot, now) } else { None }) else { continue };
        if matches!(need, Need::Replacement(_)) && !is_spare(pool, slot) {
            // The replacement is made first, if there is room. If the server cannot be reached the old connection
            // stays, until a caller claims its slot.
            if hands.replace(pool, now, done).await == Refill::NotYet {
                continue;
            }
        }
        if let Some(slot) = pool.engine().claim_slot(slot) {
            maintain_one(pool, hands, ClaimedSlot::new(pool, slot), now, done).await;
        }
    }
}

/// Gives a connection what it needs now that it is claimed: it may have been used since it was looked at.
async fn maintain_one<P: ManagedParts>(
    pool: &P,
    hands: &impl Hands<P>,
    claimed: ClaimedSlot<'_, P>,
    now: Millis,
    done: &mut MaintenanceReport,
) {
    match need(pool, claimed.slot(), now) {
        None => drop(claimed),
        Some(Need::Replacement(reason) | Need::Dismissal(reason)) => discard(claimed.into_unready(), reason, done),
        Some(Need::Check) if !hands.may_check(pool, now) => drop(claimed),
        Some(Need::Check) => {
            done.checked += 1;
            let why = claimed.keepalive_reason();
            done.discarded += usize::from(!hands.check(pool, claimed, why).await);
        }
    }
}

fn discard<P: ManagedParts>(unready: UnreadySlot<'_, P>, reason: DiscardReason, done: &mut MaintenanceReport) {
    // Counted first: the manager may panic.
    done.discarded += 1;
    unready.discard(reason);
}
