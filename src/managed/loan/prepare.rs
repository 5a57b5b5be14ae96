// knows: caller, event, observe, parts, record, tokens · must not know: threads, tasks
//! From a claimed slot to a connection that is fit to be used, for any kind of caller.

use core::time::Duration;

use super::caller::{Caller, Failure};
use super::tokens::{Assessment, ClaimedSlot, ConnectingSlot, UnreadySlot};
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::managed::observe;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::record::EVICTED;

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

/// Makes sure that the slot has a connection that is fit to be used: checks it, or makes another.
pub(crate) async fn prepare<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    claimed: ClaimedSlot<'a, P>,
) -> Result<ClaimedSlot<'a, P>, PrepareError<ErrorOf<P>>> {
    let mut connecting = match claimed.assess() {
        Assessment::Fit(_) => return Ok(claimed),
        Assessment::Vacant => claimed.into_connecting(),
        Assessment::Check(why) => match check(pool, caller, claimed.into_unready(), why).await {
            Ok(fit) => return Ok(fit),
            Err(CheckError { unready: Some(unfit), failure }) => {
                unfit.discard_for_reconnect(DiscardReason::Invalid).ok_or(PrepareError::Unfit(failure))?
            }
            Err(CheckError { unready: None, .. }) => return Err(PrepareError::NoTime),
        },
        // No call of the manager has failed, so there is no error to report: the caller waits again, and its next wait
        // decides.
        Assessment::Unfit(reason) => reconnect_in(claimed, reason)?,
    };
    loop {
        let made = make(pool, caller, connecting, ConnectingSlot::fill).await;
        let claimed = made.map_err(|(failure, took)| match failure {
            Failure::NoTime => PrepareError::NoTime,
            failure => PrepareError::NotConnected(failure, took),
        })?;
        if pool.engine().is_closed() {
            claimed.into_unready().discard(DiscardReason::Closed);
            return Err(PrepareError::Closed);
        }
        if !pool.record(claimed.slot()).is_marked(EVICTED) {
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
pub(crate) async fn make<'a, P: ManagedParts, W: Caller<P>>(
    pool: &'a P,
    caller: &W,
    connecting: ConnectingSlot<'a, P>,
    fill: impl FnOnce(ConnectingSlot<'a, P>, P::Connection) -> ClaimedSlot<'a, P>,
) -> Result<ClaimedSlot<'a, P>, (Failure<ErrorOf<P>>, Duration)> {
    let began = pool.now();
    match caller.connect(pool).await {
        Ok(connection) => {
            let took = pool.since(began);
            // Before the event, in which user code may panic: the connection is the pool's by then.
            let claimed = fill(connecting, connection);
            observe::event(pool, &Event::Connected { took });
            Ok(claimed)
        }
        Err(failure) => {
            let took = pool.since(began);
            // Before the event, since the manager and subscribers may take long: the next waiter must not wait for
            // them.
            drop(connecting);
            match &failure {
                Failure::Error(error) => observe::event(pool, &Event::ConnectFailed { error: Some(error), took }),
                Failure::TimedOut => observe::event(pool, &Event::ConnectFailed { error: None, took }),
                Failure::NoTime => {}
            }
            Err((failure, took))
        }
    }
}

/// A check that did not find the connection fit.
pub(crate) struct CheckError<'a, P: ManagedParts> {
    /// The slot with the unfit connection; `None` if the check did not begin, and the slot was released.
    unready: Option<UnreadySlot<'a, P>>,
    failure: Failure<ErrorOf<P>>,
}

impl<P: ManagedParts> CheckError<'_, P> {
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
