// knows: blocking, caller, clock, event, hand_off, jobs, meeting, parts, timed, tokens, engine, slot · must not know:
// who does the jobs
//! Callers who leave all work to the pool's connector: they wait, and call nothing of the manager's that may take long.
//! So a thread can be served by a manager that awaits, and a task by one that blocks.

use core::future::{Future, poll_fn};
use core::mem::forget;
use core::pin::pin;
use core::task::{Poll, Waker};
use core::time::Duration;

use super::blocking::{Blocking, PATIENCE, await_check};
use super::caller::{Async, Caller, Failure, Met, Queued};
use super::hand_off::hand_off;
use super::timed::{Left, Limit, Over, Timed};
use super::tokens::ClaimedSlot;
use crate::engine::{AcquireError, Ticket};
use crate::managed::clock::Clock;
use crate::managed::event::CheckReason;
use crate::managed::jobs::Job;
use crate::managed::meeting::{Answer, Meeting};
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::slot::try_acquire;

/// A thread that waits.
pub(crate) struct AttendedThread(pub(crate) Blocking);

/// A task that waits.
pub(crate) struct AttendedTask<'k, K>(Async<'k, K>);

impl<'k, K> From<Async<'k, K>> for AttendedTask<'k, K> {
    fn from(task: Async<'k, K>) -> Self {
        Self(task)
    }
}

/// A connect of the caller's own: it has been granted a vacant slot, because the pool has no connector any more. If
/// there is one now, that connects in the slot once it is vacated.
fn leave_to_connector<P: ManagedParts>(pool: &P) -> Failure<ErrorOf<P>> {
    if pool.ensure_connector() { Failure::Superseded } else { Failure::Unattended }
}

impl<P: ManagedParts> Caller<P> for AttendedThread {
    fn endless_thread(&self) -> Option<usize> {
        self.0.endless_thread()
    }

    fn has_deadline(&self) -> bool {
        self.0.has_deadline()
    }

    async fn slot<'a>(&self, pool: &'a P, ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        self.0.wait(pool, ticket)
    }

    async fn check_elsewhere<'a>(&self, pool: &'a P, claimed: ClaimedSlot<'a, P>, why: CheckReason) -> Met<'a, P> {
        let Some(patience) = self.0.patience_for_check() else { return leave_to_check(pool, claimed, why) };
        // The second time in case that the connector has ended just now.
        let met = await_check(pool, claimed, why, patience).or_else(|claimed| {
            if pool.ensure_connector() { await_check(pool, claimed, why, patience) } else { Err(claimed) }
        });
        met.unwrap_or(Met::Gone(Failure::Unattended))
    }

    async fn connect(&self, pool: &P, _slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        Err(leave_to_connector(pool))
    }

    async fn check(
        &self,
        _pool: &P,
        _connection: &mut P::Connection,
        _why: CheckReason,
        _limit: Option<Duration>,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        Err(Failure::NoTime)
    }
}

impl<P: ManagedParts, K: Clock> Caller<P> for AttendedTask<'_, K> {
    fn has_deadline(&self) -> bool {
        self.0.has_end()
    }

    fn slot<'a>(
        &self,
        pool: &'a P,
        ticket: &mut Ticket,
    ) -> impl Future<Output = Result<ClaimedSlot<'a, P>, AcquireError>> {
        Queued::new(pool, ticket, self.0.own_time())
    }

    fn check_elsewhere<'a>(
        &self,
        pool: &'a P,
        claimed: ClaimedSlot<'a, P>,
        why: CheckReason,
    ) -> impl Future<Output = Met<'a, P>> {
        async move {
            if self.0.is_late() {
                return leave_to_check(pool, claimed, why);
            }
            let awaited = Awaited { pool, number: claimed.slot() };
            let (mut claimed, mut limit) = (Some(claimed), pin!(self.0.time_within(Some(PATIENCE))));
            let met = poll_fn(|context| {
                if let Some(claimed) = claimed.take()
                    && !awaited.begin(claimed, why, self.0.left_for_check(), context.waker())
                {
                    return Poll::Ready(Met::Gone(Failure::Unattended));
                }
                let answer = awaited.poll(context.waker()).map_or(Poll::Pending, Poll::Ready);
                let answer = core::task::ready!(limit.as_mut().unless_over(answer, context));
                Poll::Ready(Met::by(pool, answer.or_else(|| awaited.leave())))
            })
            .await;
            // It waits no longer. By now another caller may wait in its place.
            forget(awaited);
            met
        }
    }

    async fn connect(&self, pool: &P, _slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        Err(leave_to_connector(pool))
    }

    async fn check(
        &self,
        _pool: &P,
        _connection: &mut P::Connection,
        _why: CheckReason,
        _limit: Option<Duration>,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        Err(Failure::NoTime)
    }
}

/// A task's wait for a check that is made elsewhere. Dropped, the task waits no longer.
struct Awaited<'a, P: ManagedParts> {
    pool: &'a P,
    number: usize,
}

impl<'a, P: ManagedParts> Awaited<'a, P> {
    fn meeting(&self) -> Option<&'a Meeting> {
        self.pool.meeting(self.number)
    }

    /// Hands the slot over; `false` if there is nobody to check it.
    fn begin(&self, claimed: ClaimedSlot<'a, P>, why: CheckReason, allowed: Option<Duration>, waker: &Waker) -> bool {
        let Some(meeting) = self.meeting() else { return false };
        meeting.begin(waker.clone());
        let handed = hand_over(self.pool, claimed, why, allowed);
        // The slot is the caller's still, and nobody has answered.
        handed.inspect_err(|_| drop(meeting.leave())).is_ok()
    }

    fn poll(&self, waker: &Waker) -> Option<Answer> {
        self.meeting()?.poll(waker)
    }

    fn leave(&self) -> Option<Answer> {
        self.meeting()?.leave()
    }
}

impl<P: ManagedParts> Drop for Awaited<'_, P> {
    fn drop(&mut self) {
        if let Some(Answer::Fit(slot)) = self.leave() {
            drop(ClaimedSlot::new(self.pool, slot));
        }
    }
}

/// A caller that does not wait.
pub(crate) struct AttendedNow;

impl<P: ManagedParts> Caller<P> for AttendedNow {
    fn has_deadline(&self) -> bool {
        true
    }

    async fn slot<'a>(&self, pool: &'a P, _ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        try_acquire(pool).map(|slot| ClaimedSlot::new(pool, slot))
    }

    fn end_late(&self, _pool: &P) -> AcquireError {
        AcquireError::Exhausted
    }

    async fn check_elsewhere<'a>(&self, pool: &'a P, claimed: ClaimedSlot<'a, P>, why: CheckReason) -> Met<'a, P> {
        leave_to_check(pool, claimed, why)
    }

    async fn connect(&self, pool: &P, _slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        Err(leave_to_connector(pool))
    }

    async fn check(
        &self,
        _pool: &P,
        _connection: &mut P::Connection,
        _why: CheckReason,
        _limit: Option<Duration>,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        Err(Failure::NoTime)
    }
}

/// For a caller that has no time to wait for the check: it is made for the next one. Another connection may be idle
/// that needs none.
fn leave_to_check<'a, P: ManagedParts>(pool: &'a P, claimed: ClaimedSlot<'a, P>, why: CheckReason) -> Met<'a, P> {
    let handed = hand_over(pool, claimed, why, None);
    Met::Gone(if handed.is_ok() { Failure::NoTime } else { Failure::Unattended })
}

/// Hands a connection over to be checked, for as long as is `allowed`; hands it back if nobody does that.
fn hand_over<'a, P: ManagedParts>(
    pool: &'a P,
    claimed: ClaimedSlot<'a, P>,
    why: CheckReason,
    allowed: Option<Duration>,
) -> Result<(), ClaimedSlot<'a, P>> {
    pool.meeting(claimed.slot()).into_iter().for_each(|meeting| meeting.allow(allowed));
    let handed = hand_off(pool, claimed.into_slot(), Job::Check(why));
    // The second time in case that the connector has ended just now.
    let handed =
        handed.or_else(|slot| if pool.ensure_connector() { hand_off(pool, slot, Job::Check(why)) } else { Err(slot) });
    handed.map_err(|slot| ClaimedSlot::new(pool, slot))
}

/// Some work, until a timer has ended.
pub(crate) fn until<W: Future, S: Future<Output = ()>>(
    work: W,
    timer: Option<S>,
) -> impl Future<Output = Option<W::Output>> {
    let limit: Over<fn() -> Left<S>, S> = timer.map_or(Over::Never, Over::Running);
    Timed::new(work, limit)
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use core::convert::Infallible;

    use super::{CheckReason, Failure, Met};
    use crate::managed::config::Config;
    use crate::managed::loan::prepare::{Past, PrepareError, after_met};
    use crate::managed::manager::from_fn::from_fn;
    use crate::managed::pool::Pool;

    /// Others may use and release them meanwhile, so that each has to be checked again.
    #[test]
    fn a_caller_without_time_leaves_no_more_to_be_checked_than_there_are_slots() {
        let pool = Pool::<_, 2>::new(from_fn(|| Ok::<_, Infallible>(0)), Config::new()).unwrap();
        let mut past = Past::new(&pool);
        let ends = [(); 3].map(|()| {
            let next = after_met(&pool, Met::Gone(Failure::NoTime), CheckReason::EachTime, &mut past);
            matches!(next, Err(PrepareError::NoTime))
        });
        assert_eq!(ends, [false, false, true]);
    }
}
