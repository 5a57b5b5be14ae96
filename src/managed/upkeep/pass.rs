// knows: due, marking, clock, event, loan, observe, parts, record, report · must not know: when it is called
//! One pass of maintenance. While the manager is called, the slot is claimed and no lock is held.

use core::time::Duration;

use super::due::due_unwoken;
use super::marking::mark_all;
use crate::managed::clock::{Millis, duration, span};
use crate::managed::event::{DiscardReason, Event};
use crate::managed::loan::caller::Caller;
use crate::managed::loan::current::loan;
use crate::managed::loan::prepare::{check, make};
use crate::managed::loan::tokens::{ClaimedSlot, ConnectingSlot, UnreadySlot};
use crate::managed::observe;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{EVICTED, EXPIRED, period};
use crate::managed::report::MaintenanceReport;

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

/// Does everything that is due.
pub(crate) async fn maintain<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, now: Millis) -> MaintenanceReport {
    let mut done = MaintenanceReport::default();
    if let Some(_pass) = Pass::begin(pool)
        && !pool.engine().is_closed()
    {
        mark_all(pool, now, None);
        done.leaked = report_leaks(pool, now);
        maintain_idle(pool, caller, now, &mut done).await;
        let min_idle = pool.shared().config().min_idle;
        // No more than the floor: connections that end as soon as they are made would keep it here for ever.
        for _ in 0..min_idle {
            if idle(pool) >= min_idle || refill(pool, caller, now, &mut done).await != Refill::Done {
                break;
            }
        }
        observe::publish(pool);
    }
    done.next = duration(due_unwoken(pool, now));
    done
}

fn idle<P: ManagedParts>(pool: &P) -> usize {
    pool.engine().status().idle
}

fn report_leaks<P: ManagedParts>(pool: &P, now: Millis) -> usize {
    let Some(threshold) = pool.shared().config().leak_threshold else { return 0 };
    let mut leaked = 0;
    for slot in 0..pool.engine().states().len() {
        if let Some(loan) = loan(pool, slot, now)
            && loan.held_for.is_some_and(|held_for| held_for >= threshold)
            && is_first_report(pool, slot)
        {
            leaked += 1;
            observe::event(pool, &Event::Leaked { loan });
        }
    }
    leaked
}

fn is_first_report<P: ManagedParts>(pool: &P, slot: usize) -> bool {
    let present = period(pool.engine().states().get(slot).uses(), true);
    pool.loan_record(slot).is_some_and(|loan_record| loan_record.report_once(present))
}

/// What an idle connection needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It has to be discarded, and another has to be made if too few would be left.
    Replacement(DiscardReason),
    /// It was idle for too long, and enough others are idle.
    Dismissal,
    Check,
}

fn need<P: ManagedParts>(pool: &P, slot: usize, now: Millis) -> Option<Need> {
    let (state, record, config) = (pool.engine().states().get(slot), pool.record(slot), pool.shared().config());
    if record.is_marked(EVICTED) {
        return Some(Need::Replacement(DiscardReason::Evicted));
    }
    if record.is_marked(EXPIRED) || record.left_to_live(now) == 0 {
        return Some(Need::Replacement(DiscardReason::Expired));
    }
    let is_over = |limit: Option<Duration>, since: Millis| limit.is_some_and(|limit| now.since(since) >= span(limit));
    if !record.is_seen(period(state.uses(), false)) {
        return None;
    }
    if is_over(config.idle_timeout, record.seen_at()) && is_spare(pool, slot) {
        return Some(Need::Dismissal);
    }
    is_over(config.keepalive, record.fresh_at()).then_some(Need::Check)
}

/// Whether there are enough idle connections besides this one.
fn is_spare<P: ManagedParts>(pool: &P, slot: usize) -> bool {
    // It may have been released since the others were counted.
    idle(pool).saturating_sub(usize::from(pool.engine().is_idle(slot))) >= pool.shared().config().min_idle
}

/// Gives each idle connection what it needs. The highest slots come first, since they are claimed last.
async fn maintain_idle<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, now: Millis, done: &mut MaintenanceReport) {
    for slot in (0..pool.engine().states().len()).rev() {
        let is_idle = pool.engine().states().get(slot).is_filled() && pool.engine().is_idle(slot);
        let Some(need) = (if is_idle { need(pool, slot, now) } else { None }) else { continue };
        if matches!(need, Need::Replacement(_)) && !is_spare(pool, slot) {
            // The replacement is made first, if there is room. If the server cannot be reached the old connection
            // stays, until a caller claims its slot.
            if refill(pool, caller, now, done).await == Refill::Failed {
                continue;
            }
        }
        if let Some(slot) = pool.engine().claim_slot(slot) {
            maintain_one(pool, caller, ClaimedSlot::new(pool, slot), now, done).await;
        }
    }
}

/// Gives a connection what it needs now that it is claimed: it may have been used since it was looked at.
async fn maintain_one<P: ManagedParts, W: Caller<P>>(
    pool: &P,
    caller: &W,
    claimed: ClaimedSlot<'_, P>,
    now: Millis,
    done: &mut MaintenanceReport,
) {
    match need(pool, claimed.slot(), now) {
        None => drop(claimed),
        Some(Need::Replacement(reason)) => discard(claimed.into_unready(), reason, done),
        Some(Need::Dismissal) => discard(claimed.into_unready(), DiscardReason::Idle, done),
        Some(Need::Check) => {
            done.checked += 1;
            let why = claimed.keepalive_reason();
            match check(pool, caller, claimed.into_unready(), why).await {
                Ok(fit) => drop(fit),
                Err(unfit) => {
                    done.discarded += 1;
                    unfit.discard();
                }
            }
        }
    }
}

fn discard<P: ManagedParts>(unready: UnreadySlot<'_, P>, reason: DiscardReason, done: &mut MaintenanceReport) {
    // Counted first: the manager may panic.
    done.discarded += 1;
    unready.discard(reason);
}

#[derive(PartialEq, Eq)]
enum Refill {
    Done,
    Failed,
    NoRoom,
}

/// Makes a connection to be idle, for which no caller waits.
async fn refill<P: ManagedParts, W: Caller<P>>(
    pool: &P,
    caller: &W,
    now: Millis,
    done: &mut MaintenanceReport,
) -> Refill {
    if !pool.shared().may_refill(now) {
        return Refill::Failed;
    }
    let Some(slot) = pool.engine().claim_to_refill() else { return Refill::NoRoom };
    let connecting = ConnectingSlot::new(pool, slot);
    // Counts as a failure until it has succeeded: if the manager panics, the pause is due too.
    pool.shared().note_refill(now, true);
    if make(pool, caller, connecting, ConnectingSlot::refill).await.is_err() {
        done.connect_failed += 1;
        return Refill::Failed;
    }
    pool.shared().note_refill(now, false);
    done.connected += 1;
    Refill::Done
}
