// knows: pass, clock, event, jobs, loan, meeting, observe, outage, parts, record, engine, slot, sync · must not know:
// who asked for it, threads, tasks
//! Doing what was handed over: each job calls the manager, and may take as long as that takes.

use super::pass::{is_fit, report_leaks};
use crate::engine::SlotToken;
use crate::managed::clock::span;
use crate::managed::event::{CheckReason, DiscardReason};
use crate::managed::jobs::{Job, Work};
use crate::managed::loan::caller::Caller;
use crate::managed::loan::prepare::{check, has_connection, make};
use crate::managed::loan::release::recycle_here;
use crate::managed::loan::tokens::{ConnectingSlot, UnreadySlot, discard_here};
use crate::managed::meeting::{Answer, Meeting};
use crate::managed::observe;
use crate::managed::outage::Purpose;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{ELSEWHERE, PASSED, STALE};
use crate::slot::{release, release_unused};
use crate::sync::run_once;

/// A job that was taken, by what it owns: dropped undone, it loses nothing.
pub(crate) enum Errand<'a, P: ManagedParts> {
    Report(EndReport<'a, P>),
    Connect(ConnectingSlot<'a, P>),
    Check(UnreadySlot<'a, P>, CheckReason),
    Probe(UnreadySlot<'a, P>, CheckReason, EndProbe<'a, P>),
    Reset(UnreadySlot<'a, P>),
    Discard(Doomed<'a, P>, EndDiscard<'a, P>),
}

impl<P: ManagedParts> Errand<'_, P> {
    /// Whether it may have to wait for the manager, if that awaits.
    pub(crate) const fn may_wait(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Check(..) | Self::Probe(..))
    }

    /// Whether something may be due as soon as it is done: another connect, or another check. A report is followed by
    /// nothing: a pass has asked for it, and would ask again.
    #[cfg(feature = "std")]
    pub(crate) const fn has_sequel(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Probe(..))
    }
}

/// Takes what was handed over first.
pub(crate) fn take<P: ManagedParts>(pool: &P) -> Option<Errand<'_, P>> {
    Some(match pool.shared().take_work(|slot| pool.record(slot))? {
        Work::Report => Errand::Report(EndReport(pool)),
        Work::Slot(slot, Job::Connect) => Errand::Connect(ConnectingSlot::new(pool, slot)),
        Work::Slot(slot, Job::Check(why)) => Errand::Check(UnreadySlot::new(pool, slot), why),
        Work::Slot(slot, Job::Probe(why)) => Errand::Probe(UnreadySlot::new(pool, slot), why, EndProbe(pool)),
        Work::Slot(slot, Job::Reset) => Errand::Reset(UnreadySlot::new(pool, slot)),
        Work::Slot(slot, Job::Discard(reason)) => Errand::Discard(Doomed { pool, slot, reason }, EndDiscard(pool)),
    })
}

pub(crate) async fn perform<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, errand: Errand<'_, P>) {
    match errand {
        Errand::Report(_end) => report(pool),
        Errand::Connect(connecting) => connect(pool, caller, connecting).await,
        Errand::Check(unready, why) => check_for_caller(pool, caller, unready, why).await,
        Errand::Probe(unready, why, _end) => _ = is_fit(check(pool, caller, unready, why, None).await),
        Errand::Reset(unready) => reset(pool, unready),
        Errand::Discard(doomed, _end) => drop(doomed),
    }
}

/// Ends what was handed over first, where nobody is left to do it: checks are left to the next caller. `false` if there
/// was nothing.
pub(super) fn end_next<P: ManagedParts>(pool: &P) -> bool {
    let Some(errand) = take(pool) else { return false };
    match errand {
        Errand::Report(_) | Errand::Connect(_) | Errand::Discard(..) => {}
        Errand::Check(unready, _) | Errand::Probe(unready, ..) => {
            pool.record(unready.slot()).mark(STALE);
            pool.record(unready.slot()).unmark(ELSEWHERE);
            release(pool, unready.into_slot());
        }
        Errand::Reset(unready) => reset(pool, unready),
    }
    true
}

fn reset<P: ManagedParts>(pool: &P, unready: UnreadySlot<'_, P>) {
    if let Some(slot) = recycle_here(pool, unready) {
        pool.record(slot.index()).unmark(ELSEWHERE);
        release(pool, slot);
    }
}

/// Connects, for whichever caller is first in the queue by then.
async fn connect<P: ManagedParts, W: Caller<P>>(pool: &P, caller: &W, connecting: ConnectingSlot<'_, P>) {
    if pool.engine().is_closed() {
        return drop(connecting);
    }
    if make(pool, caller, Purpose::Pool, connecting, ConnectingSlot::fill_for_callers).await.is_err() {
        dismiss_if_hopeless(pool);
    }
}

/// Ends waits, if there is no connection and none will be made soon: those of all callers if the error is final, else
/// of those without a deadline.
fn dismiss_if_hopeless<P: ManagedParts>(pool: &P) {
    let shared = pool.shared();
    let is_final = shared.failure().is_some_and(|failure| failure.ends_waits);
    let has_lasted = |limit| shared.failing_for(pool.coarse()).is_some_and(|lasted| lasted >= span(limit));
    let is_hopeless = is_final || shared.settings().connect_timeout().is_some_and(has_lasted);
    if is_hopeless && !has_connection(pool) {
        drop(pool.engine().dismiss_waiters(!is_final));
    }
}

/// Checks a connection for the caller that found it, if that still waits for the answer.
async fn check_for_caller<P: ManagedParts, W: Caller<P>>(
    pool: &P,
    caller: &W,
    unready: UnreadySlot<'_, P>,
    why: CheckReason,
) {
    let number = unready.slot();
    let end = |answer| match pool.meeting(number) {
        Some(meeting) => meeting.end(answer),
        None => Err(answer),
    };
    let mut unanswered = Unanswered(Some(|| drop(end(Answer::Unfit(None)))));
    let allowed = pool.meeting(number).and_then(Meeting::allowed);
    let checked = check(pool, caller, unready, why, allowed).await;
    unanswered.0 = None;
    match checked {
        Ok(fit) => {
            if let Err(Answer::Fit(slot)) = end(Answer::Fit(fit.into_slot())) {
                pool.record(number).mark(PASSED);
                release_unused(pool, slot);
            }
        }
        Err(mut unfit) => {
            // Before the caller hears of it, which has the next connect begun.
            unfit.note_not_lent();
            let _heard = end(Answer::Unfit(unfit.tell(pool)));
            unfit.discard();
        }
    }
}

/// Answers the caller if the manager panics.
struct Unanswered<F: FnMut()>(Option<F>);

impl<F: FnMut()> Drop for Unanswered<F> {
    fn drop(&mut self) {
        if let Some(answer) = &mut self.0 {
            answer();
        }
    }
}

fn report<P: ManagedParts>(pool: &P) {
    report_leaks(pool, pool.coarse());
    observe::publish(pool);
}

/// A slot whose connection is ended when this is dropped, done or undone: the engine counts on the reason.
pub(crate) struct Doomed<'a, P: ManagedParts> {
    pool: &'a P,
    slot: SlotToken,
    reason: DiscardReason,
}

impl<P: ManagedParts> Drop for Doomed<'_, P> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        // Maybe while a panic of the manager's unwinds, so that another one, of `on_discard`, would end the process.
        run_once(|| discard_here(self.pool, slot, self.reason));
    }
}

/// Notes the end of a check for which no caller waits, when it is dropped.
pub(crate) struct EndProbe<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for EndProbe<'_, P> {
    fn drop(&mut self) {
        self.0.shared().end_probe();
    }
}

/// Notes that a connection was ended, when it is dropped.
pub(crate) struct EndDiscard<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for EndDiscard<'_, P> {
    fn drop(&mut self) {
        self.0.shared().end_discard();
    }
}

/// Notes the end of a report, when it is dropped.
pub(crate) struct EndReport<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for EndReport<'_, P> {
    fn drop(&mut self) {
        self.0.shared().end_report();
    }
}
