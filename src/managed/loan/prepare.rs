// knows: caller, clock, event, manager, observe, outage, parts, record, text, tokens, engine, sync · must not know:
// threads, tasks
//! From a claimed slot to a connection that is fit to be used, for any kind of caller.

use core::time::Duration;

use super::caller::{Caller, Failure, Met};
use super::tokens::{Assessment, ClaimedSlot, ConnectingSlot, UnreadySlot};
use crate::engine::SlotState;
use crate::managed::clock::span;
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::managed::manager::{Described, Lifecycle};
use crate::managed::observe;
use crate::managed::outage::{ConnectFailure, Purpose};
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::record::EVICTED;
use crate::managed::text::ErrorText;
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
}

/// What a caller has met of the evictions since it asked for a connection.
pub(crate) struct Evictions {
    /// The pool's epoch when the caller asked.
    asked_in: usize,
    /// How many connections were evicted before it could use them.
    met: u32,
}

impl Evictions {
    /// As many evicted connections are discarded before the caller. If connections are evicted faster than they are
    /// made, it would never get one.
    const BORNE: u32 = 2;

    pub(crate) fn new<P: ManagedParts>(pool: &P) -> Self {
        Self { asked_in: pool.shared().epoch(), met: 0 }
    }

    /// Whether the caller gets a connection that was evicted before its first use, and is discarded at its release: it
    /// is not older than the caller's request, as a connection in use might be.
    fn accept<P: ManagedParts>(&mut self, pool: &P, slot: usize) -> bool {
        self.met += 1;
        let is_unused = pool.engine().states().get(slot).uses() <= 1;
        self.met > Self::BORNE && is_unused && pool.record(slot).is_since(self.asked_in)
    }
}

/// Whether the pool has a connection, idle or in use.
pub(crate) fn has_connection<P: ManagedParts>(pool: &P) -> bool {
    pool.engine().states().iter().any(SlotState::is_filled)
}

/// Makes sure that the slot has a connection that is fit to be used: checks it, or makes another.
pub(crate) async fn prepare<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    claimed: ClaimedSlot<'a, P>,
    evictions: &mut Evictions,
) -> Result<ClaimedSlot<'a, P>, PrepareError<ErrorOf<P>>> {
    let mut connecting = match claimed.assess() {
        Assessment::Fit(_) => return Ok(claimed),
        Assessment::Vacant => claimed.into_connecting(),
        Assessment::Check(why) => match caller.check_elsewhere(pool, claimed, why) {
            Met::Fit(fit) => return Ok(fit),
            Met::Gone(failure) => return Err(PrepareError::Unfit(failure)),
            Met::Own(claimed) => match check(pool, caller, claimed.into_unready(), why).await {
                Ok(fit) => return Ok(fit),
                Err(CheckError { unready: Some(unfit), failure }) => {
                    unfit.discard_for_reconnect(DiscardReason::Invalid).ok_or(PrepareError::Unfit(failure))?
                }
                Err(CheckError { unready: None, .. }) => return Err(PrepareError::NoTime),
            },
        },
        // No call of the manager has failed, so there is no error to report: the caller waits again, and its next wait
        // decides.
        Assessment::Unfit(DiscardReason::Evicted) if evictions.accept(pool, claimed.slot()) => return Ok(claimed),
        Assessment::Unfit(reason) => reconnect_in(claimed, reason)?,
    };
    loop {
        let made = make(pool, caller, Purpose::Caller, connecting, ConnectingSlot::fill).await;
        let claimed = made.map_err(|(failure, took)| match failure {
            Failure::NoTime => PrepareError::NoTime,
            Failure::Superseded => PrepareError::Unfit(Failure::NoTime),
            failure => PrepareError::NotConnected(failure, took),
        })?;
        if pool.engine().is_closed() {
            claimed.into_unready().discard(DiscardReason::Closed);
            return Err(PrepareError::Closed);
        }
        if !pool.record(claimed.slot()).is_marked(EVICTED) || evictions.accept(pool, claimed.slot()) {
            return Ok(claimed);
        }
        // All connections were evicted while this one was being made.
        connecting = reconnect_in(claimed, DiscardReason::Evicted)?;
    }
}

fn reconnect_in<P: ManagedParts>(
    claimed: ClaimedSlot<'_, P>,
    reason: DiscardReason,
) -> Result<ConnectingSlot<'_, P>, PrepareError<ErrorOf<P>>> {
    claimed.into_unready().discard_for_reconnect(reason).ok_or(PrepareError::Unfit(Failure::NoTime))
}

/// Connects in a vacant slot, which is vacated again if that fails.
pub(crate) async fn make<'a, P: ManagedParts, W: Caller<P>, T>(
    pool: &'a P,
    caller: &W,
    purpose: Purpose,
    connecting: ConnectingSlot<'a, P>,
    fill: impl FnOnce(ConnectingSlot<'a, P>, P::Connection) -> T,
) -> Result<T, (Failure<ErrorOf<P>>, Duration)> {
    let began = pool.now();
    let attempt = Attempt { pool, purpose };
    match caller.connect(pool, connecting.slot()).await {
        Ok(connection) => {
            drop(attempt);
            let took = pool.since(began);
            pool.shared().note_connected();
            // Before the event, in which user code may panic: the connection is the pool's by then.
            let filled = fill(connecting, connection);
            observe::event(pool, &Event::Connected { took });
            Ok(filled)
        }
        Err(failure) => {
            drop(attempt);
            let took = pool.since(began);
            // Before the slot is vacated, which may have the next connect begun.
            note_failure(pool, purpose, &failure, took);
            // Before the event, since the manager and subscribers may take long: the next waiter must not wait for
            // them.
            drop(connecting);
            match &failure {
                Failure::Error(error) => observe::event(pool, &Event::ConnectFailed { error: Some(error), took }),
                Failure::TimedOut => observe::event(pool, &Event::ConnectFailed { error: None, took }),
                Failure::Told(_) | Failure::NoTime | Failure::Superseded => {}
            }
            Err((failure, took))
        }
    }
}

/// Notes why a connect has failed, for callers that wait for another one, if there are any: that allocates. That a
/// caller had no more time says nothing of the server.
fn note_failure<P: ManagedParts>(pool: &P, purpose: Purpose, failure: &Failure<ErrorOf<P>>, took: Duration) {
    let (manager, config) = (pool.manager(), pool.shared().config());
    let is_told = pool.tells_errors() && (purpose == Purpose::Pool || pool.engine().waiting() > 0);
    let failure = match failure {
        Failure::Error(error) => is_told.then(|| ConnectFailure {
            error: ErrorText::of(Described(manager, error)),
            ends_waits: config.fail_fast || manager.is_permanent(error),
        }),
        Failure::TimedOut if config.connect_timeout.is_some_and(|limit| took >= limit) => {
            let error = || ErrorText::of(format_args!("no answer within {took:?}"));
            is_told.then(|| ConnectFailure { error: error(), ends_waits: config.fail_fast })
        }
        Failure::TimedOut | Failure::Told(_) | Failure::NoTime | Failure::Superseded => return,
    };
    if failure.is_some() || purpose == Purpose::Pool {
        pool.shared().note_failure(pool.coarse(), failure, purpose);
    }
}

/// A connect that has begun: a panic of the manager counts as a failure, so that the next one is begun after a pause.
struct Attempt<'a, P: ManagedParts> {
    pool: &'a P,
    purpose: Purpose,
}

impl<P: ManagedParts> Drop for Attempt<'_, P> {
    fn drop(&mut self) {
        if is_panicking() {
            let failure = || ConnectFailure { error: ErrorText::of("the manager panicked"), ends_waits: false };
            let failure = self.pool.tells_errors().then(failure);
            self.pool.shared().note_failure(self.pool.coarse(), failure, self.purpose);
        }
    }
}

/// Why connecting fails, if it does, and that is why there is no connection: not if the pool is full, nor if it has
/// been long since a connect was tried.
pub(crate) fn present_failure<P: ManagedParts>(pool: &P) -> Option<ConnectFailure> {
    let (status, shared) = (pool.engine().status(), pool.shared());
    let is_recent = |since: usize| since <= 2 * span(shared.config().retry.longest_pause);
    let is_failing = shared.failed_ago(pool.coarse()).is_some_and(is_recent);
    if is_failing && status.vacant + status.connecting > 0 { shared.failure() } else { None }
}

/// A check that did not find the connection fit.
pub(crate) struct CheckError<'a, P: ManagedParts> {
    /// The slot with the unfit connection; `None` if the check did not begin, and the slot was released.
    unready: Option<UnreadySlot<'a, P>>,
    failure: Failure<ErrorOf<P>>,
}

impl<P: ManagedParts> CheckError<'_, P> {
    /// What the manager says of the connection.
    pub(crate) fn describe(&self, pool: &P) -> Option<ErrorText> {
        match &self.failure {
            Failure::Error(error) => Some(ErrorText::of(Described(pool.manager(), error))),
            Failure::Told(_) | Failure::TimedOut | Failure::NoTime | Failure::Superseded => None,
        }
    }

    /// Discards the connection, if it was checked.
    pub(crate) fn discard(self) {
        if let Some(unready) = self.unready {
            unready.discard(DiscardReason::Invalid);
        }
    }
}

/// Has a connection checked.
pub(crate) async fn check<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    mut unready: UnreadySlot<'a, P>,
    why: CheckReason,
) -> Result<ClaimedSlot<'a, P>, CheckError<'a, P>> {
    let counters = pool.shared().counters();
    match caller.check(pool, unready.connection(), why).await {
        Ok(()) => {
            counters.checked.add_shared(1);
            Ok(unready.pass_check())
        }
        Err(Failure::NoTime) => {
            drop(ClaimedSlot::new(pool, unready.into_slot()));
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
