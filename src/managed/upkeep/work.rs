// knows: pass, clock, jobs, loan, meeting, observe, parts, record, engine, slot · must not know: who asked for it, threads, tasks
//! Doing what was handed over: each job calls the manager, and may take as long as that takes.

use super::pass::report_leaks;
use crate::engine::{SlotState, SlotToken};
use crate::managed::clock::span;
use crate::managed::jobs::{Job, Work};
use crate::managed::loan::caller::Caller;
#[cfg(feature = "std")]
use crate::managed::loan::prepare::CheckError;
use crate::managed::loan::prepare::{check, make};
use crate::managed::loan::release::recycle_here;
use crate::managed::loan::tokens::{ConnectingSlot, UnreadySlot, discard_here};
#[cfg(feature = "std")]
use crate::managed::meeting::Answer;
use crate::managed::observe;
use crate::managed::parts::ManagedParts;
use crate::managed::record::CHECK;
use crate::slot::release;
#[cfg(feature = "std")]
use crate::slot::release_unused;

/// Takes what was handed over first.
pub(crate) fn take<P: ManagedParts>(pool: &P) -> Option<Work> {
    pool.shared().take_work(|slot| pool.record(slot))
}

pub(crate) async fn perform<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, work: Work) {
    match work {
        Work::Report => report(pool),
        Work::Slot(slot, Job::Connect) => connect(pool, caller, ConnectingSlot::new(pool, slot)).await,
        Work::Slot(slot, Job::Check) => check_for_caller(pool, caller, slot).await,
        Work::Slot(slot, Job::Probe) => probe(pool, caller, slot).await,
        Work::Slot(slot, Job::Reset) => reset(pool, slot),
        Work::Slot(slot, Job::Discard(reason)) => discard_here(pool, slot, reason),
    }
}

/// Ends what was handed over first, where nobody is left to do it: checks are left to the next caller. `false` if there
/// was nothing.
pub(super) fn end_next<P: ManagedParts>(pool: &P) -> bool {
    let Some(work) = take(pool) else { return false };
    match work {
        Work::Report => pool.shared().end_report(),
        Work::Slot(slot, Job::Connect) => drop(ConnectingSlot::new(pool, slot)),
        Work::Slot(slot, Job::Check) => leave_check(pool, slot),
        Work::Slot(slot, Job::Probe) => {
            pool.shared().end_probe();
            leave_check(pool, slot);
        }
        Work::Slot(slot, Job::Reset) => reset(pool, slot),
        Work::Slot(slot, Job::Discard(reason)) => discard_here(pool, slot, reason),
    }
    true
}

fn leave_check<P: ManagedParts>(pool: &P, slot: SlotToken) {
    pool.record(slot.index()).mark(CHECK);
    release(pool, slot);
}

fn reset<P: ManagedParts>(pool: &P, slot: SlotToken) {
    if let Some(slot) = recycle_here(pool, UnreadySlot::new(pool, slot)) {
        release(pool, slot);
    }
}

/// Connects, for whichever caller is first in the queue by then.
async fn connect<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, connecting: ConnectingSlot<'_, P>) {
    // Whatever comes of it, the next connect may be due. Dropped last.
    let _wake = WakeConnector(pool);
    if pool.engine().is_closed() {
        return drop(connecting);
    }
    if make(pool, caller, connecting, ConnectingSlot::fill_for_callers).await.is_err() {
        dismiss_if_hopeless(pool);
    }
}

/// Ends the waits of all callers, if there is no connection and none will be made soon. Each decides by its deadline
/// whether it waits on.
fn dismiss_if_hopeless<P: ManagedParts>(pool: &P) {
    let shared = pool.shared();
    let is_final = shared.refusal().is_some_and(|refusal| refusal.ends_waits);
    let has_lasted = |limit| shared.failing_for(pool.coarse()).is_some_and(|lasted| lasted >= span(limit));
    let is_hopeless = is_final || shared.config().connect_timeout.is_some_and(has_lasted);
    if is_hopeless && !pool.engine().states().iter().any(SlotState::is_filled) {
        drop(pool.engine().dismiss_waiters());
    }
}

/// Checks a connection for the caller that found it, if that still waits for the answer.
#[cfg(feature = "std")]
async fn check_for_caller<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, slot: SlotToken) {
    let number = slot.index();
    let end = |answer| match pool.meeting(number) {
        Some(meeting) => meeting.end(answer),
        None => Err(answer),
    };
    let mut unanswered = Unanswered(Some(|| drop(end(Answer::Unfit(None)))));
    let checked = check(pool, caller, UnreadySlot::new(pool, slot)).await;
    unanswered.0 = None;
    match checked {
        Ok(fit) => {
            if let Err(Answer::Fit(slot)) = end(Answer::Fit(fit.into_slot())) {
                release_unused(pool, slot);
            }
        }
        Err(unfit) => {
            let _heard = end(Answer::Unfit(CheckError::describe(&unfit, pool)));
            unfit.discard();
        }
    }
}

#[cfg(not(feature = "std"))]
async fn check_for_caller<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, slot: SlotToken) {
    check_idle(pool, caller, slot).await;
}

/// Answers the caller if the manager panics.
#[cfg(feature = "std")]
struct Unanswered<F: FnMut()>(Option<F>);

#[cfg(feature = "std")]
impl<F: FnMut()> Drop for Unanswered<F> {
    fn drop(&mut self) {
        if let Some(answer) = &mut self.0 {
            answer();
        }
    }
}

/// Checks an idle connection for which no caller waits.
async fn probe<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, slot: SlotToken) {
    // The next one is due. Dropped in this order.
    let _wake = WakeConnector(pool);
    let _end = EndProbe(pool);
    check_idle(pool, caller, slot).await;
}

async fn check_idle<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, slot: SlotToken) {
    match check(pool, caller, UnreadySlot::new(pool, slot)).await {
        Ok(fit) => drop(fit),
        Err(unfit) => unfit.discard(),
    }
}

fn report<P: ManagedParts>(pool: &P) {
    let _end = EndReport(pool);
    report_leaks(pool, pool.coarse());
    observe::publish(pool);
}

struct WakeConnector<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for WakeConnector<'_, P> {
    fn drop(&mut self) {
        self.0.shared().wake();
    }
}

struct EndProbe<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for EndProbe<'_, P> {
    fn drop(&mut self) {
        self.0.shared().end_probe();
    }
}

struct EndReport<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for EndReport<'_, P> {
    fn drop(&mut self) {
        self.0.shared().end_report();
    }
}
