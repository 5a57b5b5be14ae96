// knows: clock, event, manager, meeting, parts, shared_error, timed, tokens, engine, slot · must not know: what is done
// with a connection
//! What a caller can do: a thread, a task, or a caller that does not wait. The work of an acquire is written once, as a
//! future. For a caller that blocks, no step of it is ever pending, so one poll completes the future.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::timed::{Left, Limit, Over, Timed};
use super::tokens::ClaimedSlot;
use crate::engine::{AcquireError, Position, Ticket, WaiterKind};
use crate::managed::clock::Clock;
use crate::managed::event::CheckReason;
use crate::managed::manager::local::Awaited;
use crate::managed::manager::{Lifecycle, Manager};
#[cfg(feature = "std")]
use crate::managed::meeting::Answer;
use crate::managed::meeting::Meeting;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::shared_error::SharedError;
use crate::slot::{Acquire, try_acquire};

/// Why a call of the manager has no result.
pub(crate) enum Failure<E> {
    Error(E),
    /// The same, of a call that was made elsewhere.
    Told(SharedError),
    /// It took too long.
    TimedOut,
    /// There was no time left to begin.
    NoTime,
    /// The pool has a connector by now, which connects instead.
    Superseded,
    /// The caller leaves that to the pool's connector, and the pool can have none.
    #[cfg_attr(not(feature = "std"), expect(dead_code, reason = "only callers of a `SharedPool` leave all to it"))]
    Unattended,
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

#[cfg(feature = "std")]
impl<'a, P: ManagedParts> Met<'a, P> {
    /// By the answer of the one that has checked; `None` if the caller has left before there was one.
    pub(super) fn by(pool: &'a P, answer: Option<Answer>) -> Self {
        match answer {
            Some(Answer::Fit(slot)) => Self::Fit(ClaimedSlot::new(pool, slot)),
            Some(Answer::Unfit(Some(error))) => Self::Gone(Failure::Told(error)),
            Some(Answer::Unfit(None)) | None => Self::Gone(Failure::TimedOut),
        }
    }
}

pub(crate) trait Caller<P: ManagedParts> {
    /// The thread, if it is one that has named no time for its wait, and the pool records threads.
    fn endless_thread(&self) -> Option<usize> {
        None
    }

    /// Whether it has a deadline.
    fn has_deadline(&self) -> bool;

    /// Whether it can pause between two attempts to connect, and has time to.
    fn can_pause(&self) -> bool {
        false
    }

    /// A slot, by the caller's place in the wait queue.
    async fn slot<'a>(&self, pool: &'a P, ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError>;

    /// That it has no time left for what it would have to do, which is counted.
    fn end_late(&self, pool: &P) -> AcquireError {
        pool.engine().count_timeout();
        AcquireError::TimedOut
    }

    /// A slot with a connection, if one comes free during the pause; else it has `TimedOut`. For callers that can
    /// pause.
    async fn pause<'a>(
        &self,
        pool: &'a P,
        pause: Duration,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        let _ = (pool, pause, ticket);
        Err(AcquireError::TimedOut)
    }

    /// Has the connection checked elsewhere, if the caller's deadline would not be kept otherwise, and that can be had.
    fn check_elsewhere<'a>(
        &self,
        pool: &'a P,
        claimed: ClaimedSlot<'a, P>,
        why: CheckReason,
    ) -> impl Future<Output = Met<'a, P>> {
        let _ = (pool, why);
        // Made when it is polled: `Met` is larger than a slot, and the future lies in each caller that waits.
        let mut claimed = Some(claimed);
        poll_fn(move |_| claimed.take().map_or(Poll::Pending, |claimed| Poll::Ready(Met::Own(claimed))))
    }

    /// Connects in a slot, for itself or for the pool.
    async fn connect(&self, pool: &P, slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>>;

    /// The manager is told why, just before it checks. The check may take as long as `limit`, and no longer than the
    /// caller has time for.
    async fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
        limit: Option<Duration>,
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
    fn has_deadline(&self) -> bool {
        true
    }

    async fn slot<'a>(&self, pool: &'a P, _ticket: &mut Ticket) -> Result<ClaimedSlot<'a, P>, AcquireError> {
        try_acquire(pool).map(|slot| ClaimedSlot::new(pool, slot))
    }

    async fn connect(&self, pool: &P, _slot: usize) -> Result<P::Connection, Failure<ErrorOf<P>>> {
        pool.manager().connect(pool.shared().settings().connect_timeout()).map_err(Failure::Error)
    }

    async fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
        limit: Option<Duration>,
    ) -> Result<(), Failure<ErrorOf<P>>> {
        pool.manager().on_check(connection, why);
        pool.manager().is_valid(connection, limit).map_err(Failure::Error)
    }
}

/// A task, on any executor, or the maintenance of a pool whose manager awaits.
pub(crate) struct Async<'k, K> {
    clock: &'k K,
    until: Until,
}

/// Until when a task waits: its deadline, by the clock, in nanoseconds. Before the task [begins](Async::begin) it may
/// be how long it is to wait. A word, which takes less room than a `Duration`, and less time to move.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Until(u64);

impl Until {
    const FOREVER: Self = Self(u64::MAX);
    /// The task connects for the pool, and not for itself.
    const OF_POOL: Self = Self(u64::MAX - 1);

    /// A deadline that is centuries away never comes.
    const fn at(deadline: Duration) -> Self {
        let nanos = Nanos::of(deadline).0;
        if nanos < Self::OF_POOL.0 { Self(nanos) } else { Self::FOREVER }
    }

    #[inline(always)]
    const fn has_end(self) -> bool {
        self.0 < Self::OF_POOL.0
    }

    fn end(self) -> Option<Duration> {
        self.has_end().then(|| Duration::from_nanos(self.0))
    }
}

impl<K> Clone for Async<'_, K> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Async<'_, K> {}

impl<'k, K: Clock> Async<'k, K> {
    pub(crate) const fn new(clock: &'k K) -> Self {
        Self { clock, until: Until::FOREVER }
    }

    /// A task that maintains the pool.
    pub(crate) const fn of_pool(clock: &'k K) -> Self {
        Self { clock, until: Until::OF_POOL }
    }

    /// Until a deadline; or for so long, from when it [begins](Self::begin).
    pub(crate) const fn until(deadline: Duration, clock: &'k K) -> Self {
        Self { clock, until: Until::at(deadline) }
    }

    /// As [`begin`](Self::begin), for a task that was given no time, and has a limit all the same if there is one.
    pub(crate) fn begin_within(&mut self, limit: Option<Duration>) {
        if let Some(limit) = limit {
            self.until = Until::at(limit);
            self.begin();
        }
    }

    /// The time that was given runs from now on.
    pub(crate) fn begin(&mut self) {
        if let Some(timeout) = self.until.end() {
            // A sum beyond what can be expressed never comes.
            self.until = self.clock.now().checked_add(timeout).map_or(Until::FOREVER, Until::at);
        }
    }

    /// What is left of the caller's time; `None`: no end.
    fn left(&self) -> Option<Duration> {
        self.until.end().map(|deadline| deadline.saturating_sub(self.clock.now()))
    }

    /// How long a check may take that is made elsewhere for the caller; `None`: no end.
    #[cfg(feature = "std")]
    pub(super) fn left_for_check(&self) -> Option<Duration> {
        self.left().map(share_for_check)
    }

    pub(super) fn is_late(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// What is left of the caller's time, if the clock can tell when it is over.
    pub(super) fn own_time(self) -> impl Limit + use<'k, K> {
        let begin = move || self.timer(self.left());
        if K::CAN_SLEEP { Over::NotBegun(begin) } else { Over::Never }
    }

    /// Whether its time ends, and the clock can tell when.
    #[inline(always)]
    pub(super) fn ends(&self) -> bool {
        K::CAN_SLEEP && self.until.has_end()
    }

    #[cfg(feature = "std")]
    pub(super) const fn has_end(&self) -> bool {
        self.until.has_end()
    }

    /// A ticket for the task's first wait.
    #[inline(always)]
    pub(super) fn ticket(&self) -> Ticket {
        Ticket { waits_forever: !self.until.has_end(), ..Ticket::NEW }
    }

    fn timer(&self, left: Option<Duration>) -> Left<impl Future<Output = ()> + use<'k, K>> {
        match left {
            None => Left::Endless,
            Some(Duration::ZERO) => Left::Nothing,
            Some(left) => Left::Until(self.clock.sleep(left)),
        }
    }

    /// The same, and at most `limit`.
    pub(super) fn time_within(&self, limit: Option<Duration>) -> impl Limit {
        self.part_within(limit, |left| left)
    }

    /// The time for a check of the task's own, and at most `limit`.
    fn time_for_check(&self, limit: Option<Duration>) -> impl Limit {
        self.part_within(limit, share_for_own_check)
    }

    fn part_within(&self, limit: Option<Duration>, part: impl FnOnce(Duration) -> Duration) -> impl Limit {
        let limit = Nanos::at_most(limit);
        let begin = move || self.timer(limit.get().into_iter().chain(self.left().map(part)).min());
        if K::CAN_SLEEP { Over::NotBegun(begin) } else { Over::Never }
    }
}

/// The least that a check may take, however little time its caller has: HikariCP's least `validationTimeout`.
const LEAST_FOR_CHECK: Duration = Duration::from_millis(250);

/// How long a check may take whose caller has so much time left: if it is not answered, there is time for another
/// connection. It may outlive its caller, so that one in a hurry has no connection ended that works.
pub(super) fn share_for_check(left: Duration) -> Duration {
    (left / 2).max(LEAST_FOR_CHECK)
}

/// The same of a check that the caller makes itself, and that ends with it.
pub(super) fn share_for_own_check(left: Duration) -> Duration {
    share_for_check(left).min(left)
}

/// A limit in nanoseconds, which takes half as much room as a `Duration` or none. One of centuries never ends.
#[derive(Clone, Copy)]
pub(super) struct Nanos(u64);

impl Nanos {
    pub(super) fn at_most(limit: Option<Duration>) -> Self {
        limit.map_or(Self(u64::MAX), Self::of)
    }

    const fn of(limit: Duration) -> Self {
        let Some(nanos) = limit.as_secs().checked_mul(1_000_000_000) else { return Self(u64::MAX) };
        Self(nanos.saturating_add(limit.subsec_nanos() as u64))
    }

    pub(super) fn get(self) -> Option<Duration> {
        (self.0 != u64::MAX).then(|| Duration::from_nanos(self.0))
    }
}

impl<P: ManagedParts, K: Clock> Caller<P> for Async<'_, K>
where
    P::Manager: Awaited,
{
    fn has_deadline(&self) -> bool {
        self.until.has_end()
    }

    fn can_pause(&self) -> bool {
        K::CAN_SLEEP && !self.is_late()
    }

    fn slot<'a>(
        &self,
        pool: &'a P,
        ticket: &mut Ticket,
    ) -> impl Future<Output = Result<ClaimedSlot<'a, P>, AcquireError>> {
        Queued::new(pool, ticket, self.own_time())
    }

    fn pause<'a>(
        &self,
        pool: &'a P,
        pause: Duration,
        ticket: &mut Ticket,
    ) -> impl Future<Output = Result<ClaimedSlot<'a, P>, AcquireError>> {
        Queued::new(pool, ticket, self.time_within(Some(pause)))
    }

    fn connect(&self, pool: &P, slot: usize) -> impl Future<Output = Result<P::Connection, Failure<ErrorOf<P>>>> {
        let meeting = if self.until == Until::OF_POOL { None } else { pool.meeting(slot) };
        Connect {
            // It is not begun without time.
            work: (!self.is_late()).then(|| pool.manager().begin_connect()),
            limit: self.time_within(pool.shared().settings().connect_timeout()),
            pool,
            leave: LeaveOnDrop(meeting),
        }
    }

    fn check(
        &self,
        pool: &P,
        connection: &mut P::Connection,
        why: CheckReason,
        limit: Option<Duration>,
    ) -> impl Future<Output = Result<(), Failure<ErrorOf<P>>>> {
        let limit = Nanos::at_most(limit);
        async move {
            // It is not begun without time.
            if self.is_late() {
                return Err(Failure::NoTime);
            }
            pool.manager().on_check(connection, why);
            let limit = self.time_for_check(limit.get());
            in_time(Timed::new(pool.manager().begin_check(connection), limit).await)
        }
    }
}

/// A task's connect, until its time is up, or the pool has a connector. The work is `None` if there is no time.
struct Connect<'a, P, W, L> {
    work: Option<W>,
    limit: L,
    pool: &'a P,
    leave: LeaveOnDrop<'a>,
}

impl<P: ManagedParts, T, E, W: Future<Output = Result<T, E>>, L: Limit> Future for Connect<'_, P, W, L> {
    type Output = Result<T, Failure<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: each field is pinned with the whole: neither the work nor the limit is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above: it is pinned with the whole.
        let work = unsafe { Pin::new_unchecked(&mut this.work) };
        // SAFETY: as above: it is pinned with the whole.
        let limit = unsafe { Pin::new_unchecked(&mut this.limit) };
        let Some(work) = work.as_pin_mut() else { return Poll::Ready(Err(Failure::NoTime)) };
        match limit.unless_over(work.poll(context), context) {
            Poll::Pending if is_superseded(this.pool, this.leave.0, context.waker()) => {
                Poll::Ready(Err(Failure::Superseded))
            }
            answer => answer.map(in_time),
        }
    }
}

/// What the manager has answered, if it has in time.
fn in_time<T, E>(answer: Option<Result<T, E>>) -> Result<T, Failure<E>> {
    answer.map_or(Err(Failure::TimedOut), |answer| answer.map_err(Failure::Error))
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

/// A task's wait in the queue, until its time is up.
pub(super) struct Queued<'a, 't, P: ManagedParts, L> {
    acquire: Acquire<'a, P>,
    ticket: &'t mut Ticket,
    limit: L,
}

impl<'a, 't, P: ManagedParts, L> Queued<'a, 't, P, L> {
    pub(super) fn new(pool: &'a P, ticket: &'t mut Ticket, limit: L) -> Self {
        Self { acquire: Acquire::with_ticket(pool, WaiterKind::Task, ticket), ticket, limit }
    }
}

impl<'a, P: ManagedParts, L: Limit> Future for Queued<'a, '_, P, L> {
    type Output = Result<ClaimedSlot<'a, P>, AcquireError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: each field is pinned with the whole: neither the wait nor the limit is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above: it is pinned with the whole.
        let acquire = unsafe { Pin::new_unchecked(&this.acquire) };
        // SAFETY: as above: it is pinned with the whole.
        let limit = unsafe { Pin::new_unchecked(&mut this.limit) };
        let pool = acquire.pool();
        let granted = acquire.poll(context.waker()).map(|answer| {
            acquire.note_number(this.ticket);
            // From here on a panic releases the slot.
            answer.map(|slot| ClaimedSlot::new(pool, slot))
        });
        Poll::Ready(core::task::ready!(limit.unless_over(granted, context)).unwrap_or_else(|| {
            // The end of a pause is no timeout.
            if this.ticket.position != Position::Pausing {
                pool.engine().count_timeout();
            }
            Err(AcquireError::TimedOut)
        }))
    }
}
