// knows: caller, clock, current, error, event, observe, parts, prepare, record, shared, tokens, engine, slot, sync ·
// must not know: threads, tasks
//! A caller's whole way to a connection: the fast path, the first try, and the work if neither has one.

use core::panic::Location;
use core::pin::pin;
use core::time::Duration;

use super::caller::{Caller, Failure};
use super::current::{own_loans, report};
use super::prepare::{PrepareError, prepare};
use super::tokens::{Assessment, ClaimedSlot};
use crate::engine::{AcquireError, Position, SlotToken, Ticket};
use crate::managed::clock::Millis;
use crate::managed::error::GetError;
use crate::managed::event::DiscardReason;
use crate::managed::observe;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::record::{SAMPLE, period};
use crate::managed::shared::{ROUND_ROBIN, SELF_TIMED, TRACK};
use crate::slot::{claim_after, claim_any, claim_first};
use crate::sync::thread_number;

/// One loan in so many is timed where maintenance does not choose.
const SAMPLED: usize = 32;

/// The place in the source where a connection is acquired.
pub(crate) type Site = &'static Location<'static>;

/// The fast path: the first slot of the thread's home, if no flag of the pool is set. A connection whose record keeps
/// it from the fast path is assessed first.
#[inline(always)]
pub(crate) fn acquire_first<P: ManagedParts>(pool: &P, site: Site) -> Option<SlotToken> {
    if pool.shared().flags() != 0 {
        return None;
    }
    let slot = claim_first(pool)?;
    // The flags once more: maintenance may have fallen asleep before the claim.
    if pool.shared().flags() != 0 || pool.has_remarks(slot.index()) || pool.time_if_unmarked().is_some() {
        return acquire_marked(pool, slot, site);
    }
    // The manager may panic: the slot is released then.
    let claimed = ClaimedSlot::new(pool, slot);
    if claimed.is_closed() {
        discard_closed(claimed);
        return None;
    }
    note_site(pool, claimed.slot(), site);
    Some(claimed.into_slot())
}

#[cold]
#[inline(never)]
fn discard_closed<P: ManagedParts>(claimed: ClaimedSlot<'_, P>) {
    claimed.into_unready().discard(DiscardReason::Broken);
}

/// The record has a mark, or the loan is to be timed: take the slow path.
#[cold]
#[inline(never)]
fn acquire_marked<P: ManagedParts>(pool: &P, slot: SlotToken, site: Site) -> Option<SlotToken> {
    let claimed = ClaimedSlot::new(pool, slot);
    pool.shared().wake_if_asleep();
    // If the connection is not fit its slot is released as it was, and the slow path assesses it again.
    let Assessment::Fit(now) = claimed.assess() else {
        claimed.put_back();
        return None;
    };
    Some(lend(pool, claimed, site, 0, now))
}

/// What came of a caller's first try after the fast path.
pub(crate) enum FirstTry<'a, P: ManagedParts> {
    /// A connection that is the caller's, and whose loan is recorded.
    Done(SlotToken),
    /// There is work to do, maybe on the slot that was claimed.
    Work(Option<ClaimedSlot<'a, P>>),
}

/// An idle connection, if one can be used as it is.
pub(crate) fn first_try<P: ManagedParts>(pool: &P, site: Site, thread: usize) -> FirstTry<'_, P> {
    let claimed = claim(pool);
    // After the claim: maintenance that is woken before it would look, find nothing to do, and sleep again.
    pool.shared().wake_if_asleep();
    let Some(claimed) = claimed else { return FirstTry::Work(None) };
    match claimed.assess() {
        Assessment::Fit(now) => FirstTry::Done(lend(pool, claimed, site, thread, now)),
        _ => FirstTry::Work(Some(claimed)),
    }
}

/// A connection that can be used as it is, if there is one. Those that cannot be used at all are discarded on the way.
pub(crate) fn acquire_idle<P: ManagedParts>(pool: &P, site: Site) -> Option<SlotToken> {
    if let Some(slot) = acquire_first(pool, site) {
        return Some(slot);
    }
    // No more often than there are slots: others may make connections meanwhile that are unfit again.
    for _ in 0..pool.engine().states().len() {
        match first_try(pool, site, tracked_thread(pool)) {
            FirstTry::Done(slot) => return Some(slot),
            FirstTry::Work(None) => return None,
            FirstTry::Work(Some(claimed)) => {
                let Assessment::Unfit(reason) = claimed.assess() else {
                    claimed.put_back();
                    return None;
                };
                claimed.into_unready().discard(reason);
            }
        }
    }
    None
}

/// A connection, after as much work as it takes.
pub(crate) async fn acquire<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    site: Site,
    thread: usize,
    at_hand: Option<ClaimedSlot<'a, P>>,
) -> Result<SlotToken, GetError<ErrorOf<P>>> {
    let mut work = observe::Work::begin(pool);
    let found = work.span().around(async {
        let found = find(pool, caller, thread, at_hand, &mut work).await;
        found.inspect_err(|error| observe::refused(pool, error))
    });
    let claimed = found.await?;
    // Ends the span, in which a subscriber may panic: before the slot is a mere token, which a panic would lose.
    drop(work);
    Ok(lend(pool, claimed, site, thread, None))
}

async fn find<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    thread: usize,
    mut at_hand: Option<ClaimedSlot<'a, P>>,
    work: &mut observe::Work<'_, P>,
) -> Result<ClaimedSlot<'a, P>, GetError<ErrorOf<P>>> {
    let (mut ticket, mut failures, mut unfit, mut refused) = (Ticket::NEW, 0, None, None);
    loop {
        let claimed = if let Some(claimed) = at_hand.take() {
            claimed
        } else {
            refuse_nested(pool, caller, thread)?;
            let claimed = work.wait(pin!(caller.slot(pool, &mut ticket))).await;
            claimed.map_err(|error| without_slot(pool, error, unfit.take(), refused.take()))?
        };
        // After the claim, as in `first_try`.
        pool.shared().wake_if_asleep();
        ticket.position = Position::Again;
        match prepare(pool, caller, claimed).await {
            Ok(claimed) => return Ok(claimed),
            // Without an error of the manager's, an earlier one says more.
            Err(PrepareError::Unfit(Failure::NoTime)) => {}
            Err(PrepareError::Unfit(failure)) => unfit = Some(failure),
            Err(PrepareError::NoTime) => {
                // The caller does not wait again: it might get the same connection each time, and have no time to check
                // it.
                return Err(match refused {
                    Some((failure, took)) => not_connected(pool, failure, took),
                    None => out_of_time(pool, unfit),
                });
            }
            Err(PrepareError::Closed) => return Err(explain(pool, AcquireError::Closed, None)),
            Err(PrepareError::NotConnected(failure, took)) => {
                failures += 1;
                // A connection may have been released meanwhile.
                at_hand = claim(pool);
                if at_hand.is_some() {
                    refused = Some((failure, took));
                    continue;
                }
                let retry = pool.shared().config().retry;
                if failures > retry.attempts || !caller.can_pause() {
                    return Err(not_connected(pool, failure, took));
                }
                let pause = retry.pause(failures, pool.shared().random());
                ticket.position = Position::Pausing;
                let granted = work.wait(pin!(caller.pause(pool, pause, &mut ticket))).await;
                match granted {
                    Ok(claimed) => at_hand = Some(claimed),
                    Err(AcquireError::TimedOut) if caller.can_pause() => ticket.position = Position::Again,
                    Err(AcquireError::TimedOut) => return Err(not_connected(pool, failure, took)),
                    Err(error) => return Err(explain(pool, error, None)),
                }
            }
        }
    }
}

/// Why a caller has no slot, after a connection was found unfit, or a connect has failed, or neither: the connect says
/// more than that the time was up, or that no connection was free.
#[cold]
fn without_slot<P: ManagedParts>(
    pool: &P,
    error: AcquireError,
    unfit: Option<Failure<ErrorOf<P>>>,
    refused: Option<(Failure<ErrorOf<P>>, Duration)>,
) -> GetError<ErrorOf<P>> {
    match (error, refused) {
        (AcquireError::TimedOut | AcquireError::Exhausted, Some((failure, took))) => not_connected(pool, failure, took),
        (error, _) => explain(pool, error, unfit),
    }
}

/// An idle connection, without the lock.
fn claim<P: ManagedParts>(pool: &P) -> Option<ClaimedSlot<'_, P>> {
    let shared = pool.shared();
    if shared.has(ROUND_ROBIN) {
        let slot = claim_after(pool, shared.last_lent()).ok()?;
        shared.note_lent(slot.index());
        return Some(ClaimedSlot::new(pool, slot));
    }
    let slot = claim_first(pool).or_else(|| claim_any(pool).ok())?;
    Some(ClaimedSlot::new(pool, slot))
}

/// Refuses a thread that would wait without a deadline, and holds every connection there may be. What others hold, or
/// maintenance checks, comes back without it.
fn refuse_nested<P: ManagedParts, W: Caller<P>>(
    pool: &P,
    caller: &W,
    thread: usize,
) -> Result<(), GetError<ErrorOf<P>>> {
    if !caller.waits_forever() || !pool.shared().has(TRACK) {
        return Ok(());
    }
    let (mut loans, status) = (own_loans(pool, thread), pool.engine().status());
    let Some(own) = loans.next() else { return Ok(()) };
    // In a closed pool no caller waits.
    if 1 + loans.count() < status.max_size || status.closed {
        return Ok(());
    }
    Err(GetError::Nested { own, report: report(pool) })
}

/// Records the loan. From then on the slot is the caller's.
fn lend<P: ManagedParts>(
    pool: &P,
    claimed: ClaimedSlot<'_, P>,
    site: Site,
    thread: usize,
    now: Option<Millis>,
) -> SlotToken {
    note_site(pool, claimed.slot(), site);
    note_loan(pool, &claimed, thread, now);
    claimed.into_slot()
}

#[inline(always)]
fn note_site<P: ManagedParts>(pool: &P, slot: usize, site: Site) {
    if let Some(loan_record) = pool.loan_record(slot) {
        loan_record.note_site(site);
    }
}

/// Records since when the connection is in use, and by which thread, as far as the pool's options ask for it.
pub(crate) fn note_loan<P: ManagedParts>(pool: &P, claimed: &ClaimedSlot<'_, P>, thread: usize, now: Option<Millis>) {
    let (record, shared) = (pool.record(claimed.slot()), pool.shared());
    let uses = pool.engine().states().get(claimed.slot()).uses();
    let is_self_timed = shared.has(SELF_TIMED);
    if let Some(loan_record) = pool.loan_record(claimed.slot()) {
        if shared.has(TRACK) {
            loan_record.note_thread(thread);
        }
        if record.is_marked(SAMPLE) || is_self_timed && uses % SAMPLED == 1 {
            loan_record.time_from(observe::micros(pool));
        }
    }
    record.unmark(SAMPLE);
    if is_self_timed {
        record.see(period(uses, true), now.unwrap_or_else(|| pool.coarse()));
    }
}

/// The number of the calling thread, if the pool records threads.
pub(crate) fn tracked_thread<P: ManagedParts>(pool: &P) -> usize {
    if pool.shared().has(TRACK) { thread_number() } else { 0 }
}

/// The caller's deadline has passed, after a connection was found unfit or not.
#[cold]
fn out_of_time<P: ManagedParts>(pool: &P, unfit: Option<Failure<ErrorOf<P>>>) -> GetError<ErrorOf<P>> {
    pool.engine().count_timeout();
    explain(pool, AcquireError::TimedOut, unfit)
}

/// The error that tells the caller why it has no connection.
#[cold]
fn explain<P: ManagedParts>(pool: &P, error: AcquireError, unfit: Option<Failure<ErrorOf<P>>>) -> GetError<ErrorOf<P>> {
    match (error, unfit) {
        (AcquireError::NoSlots, _) => GetError::NoConnections,
        (AcquireError::Closed, _) => GetError::Closed(report(pool)),
        (AcquireError::QueueFull, _) => {
            pool.shared().counters().refused.add_shared(1);
            GetError::QueueFull(report(pool))
        }
        (_, Some(Failure::Error(error))) => GetError::Invalid { error: Some(error), report: report(pool) },
        (_, Some(Failure::TimedOut)) => GetError::Invalid { error: None, report: report(pool) },
        (AcquireError::TimedOut, _) => GetError::Timeout(report(pool)),
        (AcquireError::Exhausted, _) => GetError::Exhausted,
    }
}

#[cold]
fn not_connected<P: ManagedParts>(pool: &P, failure: Failure<ErrorOf<P>>, after: Duration) -> GetError<ErrorOf<P>> {
    match failure {
        Failure::Error(error) => GetError::Connect { error, report: report(pool) },
        Failure::TimedOut => GetError::ConnectTimeout { after, report: report(pool) },
        Failure::NoTime => out_of_time(pool, None),
    }
}
