//! Layer 6 · part of managed · knows: slot, acquire, worker · must not know: who calls it, how often
//!
//! Looking after connections that nobody uses: those that are too old, idle for too long, to be checked, or missing.
//!
//! A look at all slots marks what has grown old or stale, so that borrowers need not ask the clock while somebody looks
//! often enough. Whatever the manager has to do is done with the slot in hand and no lock held.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, Waker};
use core::time::Duration;

use super::acquire::{check, make};
use super::clock::{Clock, Millis, duration, span};
use super::config::Config;
use super::holders::holder;
use super::keep::Keep;
use super::manager::{AsyncManager, Event, Manager, Reason};
use super::notes::{CHECK, EVICTED, EXPIRED, FOR_EVER, Notes, SAMPLE, period};
use super::observe;
use super::pool::Pool;
use super::slot::{Lent, Suspect, Vacant};
use super::worker::{Now, Task, Worker, at_once, race};
use crate::books::Book;

/// The longest time between two looks, and the shortest.
const LONGEST: usize = 30_000;
const SHORTEST: usize = 10;
/// The longest while connections are in use and there is anything to see to.
const LONGEST_BUSY: usize = 1000;

/// What a look after the pool has come to, from [`Pool::maintain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Maintained {
    /// Connections made.
    pub connected: usize,
    /// Attempts to make one that failed; the next is made after a pause.
    pub connect_failed: usize,
    /// Connections checked because nobody had used them for long.
    pub checked: usize,
    /// Connections parted with, for whatever reason.
    pub discarded: usize,
    /// Borrowings found to exceed the leak threshold.
    pub leaked: usize,
    /// When to look again, at the latest, if the pool is to keep what its configuration promises: in so long.
    pub next: Duration,
}

/// Maintenance by a loop of your own.
impl<M: Manager, const N: usize, K: Clock> Pool<M, N, K> {
    /// Looks after the pool once: parts with connections that are too old, or idle for too long beyond `min_idle`; checks
    /// those that have been silent for as long as `keepalive`; makes new ones up to `min_idle`; reports leaks.
    ///
    /// `now` is the time by the pool's [clock](Clock). Call it again after [`Maintained::next`], or whenever it suits you:
    /// what is late is done late, and borrowers look at the clock themselves meanwhile. If somebody else is at it, nothing
    /// is done. With `std` there are `health_check` and, for tasks, [`maintenance`](Self::maintenance), which call it as
    /// often as is needed and spare borrowers the look at the clock.
    ///
    /// # Blocking
    ///
    /// As long as the manager takes. No caller is delayed by it who could be served otherwise.
    ///
    /// # Panics
    ///
    /// If the manager does; nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Clock, Config, Manage, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Manage for Server { type Connection = (); type Error = (); }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> Result<(), ()> { Ok(()) } }
    /// let pool = Pool::<_, 8>::new(Server, Config::new().min_idle(2)).unwrap();
    /// let done = pool.maintain(pool.clock().now());
    /// assert_eq!((done.connected, pool.status().idle), (2, 2));
    /// ```
    pub fn maintain(&self, now: Duration) -> Maintained {
        at_once(maintain(self, &Now, Millis::at(now)))
    }
}

/// Maintenance by a task of your own.
impl<M: AsyncManager, const N: usize, K: Clock> Pool<M, N, K> {
    /// As [`maintain`](Self::maintain), for a manager that awaits.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment: a connect ends, a connection that was being checked is discarded.
    pub async fn maintain_async(&self, now: Duration) -> Maintained {
        maintain(self, &Task::new(self.clock()), Millis::at(now)).await
    }

    /// Looks after the pool as often as is needed, until it is closed: a future to spawn, for clocks that can
    /// [sleep](Clock::sleep) (others are refused at compile time).
    ///
    /// While it runs, borrowers need not look at the clock.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment, and begun anew.
    pub fn maintenance(&self) -> impl Future<Output = ()> {
        const { assert!(K::SLEEPS, "the pool's clock cannot sleep: see conn_pool::managed::Clock::sleep") };
        async move {
            let (mut watch, _unwatched) = (Watch::new(), Unwatched(self));
            while !self.is_closed() {
                look_away(self);
                maintain(self, &Task::new(self.clock()), self.coarse()).await;
                let next = poll_fn(|context| Poll::Ready(watch.look(self, context.waker()))).await;
                race(pin!(self.clock().sleep(next)), pin!(Some(roused(self)))).await;
            }
        }
    }
}

/// Looks at a pool as often as is needed for its borrowers to trust in marks.
pub(super) struct Watch {
    /// The uses of all connections when it looked last.
    uses: usize,
}

impl Watch {
    pub(super) const fn new() -> Self {
        Self { uses: 0 }
    }

    /// Looks, and says when to look again, unless `waker` is called before. If nothing has happened in the pool since the last
    /// look, ages are left to its borrowers, the first of whom calls it.
    pub(super) fn look<P: Keep>(&mut self, pool: P, waker: &Waker) -> Duration {
        let (now, keeper) = (pool.coarse(), pool.keeper());
        let interval = interval(keeper.config());
        survey(pool, now, interval);
        let uses = pool.core().books().iter().map(Book::uses).fold(0, usize::wrapping_add);
        let is_busy = core::mem::replace(&mut self.uses, uses) != uses;
        keeper.sleep(waker, now);
        match interval {
            Some(_) if is_busy => keeper.trust_marks(true),
            Some(_) => keeper.note_sleep(true),
            None => {}
        }
        // What was done before this is seen now, and whoever does something after it finds who sleeps.
        pool.core().synchronize();
        let next = if is_pressing(pool, now) { SHORTEST } else { due(pool, now) };
        duration(interval.filter(|_| is_busy).map_or(next, |interval| next.min(interval)))
    }
}

/// From now on nobody looks: something is done that may take long.
pub(super) fn look_away<P: Keep>(pool: P) {
    pool.keeper().trust_marks(false);
    pool.keeper().note_sleep(false);
}

/// Ends when somebody has woken the maintenance.
async fn roused<P: Keep>(pool: P) {
    poll_fn(|context| if pool.keeper().sleep_on(context.waker()) { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Nobody looks any more, and nobody is to be woken.
pub(super) fn look_no_more<P: Keep>(pool: P) {
    look_away(pool);
    pool.keeper().survey_no_more();
    // A waker may hold whatever it wakes, and that the pool.
    drop(pool.keeper().take_sleeper());
}

/// Nobody looks any more, as soon as it is dropped.
struct Unwatched<P: Keep>(P);

impl<P: Keep> Drop for Unwatched<P> {
    fn drop(&mut self) {
        look_no_more(self.0);
    }
}

/// How often to look at a pool that is in use, for its borrowers to trust in marks, and for idle connections not to be missed
/// for long; `None` if there is neither.
///
/// A connection that falls idle just after a look is seen so at the next one, and marked when the look after that would
/// come too late. With four looks within the time that it may be idle it is marked after half of that, and before its end.
fn interval(config: &Config) -> Option<usize> {
    let stale = config.validate_after.filter(|after| !after.is_zero()).map(|after| span(after) / 4);
    let old = config.max_lifetime.map(|lifetime| span(lifetime) / 16);
    let missing = (config.min_idle > 0).then_some(LONGEST_BUSY);
    let least = stale.into_iter().chain(old).chain(missing).min()?;
    Some(least.clamp(1, LONGEST_BUSY))
}

/// Looks at all connections and marks them. The marks hold until the next look, if there is one within `interval`.
fn survey<P: Keep>(pool: P, now: Millis, interval: Option<usize>) {
    let config = pool.keeper().config();
    for (slot, book) in pool.core().books().iter().enumerate().filter(|(_, book)| book.is_filled()) {
        let (notes, is_idle) = (pool.notes(slot), pool.core().is_idle(slot));
        let period = period(book.uses(), !is_idle);
        notes.see(period, now);
        // Nobody looks again for an interval.
        if notes.left_to_live(now) <= interval.unwrap_or(0) {
            notes.mark(EXPIRED);
        }
        notes.mark(SAMPLE);
        if let (Some(interval), Some(longest), true) = (interval, config.validate_after, is_idle) {
            // It may be idle for an interval longer than was seen, and nobody looks again for another.
            if now.since(notes.fresh_at()) + 2 * interval > span(longest) {
                notes.mark(CHECK);
            }
        }
    }
}

/// Whether something has come up since the last upkeep that does not wait.
fn is_pressing<P: Keep>(pool: P, now: Millis) -> bool {
    let (status, keeper) = (pool.core().status(), pool.keeper());
    let is_short = status.idle < keeper.config().min_idle && pool.core().room_to_connect() > 0;
    status.closed || is_short && keeper.may_refill(now)
}

/// In how many milliseconds something is due.
fn due<P: Keep>(pool: P, now: Millis) -> usize {
    let keeper = pool.keeper();
    let mut next = keeper.refill_due(now).map_or(LONGEST, usize::from);
    for (slot, book) in pool.core().books().iter().enumerate().filter(|(_, book)| book.is_filled()) {
        next = next.min(due_for(keeper.config(), pool.notes(slot), pool.core().is_idle(slot), now, book.uses()));
    }
    next.clamp(SHORTEST, LONGEST)
}

fn due_for(config: &Config, notes: &Notes, is_idle: bool, now: Millis, uses: usize) -> usize {
    let age = if notes.is_seen(period(uses, !is_idle)) { now.since(notes.seen_at()) } else { 0 };
    let left = |limit: Option<Duration>, age: usize| limit.map_or(FOR_EVER, |limit| span(limit).saturating_sub(age));
    let soonest = if is_idle {
        [left(config.idle_timeout, age), left(config.keepalive, now.since(notes.fresh_at()))]
    } else {
        [left(config.leak_threshold, age), FOR_EVER]
    };
    // What is overdue cannot be done now, or it would have been.
    let left = soonest.into_iter().chain([notes.left_to_live(now)]);
    left.filter(|left| *left > 0).min().unwrap_or(FOR_EVER)
}

/// Only one looks after a pool at a time.
struct Turn<P: Keep>(P);

impl<P: Keep> Turn<P> {
    fn begin(pool: P) -> Option<Self> {
        pool.keeper().begin_upkeep().then(|| Self(pool))
    }
}

impl<P: Keep> Drop for Turn<P> {
    fn drop(&mut self) {
        self.0.keeper().end_upkeep();
    }
}

/// Looks after the pool once.
pub(crate) async fn maintain<P: Keep, W: Worker<P>>(pool: P, worker: &W, now: Millis) -> Maintained {
    let mut done = Maintained::default();
    if let Some(_turn) = Turn::begin(pool)
        && !pool.core().is_closed()
    {
        survey(pool, now, None);
        done.leaked = report_leaks(pool, now);
        tend(pool, worker, now, &mut done).await;
        while idle(pool) < pool.keeper().config().min_idle && refill(pool, worker, now, &mut done).await == Refill::Done
        {
        }
        observe::publish(pool);
    }
    done.next = duration(due(pool, now));
    done
}

fn idle<P: Keep>(pool: P) -> usize {
    pool.core().status().idle
}

fn report_leaks<P: Keep>(pool: P, now: Millis) -> usize {
    let Some(threshold) = pool.keeper().config().leak_threshold else { return 0 };
    let mut leaked = 0;
    for slot in 0..pool.core().books().len() {
        if let Some(holder) = holder(pool, slot, now)
            && holder.held_for >= threshold
            && pool
                .holding(slot)
                .is_some_and(|holding| holding.report_once(period(pool.core().books().get(slot).uses(), true)))
        {
            leaked += 1;
            observe::event(pool, &Event::Leaked { holder });
        }
    }
    leaked
}

/// What an idle connection needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It has to go, and another to come if it would be missed.
    Replacement(Reason),
    /// It is one too many.
    Dismissal,
    Check,
}

fn need<P: Keep>(pool: P, slot: usize, now: Millis) -> Option<Need> {
    let (book, notes, config) = (pool.core().books().get(slot), pool.notes(slot), pool.keeper().config());
    if notes.is_marked(EVICTED) {
        return Some(Need::Replacement(Reason::Evicted));
    }
    if notes.is_marked(EXPIRED) || notes.left_to_live(now) == 0 {
        return Some(Need::Replacement(Reason::Expired));
    }
    let is_over = |limit: Option<Duration>, since: Millis| limit.is_some_and(|limit| now.since(since) >= span(limit));
    if !notes.is_seen(period(book.uses(), false)) {
        return None;
    }
    if is_over(config.idle_timeout, notes.seen_at()) && is_spare(pool, slot) {
        return Some(Need::Dismissal);
    }
    is_over(config.keepalive, notes.fresh_at()).then_some(Need::Check)
}

/// Whether there are enough idle connections besides this one.
fn is_spare<P: Keep>(pool: P, slot: usize) -> bool {
    // It may have come back since the others were counted.
    idle(pool).saturating_sub(usize::from(pool.core().is_idle(slot))) >= pool.keeper().config().min_idle
}

/// Gives each idle connection what it needs, those in the slots that are lent last first.
async fn tend<P: Keep, W: Worker<P>>(pool: P, worker: &W, now: Millis, done: &mut Maintained) {
    for slot in (0..pool.core().books().len()).rev() {
        let is_idle = pool.core().books().get(slot).is_filled() && pool.core().is_idle(slot);
        let Some(need) = (if is_idle { need(pool, slot, now) } else { None }) else { continue };
        if matches!(need, Need::Replacement(_)) && !is_spare(pool, slot) {
            // Before it goes, if there is room. If the server cannot be reached it stays, for as long as nobody asks for it.
            if refill(pool, worker, now, done).await == Refill::Failed {
                continue;
            }
        }
        if pool.core().claim_slot(slot) {
            tend_to(pool, worker, Lent::new(pool, slot), now, done).await;
        }
    }
}

/// Gives a connection what it needs now that it is at hand: it may have been used since it was looked at.
async fn tend_to<P: Keep, W: Worker<P>>(pool: P, worker: &W, lent: Lent<P>, now: Millis, done: &mut Maintained) {
    match need(pool, lent.slot(), now) {
        None => drop(lent),
        Some(Need::Replacement(reason)) => discard(lent.suspect(), reason, done),
        Some(Need::Dismissal) => discard(lent.suspect(), Reason::Idle, done),
        Some(Need::Check) => {
            done.checked += 1;
            match check(pool, worker, lent.suspect()).await {
                Ok(fit) => drop(fit),
                Err(unfit) => {
                    done.discarded += 1;
                    unfit.discard();
                }
            }
        }
    }
}

fn discard<P: Keep>(suspect: Suspect<P>, reason: Reason, done: &mut Maintained) {
    // Counted first: the manager may panic.
    done.discarded += 1;
    suspect.discard(reason);
}

#[derive(PartialEq, Eq)]
enum Refill {
    Done,
    Failed,
    NoRoom,
}

/// Makes a connection that nobody has asked for yet.
async fn refill<P: Keep, W: Worker<P>>(pool: P, worker: &W, now: Millis, done: &mut Maintained) -> Refill {
    if !pool.keeper().may_refill(now) {
        return Refill::Failed;
    }
    let Some(slot) = pool.core().claim_to_refill() else { return Refill::NoRoom };
    let vacant = Vacant::new(pool, slot);
    // A failure until it has come out well: the manager may panic, and is to have its pause then too.
    pool.keeper().note_refill(now, true);
    if make(pool, worker, vacant, Vacant::refill).await.is_err() {
        done.connect_failed += 1;
        return Refill::Failed;
    }
    pool.keeper().note_refill(now, false);
    done.connected += 1;
    Refill::Done
}
