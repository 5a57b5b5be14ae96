// knows: caller, clock, current, error, event, observe, outage, parts, prepare, record, shared, tokens, engine, slot,
// sync · must not know: threads, tasks
//! A caller's whole way to a connection: the fast path, the first try, and the work if neither has one.

use core::panic::Location;
use core::pin::pin;
use core::time::Duration;

use super::caller::{Caller, Failure};
use super::current::{own_loans, report};
use super::prepare::{Evictions, PrepareError, has_connection, prepare, present_failure};
use super::tokens::{Assessment, ClaimedSlot};
use crate::engine::{AcquireError, Position, SlotToken, Ticket};
use crate::managed::clock::Millis;
use crate::managed::error::{GetError, ManagerError};
use crate::managed::event::DiscardReason;
use crate::managed::observe;
use crate::managed::outage::ConnectFailure;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::record::{SAMPLE, period};
use crate::managed::shared::{ROUND_ROBIN, SELF_TIMED};
use crate::slot::{claim_after, claim_any, claim_first};
use crate::sync::thread_number;

/// One loan in so many is timed where maintenance does not choose.
const SAMPLED: usize = 32;

/// The place in the source where a connection is acquired.
pub(crate) type Site = &'static Location<'static>;

/// The fast path: the first slot of the thread's home, if no flag of the pool is set. A connection whose record keeps
/// it from the fast path is assessed first. A loan is the thread's, if it is acquired `by_thread`.
#[inline(always)]
pub(crate) fn acquire_first<P: ManagedParts>(pool: &P, site: Site, by_thread: bool) -> Option<SlotToken> {
    if pool.shared().flags() != 0 {
        return None;
    }
    let slot = claim_first(pool)?;
    // The flags once more: maintenance may have fallen asleep before the claim.
    if pool.shared().flags() != 0 || pool.has_remarks(slot.index()) || pool.time_if_unmarked().is_some() {
        return acquire_marked(pool, slot, site, by_thread);
    }
    // The manager may panic: the slot is released then.
    let claimed = ClaimedSlot::new(pool, slot);
    if claimed.is_closed() {
        discard_closed(claimed);
        return None;
    }
    note_site(pool, claimed.slot(), site);
    if by_thread {
        note_thread(pool, claimed.slot(), thread_number);
    }
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
fn acquire_marked<P: ManagedParts>(pool: &P, slot: SlotToken, site: Site, by_thread: bool) -> Option<SlotToken> {
    let claimed = ClaimedSlot::new(pool, slot);
    pool.shared().wake_if_asleep();
    // If the connection is not fit its slot is released as it was, and the slow path assesses it again.
    let Assessment::Fit(now) = claimed.assess() else {
        claimed.put_back();
        return None;
    };
    let thread = if by_thread { tracked_thread(pool) } else { 0 };
    Some(lend(pool, claimed, site, thread, now))
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
    if let Some(slot) = acquire_first(pool, site, true) {
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
        let mut search = Search::new(pool, caller, thread, &mut work, at_hand);
        let found = search.run().await;
        found.inspect_err(|error| observe::refused(pool, error))
    });
    let claimed = found.await?;
    // Ends the span, in which a subscriber may panic: before the slot is a mere token, which a panic would lose.
    drop(work);
    Ok(lend(pool, claimed, site, thread, None))
}

/// A caller's search for a connection, and what it has met so far.
struct Search<'s, 'w, 'a, P: ManagedParts, W> {
    pool: &'a P,
    caller: &'s W,
    thread: usize,
    work: &'s mut observe::Work<'w, P>,
    ticket: Ticket,
    /// A slot to look at next.
    at_hand: Option<ClaimedSlot<'a, P>>,
    evictions: Evictions,
    /// How many connects of its own have failed.
    failures: u32,
    /// How the last check failed.
    unfit: Option<Failure<ErrorOf<P>>>,
    /// How its last connect failed, and after how long.
    refused: Option<(Failure<ErrorOf<P>>, Duration)>,
}

impl<'s, 'w, 'a, P: ManagedParts, W: Caller<P>> Search<'s, 'w, 'a, P, W> {
    fn new(
        pool: &'a P,
        caller: &'s W,
        thread: usize,
        work: &'s mut observe::Work<'w, P>,
        at_hand: Option<ClaimedSlot<'a, P>>,
    ) -> Self {
        let ticket = Ticket { waits_forever: !caller.has_deadline(), ..Ticket::NEW };
        let evictions = Evictions::new(pool);
        Self { pool, caller, thread, work, ticket, at_hand, evictions, failures: 0, unfit: None, refused: None }
    }

    async fn run(&mut self) -> Result<ClaimedSlot<'a, P>, GetError<ErrorOf<P>>> {
        loop {
            let claimed = match self.at_hand.take() {
                Some(claimed) => claimed,
                None => self.wait().await?,
            };
            // After the claim, as in `first_try`.
            self.pool.shared().wake_if_asleep();
            self.ticket.position = Position::Again;
            match prepare(self.pool, self.caller, claimed, &mut self.evictions).await {
                Ok(claimed) => return Ok(claimed),
                Err(error) => self.go_on_after(error)?,
            }
            if self.at_hand.is_none() && self.ticket.position == Position::Pausing {
                self.pause().await?;
            }
        }
    }

    /// Waits for a slot.
    async fn wait(&mut self) -> Result<ClaimedSlot<'a, P>, GetError<ErrorOf<P>>> {
        loop {
            self.refuse_nested()?;
            self.refuse_unreachable()?;
            let granted = self.work.wait(pin!(self.caller.slot(self.pool, &mut self.ticket))).await;
            match granted {
                Ok(claimed) => return Ok(claimed),
                // Waits were ended, but this one may go on, in its place.
                Err(AcquireError::Dismissed) => {
                    self.end_unreachable()?;
                    self.ticket.position = Position::Again;
                }
                Err(error) => return Err(self.without_slot(error)),
            }
        }
    }

    /// What to do after an attempt that failed: look again, at once or after a pause, or give up.
    fn go_on_after(&mut self, error: PrepareError<ErrorOf<P>>) -> Result<(), GetError<ErrorOf<P>>> {
        match error {
            // Without an error of the manager's, an earlier one says more.
            PrepareError::Unfit(Failure::NoTime) => Ok(()),
            PrepareError::Unfit(failure) => {
                self.unfit = Some(failure);
                Ok(())
            }
            // The caller does not wait again: it might get the same connection each time, and have no time to check it.
            PrepareError::NoTime => {
                self.pool.engine().count_timeout();
                Err(self.without_slot(AcquireError::TimedOut))
            }
            PrepareError::Closed => Err(explain(self.pool, AcquireError::Closed, None)),
            PrepareError::NotConnected(failure, took) => {
                self.note_refused(failure, took);
                // A connection may have been released meanwhile.
                self.at_hand = claim(self.pool);
                if self.at_hand.is_some() { Ok(()) } else { self.begin_pause() }
            }
        }
    }

    /// That the caller had no more time says less than an earlier error.
    fn note_refused(&mut self, failure: Failure<ErrorOf<P>>, took: Duration) {
        self.failures += 1;
        if self.refused.is_none() || !matches!(failure, Failure::TimedOut | Failure::NoTime) {
            self.refused = Some((failure, took));
        }
    }

    /// Whether the caller may connect again: after a pause.
    fn begin_pause(&mut self) -> Result<(), GetError<ErrorOf<P>>> {
        if self.failures > self.pool.shared().config().retry.attempts || !self.caller.can_pause() {
            return Err(self.without_slot(AcquireError::TimedOut));
        }
        self.ticket.position = Position::Pausing;
        Ok(())
    }

    /// Waits before the next connect, for a connection that is released meanwhile.
    async fn pause(&mut self) -> Result<(), GetError<ErrorOf<P>>> {
        let (pool, shared) = (self.pool, self.pool.shared());
        let pause = shared.config().retry.pause(self.failures, shared.random());
        let granted = self.work.wait(pin!(self.caller.pause(pool, pause, &mut self.ticket))).await;
        match granted {
            Ok(claimed) => self.at_hand = Some(claimed),
            // The pause is over, or the pool has a connector by now.
            Err(AcquireError::TimedOut | AcquireError::Dismissed) if self.caller.can_pause() => {
                self.ticket.position = Position::Again;
            }
            Err(error) => return Err(self.without_slot(error)),
        }
        Ok(())
    }

    /// Refuses a thread that would wait without a deadline, and holds every connection there may be. What others hold,
    /// or maintenance checks, comes back without it.
    fn refuse_nested(&self) -> Result<(), GetError<ErrorOf<P>>> {
        if !self.caller.waits_forever() || !self.pool.shared().tracks() {
            return Ok(());
        }
        let (mut loans, status) = (own_loans(self.pool, self.thread), self.pool.engine().status());
        let Some(own) = loans.next() else { return Ok(()) };
        // In a closed pool no caller waits.
        if 1 + loans.count() < status.max_size || status.closed {
            return Ok(());
        }
        Err(GetError::Nested { own, report: report(self.pool) })
    }

    /// Refuses a caller that would wait in vain: there is no connection, none can be made, and the next attempt is yet
    /// to come.
    fn refuse_unreachable(&self) -> Result<(), GetError<ErrorOf<P>>> {
        let shared = self.pool.shared();
        if !self.pool.engine().has_connector() || shared.may_connect(self.pool.coarse()) {
            return Ok(());
        }
        match shared.failure() {
            Some(failure) if failure.ends_waits && !has_connection(self.pool) => Err(self.unreachable(failure)),
            _ => Ok(()),
        }
    }

    /// Ends the wait of a caller that was dismissed, unless it has a deadline, and the error may go away by then.
    fn end_unreachable(&self) -> Result<(), GetError<ErrorOf<P>>> {
        match present_failure(self.pool) {
            Some(failure) if failure.ends_waits || !self.caller.has_deadline() => Err(self.unreachable(failure)),
            _ => Ok(()),
        }
    }

    #[cold]
    fn unreachable(&self, failure: ConnectFailure) -> GetError<ErrorOf<P>> {
        not_connected(self.pool, Failure::Told(failure.error), Duration::ZERO)
    }

    /// Why the caller has no slot. That no connection could be made says more than that the time was up, or that none
    /// was free.
    #[cold]
    fn without_slot(&mut self, error: AcquireError) -> GetError<ErrorOf<P>> {
        if let AcquireError::TimedOut | AcquireError::Exhausted = error {
            if let Some((failure, took)) = self.refused.take() {
                return not_connected(self.pool, failure, took);
            }
            if let Some(failure) = present_failure(self.pool) {
                return self.unreachable(failure);
            }
        }
        explain(self.pool, error, self.unfit.take())
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

/// Records which thread holds the connection, if the pool records threads.
#[inline(always)]
fn note_thread<P: ManagedParts>(pool: &P, slot: usize, thread: impl FnOnce() -> usize) {
    if pool.shared().tracks()
        && let Some(loan_record) = pool.loan_record(slot)
    {
        loan_record.note_thread(thread());
    }
}

/// Records since when the connection is in use, and by which thread, as far as the pool's options ask for it.
pub(crate) fn note_loan<P: ManagedParts>(pool: &P, claimed: &ClaimedSlot<'_, P>, thread: usize, now: Option<Millis>) {
    let (record, shared) = (pool.record(claimed.slot()), pool.shared());
    let uses = pool.engine().states().get(claimed.slot()).uses();
    let is_self_timed = shared.has(SELF_TIMED);
    note_thread(pool, claimed.slot(), || thread);
    if let Some(loan_record) = pool.loan_record(claimed.slot())
        && (record.is_marked(SAMPLE) || is_self_timed && uses % SAMPLED == 1)
    {
        loan_record.time_from(observe::micros(pool));
    }
    record.unmark(SAMPLE);
    if is_self_timed {
        record.see(period(uses, true), now.unwrap_or_else(|| pool.coarse()));
    }
}

/// The number of the calling thread, if the pool records threads.
pub(crate) fn tracked_thread<P: ManagedParts>(pool: &P) -> usize {
    if pool.shared().tracks() { thread_number() } else { 0 }
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
        (_, Some(Failure::Error(error))) => {
            GetError::Invalid { error: Some(ManagerError::Own(error)), report: report(pool) }
        }
        (_, Some(Failure::Told(text))) => {
            GetError::Invalid { error: Some(ManagerError::Shared(text)), report: report(pool) }
        }
        (_, Some(Failure::TimedOut)) => GetError::Invalid { error: None, report: report(pool) },
        (AcquireError::TimedOut | AcquireError::Dismissed, _) => GetError::Timeout(report(pool)),
        (AcquireError::Exhausted, _) => GetError::Exhausted,
    }
}

#[cold]
fn not_connected<P: ManagedParts>(pool: &P, failure: Failure<ErrorOf<P>>, after: Duration) -> GetError<ErrorOf<P>> {
    match failure {
        Failure::Error(error) => GetError::Connect { error: ManagerError::Own(error), report: report(pool) },
        Failure::Told(text) => GetError::Connect { error: ManagerError::Shared(text), report: report(pool) },
        Failure::TimedOut => GetError::ConnectTimeout { after, report: report(pool) },
        // A connect that was superseded is no failure.
        Failure::NoTime | Failure::Superseded => {
            pool.engine().count_timeout();
            GetError::Timeout(report(pool))
        }
    }
}
