// knows: clock, event, manager, meeting, parts, text, tokens, engine, slot · must not know: what is done with a
// connection
//! What a caller can do: a thread, a task, or a caller that does not wait. The work of an acquire is written once, as a
//! future. For a caller that blocks, no step of it is ever pending, so one poll completes the future.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::tokens::ClaimedSlot;
use crate::engine::{AcquireError, Ticket, WaiterKind};
use crate::managed::clock::Clock;
use crate::managed::event::CheckReason;
use crate::managed::manager::{AsyncManager, Lifecycle, Manager};
use crate::managed::meeting::Meeting;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::text::ErrorText;
use crate::slot::{Acquire, try_acquire};

/// Why a call of the manager has no result.
pub(crate) enum Failure<E> {
    Error(E),
    /// The same, of a call that was made elsewhere.
    Told(ErrorText),
    /// It took too long.
    TimedOut,
    /// There was no time left to begin.
    NoTime,
    /// The pool has a connector by now, which connects instead.
    Superseded,
}

/// What a caller has of a check that may be made elsewhere.
#[cfg_attr(not(feature = "std"), expect(dead_code, reason = "only threads have connections checked elsewhere"))]
pub(crate) enum Met<'a, P: ManagedParts> {
    /// The connection is fit.
    Fit(ClaimedSlot<'a, P>),
    /// The connection was discarded, or its check takes too long: it is not the caller's any more.
    Gone(Failure<ErrorOf<P>>),
    /// The check is the caller's to make.
    Own(ClaimedSlot<'a, P>),
}

pub(crate) trait Caller<P: ManagedParts> {
    /// Whether it is a thread that waits for connections without a deadline.
    fn waits_forever(&self) -> bool;

    /// Whether it has a deadline.
    fn has_deadline(&self) -> bool;

    /// Whether it can pause between two attempts to connect, and has time to.
    fn can_pause(&self) -> bool;

    /// A slot, by the caller's place in the wait queue.
    async fn slot<'a>(&self, pool: &'a P, ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError>;

    /// A slot with a connection, if one comes free during the pause; else it has `TimedOut`.
    async fn pause<'a>(
        &self,
        pool: &'a P,
        pause: Duration,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, P>, AcquireError>;

    /// Has the connection checked elsewhere, if the caller's deadline would not be kept otherwise, and that can be had.
    fn check_elsewhere<'a>(&self, pool: &'a P, claimed: ClaimedSlot<'a, P>, why: CheckReason) -> Met<'a, P> {
        let _ = (pool, why);
        Met::Own(claimed)
    }

    /// Connects in a slot, for itself or for the pool.
    async fn connect(&self, pool: &P, slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>>;

    /// The manager is told why, just before it checks.
    async fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
    ) -> Result<(), Failure<ErrorOf<P>>>;
}

/// Runs a future whose caller blocks.
pub(crate) fn at_once<F: Future>(work: F) -> F::Output {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a caller that blocks never waits in a future"),
    }
}

/// The output of the future that is ready first; the other one is dropped then. The first one is polled first.
///
/// Both stay where they are: an async function keeps room for its arguments twice.
pub(crate) async fn race<T, F: Future<Output = T>>(
    mut one: Pin<&mut impl Future<Output = T>>,
    mut other: Pin<&mut Option<F>>,
) -> T {
    let output = poll_fn(|context| match (one.as_mut().poll(context), other.as_mut().as_pin_mut()) {
        (Poll::Pending, Some(other)) => other.poll(context),
        (answer, _) => answer,
    })
    .await;
    // Dropped here, and not at the end of the function: the destructor of a clock's future may panic, and there that
    // would leak the output.
    other.set(None);
    output
}

/// A caller that does not wait, or the maintenance of a pool whose manager blocks.
pub(crate) struct NoWait;

impl<P: ManagedParts> Caller<P> for NoWait
where
    P::Manager: Manager,
{
    fn waits_forever(&self) -> bool {
        false
    }

    fn has_deadline(&self) -> bool {
        true
    }

    fn can_pause(&self) -> bool {
        false
    }

    async fn slot<'a>(&self, pool: &'a P, _ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        try_acquire(pool).map(|slot| ClaimedSlot::new(pool, slot))
    }

    async fn pause<'a>(
        &self,
        _pool: &'a P,
        _pause: Duration,
        _ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        Err(AcquireError::TimedOut)
    }

    async fn connect(&self, pool: &P, _slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        pool.manager().connect(pool.shared().config().connect_timeout).map_err(Failure::Error)
    }

    async fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        pool.manager().on_check(connection, why);
        pool.manager().is_valid(connection, pool.shared().config().validation_timeout).map_err(Failure::Error)
    }
}

/// A task, on any executor, or the maintenance of a pool whose manager awaits.
pub(crate) struct Async<'k, K> {
    clock: &'k K,
    /// The caller's deadline, by the clock.
    deadline: Option<Duration>,
    /// It connects for the pool, and not for itself.
    is_pool: bool,
}

impl<'k, K: Clock> Async<'k, K> {
    pub(crate) const fn new(clock: &'k K) -> Self {
        Self { clock, deadline: None, is_pool: false }
    }

    /// A task that maintains the pool.
    pub(crate) const fn of_pool(clock: &'k K) -> Self {
        Self { clock, deadline: None, is_pool: true }
    }

    pub(crate) fn with_timeout(timeout: Duration, clock: &'k K) -> Self {
        // A sum beyond what can be expressed never comes.
        Self { deadline: clock.now().checked_add(timeout), ..Self::new(clock) }
    }

    pub(crate) const fn with_deadline(deadline: Duration, clock: &'k K) -> Self {
        Self { clock, deadline: Some(deadline), is_pool: false }
    }

    /// What is left of the caller's time, and at most `limit`; `None`: no end.
    fn left(&self, limit: Option<Duration>) -> Option<Duration> {
        let own = self.deadline.map(|deadline| deadline.saturating_sub(self.clock.now()));
        limit.into_iter().chain(own).min()
    }

    /// Ends `work` with `late` when its time is up, if the clock can tell.
    async fn within<T>(&self, limit: Option<Duration>, work: Pin<&mut impl Future<Output = T>>, late: T) -> T {
        match self.left(limit) {
            Some(limit) if K::CAN_SLEEP => {
                let over = async {
                    self.clock.sleep(limit).await;
                    late
                };
                race(work, pin!(Some(over))).await
            }
            _ => work.await,
        }
    }

    /// As [`within`](Self::within), for a call of the manager, which is not begun without time.
    async fn manage<T, E>(
        &self,
        limit: Option<Duration>,
        work: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, Failure<E>> {
        if self.is_late() {
            return Err(Failure::NoTime);
        }
        let work = pin!(async { work.await.map_err(Failure::Error) });
        self.within(limit, work, Err(Failure::TimedOut)).await
    }

    fn is_late(&self) -> bool {
        self.left(None).is_some_and(|left| left.is_zero())
    }
}

impl<P: ManagedParts, K: Clock> Caller<P> for Async<'_, K>
where
    P::Manager: AsyncManager,
{
    fn waits_forever(&self) -> bool {
        // Which task holds a connection is not known.
        false
    }

    fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    fn can_pause(&self) -> bool {
        K::CAN_SLEEP && !self.is_late()
    }

    async fn slot<'a>(&self, pool: &'a P, ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        let answer = self.within(None, pin!(wait_in_queue(pool, ticket)), Err(AcquireError::TimedOut)).await;
        if matches!(answer, Err(AcquireError::TimedOut)) {
            pool.engine().count_timeout();
        }
        answer
    }

    async fn pause<'a>(
        &self,
        pool: &'a P,
        pause: Duration,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        self.within(Some(pause), pin!(wait_in_queue(pool, ticket)), Err(AcquireError::TimedOut)).await
    }

    async fn connect(&self, pool: &P, slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        let connect = pin!(pool.manager().connect());
        let mut work = pin!(self.manage(pool.shared().config().connect_timeout, connect));
        let meeting = if self.is_pool { None } else { pool.meeting(slot) };
        let _leave = LeaveOnDrop(meeting);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Pending if is_superseded(pool, meeting, context.waker()) => Poll::Ready(Err(Failure::Superseded)),
            answer => answer,
        })
        .await
    }

    async fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        // It is not begun without time.
        let check = pin!(async {
            pool.manager().on_check(connection, why);
            pool.manager().is_valid(connection).await
        });
        self.manage(pool.shared().config().validation_timeout, check).await
    }
}

/// Whether the pool has a connector by now, for a task that connects in a slot: its connect would end with it, and one
/// of the connector's does not. If not, the connector calls `waker` when it begins.
fn is_superseded<P: ManagedParts>(pool: &P, meeting: Option<&Meeting>, waker: &Waker) -> bool {
    let Some(meeting) = meeting else { return false };
    meeting.begin_connect(waker.clone());
    // After the waker was left: a connector that begins later calls it.
    pool.engine().has_connector()
}

/// Leaves a meeting while the slot is the caller's still.
struct LeaveOnDrop<'a>(Option<&'a Meeting>);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        let _nobody_answers = self.0.and_then(Meeting::leave);
    }
}

async fn wait_in_queue<'a, P: ManagedParts>(
    pool: &'a P,
    ticket: &mut Ticket,
) -> Result<ClaimedSlot<'a, P>, AcquireError> {
    let mut acquire = pin!(Acquire::with_ticket(pool, WaiterKind::Task, ticket));
    // Borrowed exclusively: a shared reference could not be sent to another thread, and so neither could the caller's
    // future.
    let answer = poll_fn(|context| acquire.as_mut().into_ref().poll(context.waker())).await;
    acquire.note_number(ticket);
    answer.map(|slot| ClaimedSlot::new(pool, slot))
}
