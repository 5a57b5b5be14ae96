// knows: caller, event, hand_off, jobs, manager, parts, tokens, engine, slot, sync · must not know: how slots
// are claimed
//! Threads that wait, and connect themselves.

use core::time::Duration;
use std::time::Instant;

use super::caller::{Caller, Failure, Met, share_for_check, share_for_own_check};
use super::hand_off::hand_off;
use super::tokens::ClaimedSlot;
use crate::engine::{AcquireError, Ticket};
use crate::managed::event::CheckReason;
use crate::managed::jobs::Job;
use crate::managed::manager::{Lifecycle, Manager};
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::slot::{Patience, acquire_with};
use crate::sync::with_parker;

/// How long a thread waits for a check before it looks for another connection: longer than a check takes on most
/// networks, and shorter than a caller would bear to wait for a server that does not answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// A thread's patience for a check that is made elsewhere.
#[derive(Clone, Copy)]
pub(super) struct PatienceForCheck {
    /// Until when it waits for the answer.
    until: Instant,
    /// How long the check may take.
    allowed: Option<Duration>,
}

/// A thread.
pub(crate) struct Blocking {
    deadline: Option<Instant>,
    /// Its number, if it has named no time and the pool records threads; else 0.
    endless: usize,
}

impl Blocking {
    /// `thread` is its number, if the pool records threads.
    pub(crate) fn new(patience: Patience, thread: usize) -> Self {
        let deadline = match patience {
            Patience::Forever => None,
            Patience::Until(deadline) => Some(deadline),
            // A sum beyond what the clock can express never comes.
            Patience::For(timeout) => Instant::now().checked_add(timeout),
        };
        Self { deadline, endless: if deadline.is_none() { thread } else { 0 } }
    }

    /// The same, of a thread that has named no time: its patience is the pool's.
    pub(crate) fn by_default(patience: Patience, thread: usize) -> Self {
        Self { endless: thread, ..Self::new(patience, thread) }
    }

    fn patience(&self) -> Patience {
        self.deadline.map_or(Patience::Forever, Patience::Until)
    }

    /// Its number, if it has named no time and the pool records threads.
    pub(super) fn endless_thread(&self) -> Option<usize> {
        (self.endless != 0).then_some(self.endless)
    }

    pub(super) const fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    /// A slot, by its place in the wait queue.
    pub(super) fn wait<'a, P: ManagedParts>(
        &self,
        pool: &'a P,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        acquire(pool, self.patience(), ticket)
    }

    /// For a check that is made elsewhere; `None` if it has no time left.
    pub(super) fn patience_for_check(&self) -> Option<PatienceForCheck> {
        let patience = self.within::<()>(Some(PATIENCE)).ok().flatten()?;
        let allowed = self.part_within::<()>(None, share_for_check).ok()?;
        Some(PatienceForCheck { until: Instant::now().checked_add(patience)?, allowed })
    }

    /// The limit of a call of the manager that begins now: what is left of the thread's time, and at most `limit`.
    fn within<E>(&self, limit: Option<Duration>) -> Result<Option<Duration>, Failure<E>> {
        self.part_within(limit, |left| left)
    }

    /// The same, of that part of what is left.
    fn part_within<E>(
        &self,
        limit: Option<Duration>,
        part: impl FnOnce(Duration) -> Duration,
    ) -> Result<Option<Duration>, Failure<E>> {
        let Some(deadline) = self.deadline else { return Ok(limit) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::NoTime);
        }
        Ok(limit.into_iter().chain([part(left)]).min())
    }
}

impl<P: ManagedParts> Caller<P> for Blocking
where
    P::Manager: Manager,
{
    fn endless_thread(&self) -> Option<usize> {
        self.endless_thread()
    }

    fn has_deadline(&self) -> bool {
        self.has_deadline()
    }

    fn can_pause(&self) -> bool {
        self.deadline.is_none_or(|deadline| deadline > Instant::now())
    }

    async fn slot<'a>(&self, pool: &'a P, ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        self.wait(pool, ticket)
    }

    async fn pause<'a>(
        &self,
        pool: &'a P,
        pause: Duration,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        // A sum beyond what the clock can express never comes.
        let until = Instant::now().checked_add(pause).into_iter().chain(self.deadline).min();
        acquire(pool, until.map_or(Patience::Forever, Patience::Until), ticket)
    }

    async fn check_elsewhere<'a>(&self, pool: &'a P, claimed: ClaimedSlot<'a, P>, why: CheckReason) -> Met<'a, P> {
        match self.patience_for_check() {
            Some(patience) => await_check(pool, claimed, why, patience).unwrap_or_else(Met::Own),
            None => Met::Own(claimed),
        }
    }

    async fn connect(&self, pool: &P, _slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        let within = self.within(pool.shared().settings().connect_timeout())?;
        pool.manager().connect(within).map_err(Failure::Error)
    }

    async fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
        limit: Option<Duration>,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        let within = self.part_within(limit, share_for_own_check)?;
        pool.manager().on_check(connection, why);
        pool.manager().is_valid(connection, within).map_err(Failure::Error)
    }
}

/// Has the connection checked by the pool's connector, and waits for the answer. Hands the slot back if there is no
/// connector that does so.
pub(super) fn await_check<'a, P: ManagedParts>(
    pool: &'a P,
    claimed: ClaimedSlot<'a, P>,
    why: CheckReason,
    patience: PatienceForCheck,
) -> Result<Met<'a, P>, ClaimedSlot<'a, P>> {
    let Some(meeting) = pool.meeting(claimed.slot()) else { return Err(claimed) };
    let answer = with_parker(|parker, waker| {
        meeting.begin(waker.clone());
        meeting.allow(patience.allowed);
        if let Err(slot) = hand_off(pool, claimed.into_slot(), Job::Check(why)) {
            let _nobody_answers = meeting.leave();
            return Err(ClaimedSlot::new(pool, slot));
        }
        loop {
            if let Some(answer) = meeting.answer() {
                return Ok(Some(answer));
            }
            if !parker.park(Some(patience.until)) {
                return Ok(meeting.leave());
            }
        }
    })?;
    Ok(Met::by(pool, answer))
}

fn acquire<'a, P: ManagedParts>(
    pool: &'a P,
    patience: Patience,
    ticket: &mut Ticket,
) -> Result<ClaimedSlot<'a, P>, AcquireError> {
    acquire_with(pool, patience, ticket).map(|slot| ClaimedSlot::new(pool, slot))
}
