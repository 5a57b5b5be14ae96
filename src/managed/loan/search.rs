// knows: acquire, caller, current, observe, outage, parts, prepare, report, shared_error, tokens, engine, error · must
// not know: threads, tasks
//! A caller's search for a connection, where the quick ways have not led to one: waits, connects, checks and pauses.

use core::future::Future;
use core::mem::replace;
use core::time::Duration;

use super::acquire::{Found, claim};
use super::caller::{Caller, Failure};
use super::current::{own_loans, report};
use super::prepare::{Past, PrepareError, Step, has_connection, prepare, present_failure};
use super::tokens::ClaimedSlot;
use crate::engine::{AcquireError, Position, Ticket};
use crate::managed::error::{GetError, ManagerError};
use crate::managed::observe;
use crate::managed::outage::Demand;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::report::Loan;
use crate::managed::shared_error::SharedError;

/// A connection, after as much work as it takes.
pub(crate) fn acquire<P: ManagedParts, W: Caller<P>>(
    mut search: Search<'_, P, W>,
) -> impl Future<Output = Result<Found<'_, P>, GetError<ErrorOf<P>>>> {
    async move {
        let span = search.work.span();
        let found = span.around(search.run()).await;
        let found = found.map_err(|why| search.refuse(why));
        if found.is_ok() {
            search.work.note_served();
        }
        // Ends the span, in which a subscriber may panic: before the slot is a mere token, which a panic would lose.
        drop(search);
        found
    }
}

/// A caller's search for a connection, and what it has met so far.
pub(crate) struct Search<'a, P: ManagedParts, W> {
    caller: W,
    work: observe::Work<'a, P>,
    ticket: Ticket,
    step: Step<'a, P>,
    past: Past,
    trouble: Trouble<ErrorOf<P>>,
}

/// What a search has from its beginning.
pub(super) struct Beginning<'a, P: ManagedParts> {
    pub(super) work: observe::Work<'a, P>,
    past: Past,
}

impl<'a, P: ManagedParts> Beginning<'a, P> {
    #[inline]
    pub(super) fn new(pool: &'a P) -> Self {
        Self { work: observe::Work::new(pool), past: Past::new(pool) }
    }
}

/// The last failure that a caller has met, of those that say most.
enum Trouble<E> {
    None,
    /// A check has failed, or has taken too long.
    Unfit(Option<ManagerError<E>>),
    /// A connect of its own has failed, which says more.
    Refused(E),
    /// A connect of its own has taken too long.
    Late(Duration),
}

/// Why a search has ended without a connection.
enum End {
    /// The wait has ended so, which the trouble that was met may explain.
    NoSlot(AcquireError),
    /// The caller's thread holds all connections, this one among them.
    Nested(Loan),
    /// No connection can be made.
    Unreachable(SharedError),
    /// The pool is that of the process's parent.
    Forked,
}

impl<'a, P: ManagedParts, W: Caller<P>> Search<'a, P, W> {
    pub(crate) fn new(pool: &'a P, caller: W, at_hand: Option<ClaimedSlot<'a, P>>) -> Self {
        let ticket = Ticket { waits_forever: !caller.has_deadline(), ..Ticket::NEW };
        let mut search = Self::begun(Beginning::new(pool), caller, ticket);
        search.step = at_hand.map_or(Step::Wait, Step::Assess);
        search.work.begin();
        search
    }

    fn begun(Beginning { work, past }: Beginning<'a, P>, caller: W, ticket: Ticket) -> Self {
        Self { caller, work, ticket, step: Step::Wait, past, trouble: Trouble::None }
    }

    /// The search of a caller that has waited once, and was not granted a connection that is fit as it is.
    pub(super) fn after_first_wait(
        begun: Beginning<'a, P>,
        caller: W,
        ticket: Ticket,
        granted: Result<ClaimedSlot<'a, P>, AcquireError>,
    ) -> Result<Self, GetError<ErrorOf<P>>> {
        let mut search = Self::begun(begun, caller, ticket);
        let ended = match granted {
            Ok(unfit) => {
                search.step = Step::Assess(unfit);
                Ok(())
            }
            Err(error) => search.after_miss(error),
        };
        match ended {
            Ok(()) => Ok(search),
            Err(end) => Err(search.refuse(end)),
        }
    }

    fn pool(&self) -> &'a P {
        self.work.pool
    }

    fn run(&mut self) -> impl Future<Output = Result<Found<'a, P>, End>> {
        async move {
            loop {
                if matches!(self.step, Step::Wait) {
                    self.refuse_forked()?;
                    self.refuse_nested()?;
                    self.refuse_unreachable()?;
                    self.work.begin_wait();
                    let granted = self.caller.slot(self.work.pool, &mut self.ticket).await;
                    self.work.end_wait();
                    if let Some(found) = self.after_wait(granted)? {
                        return Ok(found);
                    }
                    continue;
                }
                // After the claim, as in `first_try`.
                self.pool().shared().wake_if_asleep();
                self.ticket.position = Position::Again;
                match prepare(self.work.pool, &self.caller, &mut self.step, &mut self.past).await {
                    Ok(claimed) => return Ok(Found { claimed, now: None }),
                    Err(error) => self.go_on_after(error)?,
                }
                if self.ticket.position == Position::Pausing {
                    self.work.begin_wait();
                    let granted = self.caller.pause(self.pool(), self.next_pause(), &mut self.ticket).await;
                    self.work.end_wait();
                    self.after_pause(granted)?;
                }
            }
        }
    }

    /// What to do after a wait for a slot: take its connection as it is, prepare it, wait again, or give up.
    fn after_wait(&mut self, granted: Result<ClaimedSlot<'a, P>, AcquireError>) -> Result<Option<Found<'a, P>>, End> {
        match granted {
            Ok(claimed) => match Found::if_fit(self.pool(), claimed) {
                Ok(found) => return Ok(Some(found)),
                Err(unfit) => self.step = Step::Assess(unfit),
            },
            Err(error) => self.after_miss(error)?,
        }
        Ok(None)
    }

    /// What to do after a wait that has ended without a slot: wait again, or give up.
    fn after_miss(&mut self, error: AcquireError) -> Result<(), End> {
        if error != AcquireError::Dismissed {
            return Err(End::NoSlot(error));
        }
        // Waits were ended, but this one may go on, in its place.
        self.end_unreachable()?;
        self.ticket.position = Position::Again;
        Ok(())
    }

    /// What to do after an attempt that failed: look again, at once or after a pause, or give up.
    fn go_on_after(&mut self, error: PrepareError<ErrorOf<P>>) -> Result<(), End> {
        match error {
            PrepareError::Unfit(failure) => self.note_unfit(failure),
            // The caller does not wait again: it might get the same connection each time, and have no time to check it.
            PrepareError::NoTime => return Err(End::NoSlot(self.caller.end_late(self.pool()))),
            PrepareError::Closed => return Err(End::NoSlot(AcquireError::Closed)),
            PrepareError::Unattended => return Err(End::Unreachable(self.pool().why_unattended())),
            PrepareError::NotConnected(failure, took) => {
                self.note_refused(failure, took);
                // A connection may have been released meanwhile.
                match claim(self.pool()) {
                    Some(claimed) => self.step = Step::Assess(claimed),
                    None => self.begin_pause()?,
                }
            }
        }
        Ok(())
    }

    /// That a check has failed says less than that a connect has.
    fn note_unfit(&mut self, failure: Failure<ErrorOf<P>>) {
        let error = match failure {
            Failure::Error(error) => Some(ManagerError::Own(error)),
            Failure::Told(text) => Some(ManagerError::Shared(text)),
            Failure::TimedOut => None,
            // Without an error of the manager's, an earlier one says more.
            Failure::NoTime | Failure::Superseded | Failure::Unattended => return,
        };
        if matches!(self.trouble, Trouble::None | Trouble::Unfit(_)) {
            self.trouble = Trouble::Unfit(error);
        }
    }

    /// That the caller had no more time says less than an earlier error of a connect.
    fn note_refused(&mut self, failure: Failure<ErrorOf<P>>, took: Duration) {
        self.past.failures += 1;
        match failure {
            Failure::Error(error) => self.trouble = Trouble::Refused(error),
            _ if matches!(self.trouble, Trouble::Refused(_)) => {}
            _ => self.trouble = Trouble::Late(took),
        }
    }

    /// Whether the caller may connect again: after a pause.
    fn begin_pause(&mut self) -> Result<(), End> {
        if self.past.failures > self.pool().shared().config().retry.attempts || !self.caller.can_pause() {
            return Err(End::NoSlot(AcquireError::TimedOut));
        }
        self.ticket.position = Position::Pausing;
        Ok(())
    }

    /// How long to wait before the next connect, for a connection that is released meanwhile.
    fn next_pause(&self) -> Duration {
        let shared = self.pool().shared();
        shared.config().retry.pause(self.past.failures, shared.random())
    }

    fn after_pause(&mut self, granted: Result<ClaimedSlot<'a, P>, AcquireError>) -> Result<(), End> {
        match granted {
            Ok(claimed) => self.step = Step::Assess(claimed),
            // The pause is over, or the pool has a connector by now.
            Err(AcquireError::TimedOut | AcquireError::Dismissed) if self.caller.can_pause() => {
                self.ticket.position = Position::Again;
            }
            Err(error) => return Err(End::NoSlot(error)),
        }
        Ok(())
    }

    fn refuse_forked(&self) -> Result<(), End> {
        if self.pool().shared().is_forked() { Err(End::Forked) } else { Ok(()) }
    }

    /// Refuses a thread that has named no time for its wait, and holds every connection there may be. What others hold,
    /// or maintenance checks, comes back without it.
    fn refuse_nested(&self) -> Result<(), End> {
        let Some(thread) = self.caller.endless_thread() else { return Ok(()) };
        let (mut loans, status) = (own_loans(self.pool(), thread), self.pool().engine().status());
        let Some(own) = loans.next() else { return Ok(()) };
        // In a closed pool no caller waits.
        if 1 + loans.count() < status.max_size || status.closed {
            return Ok(());
        }
        Err(End::Nested(own))
    }

    /// Refuses a caller that would wait in vain: there is no connection, none can be made, and the next attempt is yet
    /// to come.
    fn refuse_unreachable(&self) -> Result<(), End> {
        let shared = self.pool().shared();
        if !may_be_unreachable(self.pool()) || shared.may_connect(self.pool().coarse(), Demand::Caller) {
            return Ok(());
        }
        match shared.failure() {
            Some(failure) if failure.ends_waits && !has_connection(self.pool()) => Err(End::Unreachable(failure.error)),
            _ => Ok(()),
        }
    }

    /// Ends the wait of a caller that was dismissed, unless it has a deadline, and the error may go away by then.
    fn end_unreachable(&self) -> Result<(), End> {
        match present_failure(self.pool()) {
            Some(failure) if failure.ends_waits || !self.caller.has_deadline() => Err(End::Unreachable(failure.error)),
            _ => Ok(()),
        }
    }

    /// The error that tells the caller why it has no connection.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, end: End) -> GetError<ErrorOf<P>> {
        let error = match end {
            End::NoSlot(error) => self.explain(error),
            End::Nested(own) => GetError::Nested { own, report: report(self.pool()) },
            End::Forked => GetError::Forked,
            End::Unreachable(text) => self.not_connected(ManagerError::Shared(text)),
        };
        self.work.note_refused(&error);
        self.work.span().within(|| observe::refused(self.pool(), &error));
        error
    }

    /// That no connection could be made says more than that the time was up, or that none was free.
    fn explain(&mut self, error: AcquireError) -> GetError<ErrorOf<P>> {
        match error {
            AcquireError::NoSlots => return GetError::NoConnections,
            AcquireError::Closed => return GetError::Closed(report(self.pool())),
            AcquireError::QueueFull => {
                self.pool().shared().counters().refused.add_shared(1);
                return GetError::QueueFull(report(self.pool()));
            }
            AcquireError::TimedOut | AcquireError::Dismissed | AcquireError::Exhausted => {}
        }
        match replace(&mut self.trouble, Trouble::None) {
            Trouble::Refused(error) => return self.not_connected(ManagerError::Own(error)),
            Trouble::Late(after) => return GetError::ConnectTimeout { after, report: report(self.pool()) },
            met => self.trouble = met,
        }
        if let Some(failure) = present_failure(self.pool()) {
            return self.not_connected(ManagerError::Shared(failure.error));
        }
        match replace(&mut self.trouble, Trouble::None) {
            Trouble::Unfit(error) => GetError::Invalid { error, report: report(self.pool()) },
            _ if error == AcquireError::Exhausted => GetError::Exhausted,
            _ => GetError::Timeout(report(self.pool())),
        }
    }

    fn not_connected(&self, error: ManagerError<ErrorOf<P>>) -> GetError<ErrorOf<P>> {
        GetError::Connect { error, report: report(self.pool()) }
    }
}

/// Whether a caller may be refused, since connecting fails: a quick look, without the clock.
#[inline]
pub(super) fn may_be_unreachable<P: ManagedParts>(pool: &P) -> bool {
    pool.shared().has_failed() && pool.engine().has_connector()
}
