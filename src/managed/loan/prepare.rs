// knows: caller, clock, event, manager, observe, outage, parts, record, shared_error, tokens, engine, sync · must not
// know: threads, tasks
//! From a claimed slot to a connection that is fit to be used, for any kind of caller.

use core::future::Future;
use core::mem::replace;
use core::time::Duration;

use super::caller::{Caller, Failure, Met, Nanos};
use super::tokens::{Assessment, ClaimedSlot, ConnectingSlot, UnreadySlot};
use crate::engine::SlotState;
use crate::managed::clock::span;
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::managed::manager::{Described, Lifecycle};
use crate::managed::observe;
use crate::managed::outage::{ConnectFailure, Purpose};
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::record::EVICTED;
use crate::managed::shared_error::SharedError;
use crate::sync::is_panicking;

/// Why a slot has no connection for the caller. The slot was released or vacated before this is returned.
pub(crate) enum PrepareError<E> {
    /// Its connection was unfit, and no other may be made in it now.
    Unfit(Failure<E>),
    /// The connect has failed, after so long.
    NotConnected(Failure<E>, Duration),
    /// The caller's deadline passed before the manager could begin.
    NoTime,
    Closed,
    /// It takes a connector, and the pool can have none.
    Unattended,
}

/// What a caller has met since it asked for a connection.
pub(crate) struct Past {
    /// The pool's epoch when the caller asked.
    asked_in: usize,
    /// How many connections were evicted before it could use them.
    evicted: u16,
    /// How many connections it has left to be checked, without time to wait for the answer.
    left_to_check: u16,
    /// How many connects of its own have failed.
    pub(super) failures: u32,
}

impl Past {
    /// As many evicted connections are discarded before the caller. If connections are evicted faster than they are
    /// made, it would never get one.
    const BORNE: u16 = 2;

    pub(crate) fn new<P: ManagedParts>(pool: &P) -> Self {
        Self { asked_in: pool.shared().epoch(), evicted: 0, left_to_check: 0, failures: 0 }
    }

    /// Whether a caller that has no time for a check has left as many connections to be checked as there may be. Those
    /// that are checked each time come back to be checked again.
    fn has_left_all<P: ManagedParts>(&mut self, pool: &P) -> bool {
        self.left_to_check = self.left_to_check.saturating_add(1);
        usize::from(self.left_to_check) > pool.engine().states().len()
    }

    /// Whether the caller gets a connection that was evicted before its first use, and is discarded at its release: it
    /// is not older than the caller's request, as a connection in use might be.
    fn accept<P: ManagedParts>(&mut self, pool: &P, slot: usize) -> bool {
        self.evicted = self.evicted.saturating_add(1);
        let is_unused = pool.engine().states().get(slot).uses() <= 1;
        self.evicted > Self::BORNE && is_unused && pool.record(slot).is_since(self.asked_in)
    }
}

/// Whether the pool has a connection, idle or in use.
pub(crate) fn has_connection<P: ManagedParts>(pool: &P) -> bool {
    pool.engine().states().iter().any(SlotState::is_filled)
}

/// A slot, by what its caller has to do next to have a connection. It owns the slot also while that is done, so that a
/// future of the work need not.
pub(crate) enum Step<'a, P: ManagedParts> {
    /// There is no slot yet.
    Wait,
    Assess(ClaimedSlot<'a, P>),
    Check(UnreadySlot<'a, P>, CheckReason),
    Connect(ConnectingSlot<'a, P>),
    /// The connection is fit to be used.
    Done(ClaimedSlot<'a, P>),
}

type Next<'a, P> = Result<Step<'a, P>, PrepareError<ErrorOf<P>>>;

/// Makes sure that the slot has a connection that is fit to be used: checks it, or makes another. There is a slot.
pub(crate) fn prepare<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    step: &mut Step<'a, P>,
    past: &mut Past,
) -> impl Future<Output = Result<ClaimedSlot<'a, P>, PrepareError<ErrorOf<P>>>> {
    async move {
        loop {
            let next = match step {
                Step::Check(unready, why) => {
                    let limit = pool.shared().settings().validation_timeout();
                    let checked = caller.check(pool, unready.connection(), *why, limit).await;
                    after_check(pool, step, checked)
                }
                Step::Connect(connecting) => {
                    let attempt = Attempt::begin(pool, Purpose::Caller);
                    let made = caller.connect(pool, connecting.slot()).await;
                    after_connect(attempt, step, made, past)
                }
                Step::Wait | Step::Assess(_) | Step::Done(_) => match replace(step, Step::Wait) {
                    Step::Done(claimed) => return Ok(claimed),
                    Step::Assess(claimed) => assess(pool, caller, claimed, past).await,
                    _ => unreachable!("a caller without a slot has nothing to prepare"),
                },
            };
            *step = next?;
        }
    }
}

fn assess<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    claimed: ClaimedSlot<'a, P>,
    past: &mut Past,
) -> impl Future<Output = Next<'a, P>> {
    async move {
        match claimed.assess() {
            Assessment::Check(why) => after_met(pool, caller.check_elsewhere(pool, claimed, why).await, why, past),
            assessment => after_assessment(pool, claimed, &assessment, past),
        }
    }
}

pub(super) fn after_met<'a, P: ManagedParts>(
    pool: &P,
    met: Met<'a, P>,
    why: CheckReason,
    past: &mut Past,
) -> Next<'a, P> {
    match met {
        Met::Fit(fit) => Ok(Step::Done(fit)),
        Met::Gone(Failure::Unattended) => Err(PrepareError::Unattended),
        Met::Gone(Failure::NoTime) if past.has_left_all(pool) => Err(PrepareError::NoTime),
        Met::Gone(failure) => Err(PrepareError::Unfit(failure)),
        Met::Own(claimed) => Ok(Step::Check(claimed.into_unready(), why)),
    }
}

fn after_assessment<'a, P: ManagedParts>(
    pool: &'a P,
    claimed: ClaimedSlot<'a, P>,
    assessment: &Assessment,
    past: &mut Past,
) -> Next<'a, P> {
    match *assessment {
        Assessment::Fit(_) => Ok(Step::Done(claimed)),
        Assessment::Vacant => Ok(Step::Connect(claimed.into_connecting())),
        Assessment::Check(why) => Ok(Step::Check(claimed.into_unready(), why)),
        // No call of the manager has failed, so there is no error to report: the caller waits again, and its next wait
        // decides.
        Assessment::Unfit(DiscardReason::Evicted) if past.accept(pool, claimed.slot()) => Ok(Step::Done(claimed)),
        Assessment::Unfit(reason) => reconnect_in(claimed, reason),
    }
}

fn after_check<'a, P: ManagedParts>(
    pool: &'a P,
    step: &mut Step<'a, P>,
    checked: Result<(), Failure<ErrorOf<P>>>,
) -> Next<'a, P> {
    let Step::Check(unready, _) = replace(step, Step::Wait) else { unreachable!("the slot was being checked") };
    match end_check(pool, unready, checked) {
        Ok(fit) => Ok(Step::Done(fit)),
        Err(CheckError { unready: Some(unfit), failure }) => {
            let connecting = unfit.discard_for_reconnect(DiscardReason::Invalid);
            connecting.map(Step::Connect).ok_or(PrepareError::Unfit(failure))
        }
        Err(CheckError { unready: None, .. }) => Err(PrepareError::NoTime),
    }
}

fn after_connect<'a, P: ManagedParts>(
    attempt: Attempt<'a, P>,
    step: &mut Step<'a, P>,
    made: Result<P::Connection, Failure<ErrorOf<P>>>,
    past: &mut Past,
) -> Next<'a, P> {
    let pool = attempt.pool;
    let Step::Connect(connecting) = replace(step, Step::Wait) else { unreachable!("the slot was being connected in") };
    let claimed = attempt.end(made, connecting, ConnectingSlot::fill).map_err(|(failure, took)| match failure {
        Failure::NoTime => PrepareError::NoTime,
        Failure::Superseded => PrepareError::Unfit(Failure::NoTime),
        Failure::Unattended => PrepareError::Unattended,
        failure => PrepareError::NotConnected(failure, took),
    })?;
    if pool.engine().is_closed() {
        claimed.into_unready().discard(DiscardReason::Closed);
        return Err(PrepareError::Closed);
    }
    if !pool.record(claimed.slot()).is_marked(EVICTED) || past.accept(pool, claimed.slot()) {
        return Ok(Step::Done(claimed));
    }
    // All connections were evicted while this one was being made.
    reconnect_in(claimed, DiscardReason::Evicted)
}

fn reconnect_in<P: ManagedParts>(claimed: ClaimedSlot<'_, P>, reason: DiscardReason) -> Next<'_, P> {
    let connecting = claimed.into_unready().discard_for_reconnect(reason);
    connecting.map(Step::Connect).ok_or(PrepareError::Unfit(Failure::NoTime))
}

/// Connects in a vacant slot, which is vacated again if that fails.
pub(crate) fn make<'a, P: ManagedParts, W: Caller<P>, T>(
    pool: &'a P,
    caller: &W,
    purpose: Purpose,
    connecting: ConnectingSlot<'a, P>,
    fill: impl FnOnce(ConnectingSlot<'a, P>, P::Connection) -> T,
) -> impl Future<Output = Result<T, (Failure<ErrorOf<P>>, Duration)>> {
    let attempt = Attempt::begin(pool, purpose);
    async move {
        let made = caller.connect(attempt.pool, connecting.slot()).await;
        attempt.end(made, connecting, fill)
    }
}

/// Notes why a connect has failed, for callers that wait for another one, if there are any: that allocates. That a
/// caller had no more time says nothing of the server.
fn note_failure<P: ManagedParts>(
    pool: &P,
    purpose: Purpose,
    failure: &Failure<ErrorOf<P>>,
    took: Duration,
) -> Option<SharedError> {
    let (manager, config) = (pool.manager(), pool.shared().config());
    let is_told = pool.tells_errors() && (purpose == Purpose::Pool || pool.engine().waiting() > 0);
    let failure = match failure {
        Failure::Error(error) => is_told.then(|| ConnectFailure {
            error: SharedError::of(Described(manager, error)),
            ends_waits: config.fail_fast || manager.is_permanent(error),
        }),
        Failure::TimedOut if pool.shared().settings().connect_timeout().is_some_and(|limit| took >= limit) => {
            let error = || SharedError::of(format_args!("no answer within {took:?}"));
            is_told.then(|| ConnectFailure { error: error(), ends_waits: config.fail_fast })
        }
        _ => return None,
    };
    let told = failure.as_ref().map(|failure| failure.error.clone());
    if failure.is_some() || purpose == Purpose::Pool {
        pool.shared().note_failure(pool.coarse(), failure, purpose);
    }
    told
}

/// What is left of a failure for the caller, once all callers were `told`.
fn keep<P: ManagedParts>(pool: &P, told: Option<SharedError>, failure: Failure<ErrorOf<P>>) -> Failure<ErrorOf<P>> {
    match (told, failure) {
        (Some(told), Failure::Error(error)) => match pool.keep_error(&told, error) {
            Ok(()) => Failure::Told(told),
            Err(error) => Failure::Error(error),
        },
        (_, failure) => failure,
    }
}

/// A connect that has begun: a panic of the manager counts as a failure, so that the next one is begun after a pause.
struct Attempt<'a, P: ManagedParts> {
    pool: &'a P,
    purpose: Purpose,
    began: Duration,
}

impl<'a, P: ManagedParts> Attempt<'a, P> {
    fn begin(pool: &'a P, purpose: Purpose) -> Self {
        Self { pool, purpose, began: pool.now() }
    }

    fn end<T>(
        self,
        made: Result<P::Connection, Failure<ErrorOf<P>>>,
        connecting: ConnectingSlot<'a, P>,
        fill: impl FnOnce(ConnectingSlot<'a, P>, P::Connection) -> T,
    ) -> Result<T, (Failure<ErrorOf<P>>, Duration)> {
        let (pool, purpose, took) = (self.pool, self.purpose, self.pool.since(self.began));
        let attempt = self;
        match made {
            Ok(connection) => {
                drop(attempt);
                pool.shared().note_connected(|| pool.coarse());
                // Before the event, in which user code may panic: the connection is the pool's by then.
                let filled = fill(connecting, connection);
                observe::event(pool, &Event::Connected { took });
                Ok(filled)
            }
            Err(failure) => {
                // Before the slot is vacated, which may have the next connect begun. The attempt goes on meanwhile: the
                // manager may panic when it is asked of its error.
                let told = note_failure(pool, purpose, &failure, took);
                drop(attempt);
                // Before the event, since the manager and subscribers may take long: the next waiter must not wait for
                // them.
                drop(connecting);
                match &failure {
                    Failure::Error(error) => observe::event(pool, &Event::ConnectFailed { error: Some(error), took }),
                    Failure::TimedOut => observe::event(pool, &Event::ConnectFailed { error: None, took }),
                    _ => {}
                }
                Err((keep(pool, told, failure), took))
            }
        }
    }
}

impl<P: ManagedParts> Drop for Attempt<'_, P> {
    fn drop(&mut self) {
        if is_panicking() {
            let failure = || ConnectFailure { error: SharedError::of("the manager panicked"), ends_waits: false };
            let failure = self.pool.tells_errors().then(failure);
            self.pool.shared().note_failure(self.pool.coarse(), failure, self.purpose);
        }
    }
}

/// Why connecting fails, if it does, and that is why there is no connection: not if the pool is full, nor if it has
/// been long since a connect was tried.
pub(crate) fn present_failure<P: ManagedParts>(pool: &P) -> Option<ConnectFailure> {
    let (status, shared) = (pool.engine().status(), pool.shared());
    let is_failing = shared.failed_ago(pool.coarse()).is_some_and(|ago| is_recent(pool, ago));
    if is_failing && status.vacant + status.connecting > 0 { shared.failure() } else { None }
}

/// Why connecting fails: as [`present_failure`], whether or not the pool is full. One that is under way hides nothing.
pub(crate) fn connect_error<P: ManagedParts>(pool: &P) -> Option<SharedError> {
    let shared = pool.shared();
    let is_under_way = || pool.engine().status().connecting > 0;
    let is_present = shared.failed_ago(pool.coarse()).is_some_and(|ago| is_recent(pool, ago) || is_under_way());
    if is_present { shared.failure().map(|failure| failure.error) } else { None }
}

/// Whether a connect that failed so long ago would have been tried again meanwhile, if any caller had asked.
fn is_recent<P: ManagedParts>(pool: &P, ago: usize) -> bool {
    ago <= 2 * span(pool.shared().config().retry.longest_pause)
}

/// A check that did not find the connection fit.
pub(crate) struct CheckError<'a, P: ManagedParts> {
    /// The slot with the unfit connection; `None` if the check did not begin, and the slot was released.
    unready: Option<UnreadySlot<'a, P>>,
    failure: Failure<ErrorOf<P>>,
}

impl<P: ManagedParts> CheckError<'_, P> {
    /// What the manager says of the connection, for a caller elsewhere.
    pub(crate) fn tell(&mut self, pool: &P) -> Option<SharedError> {
        match replace(&mut self.failure, Failure::TimedOut) {
            Failure::Error(error) => {
                let told = SharedError::of(Described(pool.manager(), &error));
                let _not_kept = pool.keep_error(&told, error);
                Some(told)
            }
            _ => None,
        }
    }

    /// Discards the connection, if it was checked.
    pub(crate) fn discard(self) {
        if let Some(unready) = self.unready {
            unready.discard(DiscardReason::Invalid);
        }
    }

    /// Notes that a caller was about to get the connection, and does not.
    pub(crate) fn note_not_lent(&self) {
        if let Some(unready) = &self.unready {
            unready.note_unfit(DiscardReason::Invalid);
            unready.uncount_use();
        }
    }
}

/// Has a connection checked, for as long as is `allowed`, and as any check may take.
pub(crate) fn check<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    mut unready: UnreadySlot<'a, P>,
    why: CheckReason,
    allowed: Option<Duration>,
) -> impl Future<Output = Result<ClaimedSlot<'a, P>, CheckError<'a, P>>> {
    let limit = Nanos::at_most(pool.shared().settings().validation_timeout().into_iter().chain(allowed).min());
    async move {
        let checked = caller.check(pool, unready.connection(), why, limit.get()).await;
        end_check(pool, unready, checked)
    }
}

fn end_check<'a, P: ManagedParts>(
    pool: &'a P,
    unready: UnreadySlot<'a, P>,
    checked: Result<(), Failure<ErrorOf<P>>>,
) -> Result<ClaimedSlot<'a, P>, CheckError<'a, P>> {
    let counters = pool.shared().counters();
    match checked {
        Ok(()) => {
            counters.checked.add_shared(1);
            Ok(unready.pass_check())
        }
        Err(Failure::NoTime) => {
            ClaimedSlot::new(pool, unready.into_slot()).put_back();
            Err(CheckError { unready: None, failure: Failure::NoTime })
        }
        Err(failure) => {
            counters.checked.add_shared(1);
            let error = if let Failure::Error(error) = &failure { Some(error) } else { None };
            observe::event(pool, &Event::CheckFailed { error });
            Err(CheckError { unready: Some(unready), failure })
        }
    }
}
