//! Layer 6 · part of managed · knows: slot, worker, errors · must not know: threads, tasks
//!
//! From a slot to a connection that is fit to be lent, whoever does the work.

use core::panic::Location;
use core::pin::pin;
use core::time::Duration;

use super::clock::Millis;
use super::error::{GetError, Situation};
use super::holders;
use super::keep::{ErrorOf, Keep};
use super::keeper::{Count, IN_TURN, SELF_TIMED, TRACK};
use super::manager::{Event, Reason};
use super::notes::{EVICTED, SAMPLE, period};
use super::observe;
use super::slot::{Finding, Lent, Suspect, Vacant};
use super::worker::{Failure, Worker};
use crate::acquire::Place;
use crate::engine::{Refusal, Turn};
use crate::guard::{claim_any, claim_first};
use crate::sync::thread_number;

/// One borrowing in so many is timed where nobody says which.
const SAMPLED: usize = 32;

/// Why a slot has not become a connection to lend. The slot is passed on by then.
pub(crate) enum Setback<E> {
    /// Its connection was unfit, and another could not be made in it.
    Unfit(Failure<E>),
    NotConnected(Failure<E>, Duration),
    /// The caller's time was up before the manager could begin.
    NoTime,
    Closed,
}

/// A connection, if there is one that can be lent without a closer look: the fast path. The caller owns the slot then.
#[inline(always)]
pub(super) fn acquire_at_first<P: Keep>(pool: P, site: &'static Location<'static>) -> Option<usize> {
    if pool.keeper().attention() != 0 {
        return None;
    }
    let slot = claim_first(&pool)?;
    if pool.has_remarks(slot) {
        return look_again(pool, slot, site);
    }
    note_site(pool, slot, site);
    Some(slot)
}

/// There is something written about the connection: maybe no more than that it is to be timed.
#[cold]
#[inline(never)]
fn look_again<P: Keep>(pool: P, slot: usize, site: &'static Location<'static>) -> Option<usize> {
    let lent = Lent::new(pool, slot);
    // If it is not fit it goes back as it came, and is looked at again by the slow path.
    let Finding::Fit(now) = lent.look() else {
        lent.put_back();
        return None;
    };
    Some(lend(pool, lent, site, 0, now))
}

/// What has come of a caller's first look, if the fast path had nothing.
pub(super) enum Begun<P: Keep> {
    /// It has a connection.
    Done(usize),
    /// There is work to do, maybe on the connection that it has at hand.
    Work(Option<Lent<P>>),
}

/// An idle connection, if there is one that can be lent as it is.
pub(super) fn begin<P: Keep>(pool: P, site: &'static Location<'static>, thread: usize) -> Begun<P> {
    pool.keeper().rouse();
    let Some(lent) = claim(pool) else { return Begun::Work(None) };
    match lent.look() {
        Finding::Fit(now) => Begun::Done(lend(pool, lent, site, thread, now)),
        _ => Begun::Work(Some(lent)),
    }
}

/// A connection that can be lent as it is, if there is one.
pub(super) fn acquire_idle<P: Keep>(pool: P, site: &'static Location<'static>) -> Option<usize> {
    if let Some(slot) = acquire_at_first(pool, site) {
        return Some(slot);
    }
    match begin(pool, site, tracked_thread(pool)) {
        Begun::Done(slot) => Some(slot),
        Begun::Work(None) => None,
        Begun::Work(Some(unfit)) => {
            unfit.put_back();
            None
        }
    }
}

/// A connection, after as much work as it takes.
pub(super) async fn acquire<P: Keep, W: Worker<P>>(
    pool: P,
    worker: &W,
    site: &'static Location<'static>,
    thread: usize,
    at_hand: Option<Lent<P>>,
) -> Result<usize, GetError<ErrorOf<P>>> {
    let mut work = observe::Work::begin(pool);
    let found = work.span().around(async {
        let found = find(pool, worker, thread, at_hand, &mut work).await;
        found.inspect_err(|error| observe::refused(pool, error))
    });
    let lent = found.await?;
    // Who is told may panic: not when the slot is a mere number.
    drop(work);
    Ok(lend(pool, lent, site, thread, None))
}

async fn find<P: Keep, W: Worker<P>>(
    pool: P,
    worker: &W,
    thread: usize,
    mut at_hand: Option<Lent<P>>,
    work: &mut observe::Work<P>,
) -> Result<Lent<P>, GetError<ErrorOf<P>>> {
    let (mut place, mut failures, mut unfit) = (Place::NEW, 0, None);
    loop {
        let lent = if let Some(lent) = at_hand.take() {
            lent
        } else {
            refuse_nested(pool, worker, thread)?;
            let lent = work.wait(pin!(worker.slot(pool, &mut place))).await;
            lent.map_err(|refusal| explain(pool, refusal, unfit.take()))?
        };
        place.turn = Turn::Again;
        match prepare(pool, worker, lent).await {
            Ok(lent) => return Ok(lent),
            Err(Setback::Unfit(failure)) => unfit = Some(failure),
            Err(Setback::NoTime) => {
                // To come again would be in vain: it might be the same connection, for ever.
                pool.core().count_timeout();
                return Err(explain(pool, Refusal::TimedOut, unfit.take()));
            }
            Err(Setback::Closed) => return Err(explain(pool, Refusal::Closed, None)),
            Err(Setback::NotConnected(failure, took)) => {
                failures += 1;
                let retry = pool.keeper().config().retry;
                if failures > retry.attempts || !worker.can_pause() {
                    return Err(not_connected(pool, failure, took));
                }
                let pause = retry.pause(failures, pool.keeper().random());
                place.turn = Turn::Pausing;
                let granted = work.wait(pin!(worker.pause(pool, pause, &mut place))).await;
                match granted {
                    Ok(lent) => at_hand = Some(lent),
                    Err(Refusal::TimedOut) if worker.can_pause() => place.turn = Turn::Again,
                    Err(Refusal::TimedOut) => return Err(not_connected(pool, failure, took)),
                    Err(refusal) => return Err(explain(pool, refusal, None)),
                }
            }
        }
    }
}

/// An idle connection, without the lock.
fn claim<P: Keep>(pool: P) -> Option<Lent<P>> {
    let keeper = pool.keeper();
    if !keeper.pays(IN_TURN) {
        let slot = claim_first(&pool).or_else(|| claim_any(&pool).ok())?;
        return Some(Lent::new(pool, slot));
    }
    let claimed = pool.core().claim_after(keeper.last_lent()).ok()?;
    keeper.note_lent(claimed.slot);
    let lent = Lent::new(pool, claimed.slot);
    if claimed.is_news {
        pool.look_for_a_peak();
    }
    Some(lent)
}

/// A thread that holds a connection of an exhausted pool does not wait for another one for ever.
fn refuse_nested<P: Keep, W: Worker<P>>(pool: P, worker: &W, thread: usize) -> Result<(), GetError<ErrorOf<P>>> {
    if !worker.is_patient() || !pool.keeper().pays(TRACK) {
        return Ok(());
    }
    let status = pool.core().status();
    // In a closed pool nobody waits.
    let is_exhausted = status.idle + status.vacant == 0 && !status.closed;
    match holders::own(pool, thread) {
        Some(own) if is_exhausted => Err(GetError::Nested { own, situation: situation(pool) }),
        _ => Ok(()),
    }
}

/// Sees to it that there is a connection in the slot which can be lent.
pub(crate) async fn prepare<P: Keep, W: Worker<P>>(
    pool: P,
    worker: &W,
    lent: Lent<P>,
) -> Result<Lent<P>, Setback<ErrorOf<P>>> {
    let mut vacant = match lent.look() {
        Finding::Fit(_) => return Ok(lent),
        Finding::Vacant => lent.vacant(),
        Finding::Check => match check(pool, worker, lent.suspect()).await {
            Ok(fit) => return Ok(fit),
            Err(Unfit { suspect: Some(unfit), failure }) => {
                unfit.convict(Reason::Invalid).ok_or(Setback::Unfit(failure))?
            }
            Err(Unfit { suspect: None, .. }) => return Err(Setback::NoTime),
        },
        Finding::Unfit(reason) => {
            // Without a failure of the manager's to tell of: the caller comes again, and learns how that ends.
            lent.suspect().convict(reason).ok_or(Setback::Unfit(Failure::NoTime))?
        }
    };
    loop {
        let made = make(pool, worker, vacant, Vacant::fill).await;
        let lent = made.map_err(|(failure, took)| match failure {
            Failure::NoTime => Setback::NoTime,
            failure => Setback::NotConnected(failure, took),
        })?;
        if pool.core().is_closed() {
            lent.suspect().discard(Reason::Closed);
            return Err(Setback::Closed);
        }
        if !pool.notes(lent.slot()).is_marked(EVICTED) {
            return Ok(lent);
        }
        // Everything was evicted while this one was being made.
        vacant = lent.suspect().convict(Reason::Evicted).ok_or(Setback::Unfit(Failure::NoTime))?;
    }
}

/// Connects in a vacant slot, which is put down if that fails.
pub(super) async fn make<P: Keep, W: Worker<P>>(
    pool: P,
    worker: &W,
    vacant: Vacant<P>,
    fill: impl FnOnce(Vacant<P>, P::Connection) -> Lent<P>,
) -> Result<Lent<P>, (Failure<ErrorOf<P>>, Duration)> {
    let began = pool.now();
    match worker.connect(pool).await {
        Ok(connection) => {
            let took = pool.since(began);
            // First of all, so that it is the pool's whatever happens next.
            let lent = fill(vacant, connection);
            observe::event(pool, &Event::Connected { took });
            Ok(lent)
        }
        Err(failure) => {
            let took = pool.since(began);
            // Before anybody is told, who may take their time: the next in line is not to wait for that.
            drop(vacant);
            match &failure {
                Failure::Error(error) => observe::event(pool, &Event::ConnectFailed { error: Some(error), took }),
                Failure::TimedOut => observe::event(pool, &Event::ConnectFailed { error: None, took }),
                Failure::NoTime => {}
            }
            Err((failure, took))
        }
    }
}

/// What came of a check that did not find the connection fit.
pub(crate) struct Unfit<P: Keep> {
    /// The connection to part with; there is none if the check did not begin, and the slot was passed on.
    pub(super) suspect: Option<Suspect<P>>,
    failure: Failure<ErrorOf<P>>,
}

impl<P: Keep> Unfit<P> {
    /// Parts with the connection, if it was checked.
    pub(crate) fn discard(self) {
        if let Some(suspect) = self.suspect {
            suspect.discard(Reason::Invalid);
        }
    }
}

/// Has a connection checked.
pub(crate) async fn check<P: Keep, W: Worker<P>>(
    pool: P,
    worker: &W,
    mut suspect: Suspect<P>,
) -> Result<Lent<P>, Unfit<P>> {
    match worker.check(pool, suspect.connection()).await {
        Ok(()) => {
            pool.keeper().count(Count::Checked);
            Ok(suspect.acquit())
        }
        Err(Failure::NoTime) => {
            drop(Lent::new(pool, suspect.into_slot()));
            Err(Unfit { suspect: None, failure: Failure::NoTime })
        }
        Err(failure) => {
            pool.keeper().count(Count::Checked);
            let error = if let Failure::Error(error) = &failure { Some(error) } else { None };
            observe::event(pool, &Event::CheckFailed { error });
            Err(Unfit { suspect: Some(suspect), failure })
        }
    }
}

/// Writes down who borrows the connection; the slot is the caller's then.
fn lend<P: Keep>(
    pool: P,
    lent: Lent<P>,
    site: &'static Location<'static>,
    thread: usize,
    now: Option<Millis>,
) -> usize {
    note_site(pool, lent.slot(), site);
    note_loan(pool, &lent, thread, now);
    lent.into_slot()
}

#[inline(always)]
fn note_site<P: Keep>(pool: P, slot: usize, site: &'static Location<'static>) {
    if let Some(holding) = pool.holding(slot) {
        holding.note_site(site);
    }
}

/// Writes down since when the connection is held, and by which thread, as far as the pool wants to know.
pub(crate) fn note_loan<P: Keep>(pool: P, lent: &Lent<P>, thread: usize, now: Option<Millis>) {
    let (notes, keeper) = (pool.notes(lent.slot()), pool.keeper());
    let uses = pool.core().books().get(lent.slot()).uses();
    let is_self_timed = keeper.pays(SELF_TIMED);
    if let Some(holding) = pool.holding(lent.slot()) {
        if keeper.pays(TRACK) {
            holding.note_thread(thread);
        }
        if notes.is_marked(SAMPLE) || is_self_timed && uses % SAMPLED == 1 {
            holding.time_from(observe::micros(pool));
        }
    }
    notes.unmark(SAMPLE);
    if is_self_timed {
        notes.see(period(uses, true), now.unwrap_or_else(|| pool.coarse()));
    }
}

/// The number of the calling thread, if the pool wants to know.
pub(super) fn tracked_thread<P: Keep>(pool: P) -> usize {
    if pool.keeper().pays(TRACK) { thread_number() } else { 0 }
}

pub(super) fn situation<P: Keep>(pool: P) -> Situation {
    Situation { pool: pool.keeper().config().name, status: pool.core().status(), longest: holders::longest(pool) }
}

/// The caller's time is up.
#[cold]
fn timed_out<P: Keep>(pool: P) -> GetError<ErrorOf<P>> {
    pool.core().count_timeout();
    explain(pool, Refusal::TimedOut, None)
}

/// Says why there is no connection.
#[cold]
fn explain<P: Keep>(pool: P, refusal: Refusal, unfit: Option<Failure<ErrorOf<P>>>) -> GetError<ErrorOf<P>> {
    let situation = situation(pool);
    match (refusal, unfit) {
        (Refusal::NoSlots, _) => GetError::NoConnections,
        (Refusal::Closed, _) => GetError::Closed(situation),
        (Refusal::QueueFull, _) => {
            pool.keeper().count(Count::Refused);
            GetError::QueueFull(situation)
        }
        (_, Some(Failure::Error(error))) => GetError::Invalid { error: Some(error), situation },
        (_, Some(Failure::TimedOut)) => GetError::Invalid { error: None, situation },
        (Refusal::TimedOut, _) => GetError::Timeout(situation),
        (Refusal::Exhausted, _) => GetError::Exhausted(situation),
    }
}

#[cold]
fn not_connected<P: Keep>(pool: P, failure: Failure<ErrorOf<P>>, after: Duration) -> GetError<ErrorOf<P>> {
    let situation = situation(pool);
    match failure {
        Failure::Error(error) => GetError::Connect { error, situation },
        Failure::TimedOut => GetError::ConnectTimeout { after, situation },
        Failure::NoTime => timed_out(pool),
    }
}
