// knows: acquire, caller, clock, error, parts, search, timed, tokens, engine, slot · must not know: executors,
// records
//! A task's whole way to a connection, as a future.
//!
//! Written by hand: most tasks that wait are granted a connection that is fit as it is, and for them the future is no
//! more than a wait in the queue. What a search takes besides is made only for those that have to search.

use core::future::Future;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, forget, replace};
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::acquire::{FirstTry, Found, Site, acquire_first_here, first_try_here, lend};
use super::caller::{Async, Caller};
use super::search::{Beginning, Search, acquire, may_be_unreachable};
use super::timed::Limit;
use super::tokens::ClaimedSlot;
use crate::engine::{AcquireError, SlotToken, Ticket, WaiterKind};
use crate::managed::clock::Clock;
use crate::managed::error::GetError;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::slot::{Acquire, RawGuard};

/// A connection for a task, in a `guard`. `begin` is called with the caller when it cannot be served at once.
#[inline]
pub(crate) fn get<'a, P: ManagedParts, K: Clock, W: From<Async<'a, K>> + Caller<P> + 'a, G>(
    pool: &'a P,
    site: Site,
    caller: Async<'a, K>,
    begin: impl Fn(&'a P, &mut Async<'a, K>),
    guard: impl Fn(RawGuard<&'a P>) -> G,
) -> impl Future<Output = Result<G, GetError<ErrorOf<P>>>> {
    Get {
        pool,
        site,
        caller,
        begin,
        limit: Async::own_time,
        search: acquire::<P, W>,
        guard,
        course: ManuallyDrop::new(Course::Fresh),
        kind: PhantomData,
    }
}

/// The functions are what the task does when it comes to it, and take no room.
struct Get<'a, P: ManagedParts, K, W, B, T, S, E, L, F> {
    pool: &'a P,
    site: Site,
    caller: Async<'a, K>,
    begin: B,
    limit: T,
    search: S,
    guard: E,
    course: ManuallyDrop<Course<'a, P, L, F>>,
    /// The kind of caller that it is when it has to search.
    kind: PhantomData<fn() -> W>,
}

/// What the task is doing.
#[allow(clippy::large_enum_variant, reason = "a task that waits has it in itself: it allocates nothing")]
enum Course<'a, P: ManagedParts, L, F> {
    /// It was not polled yet.
    Fresh,
    /// It waits in the queue for the first time.
    Waiting(FirstWait<'a, P, L>),
    /// It does all that it takes.
    Searching(F),
    Done,
}

type Granted<'a, P> = Result<ClaimedSlot<'a, P>, AcquireError>;

/// A task's first wait in the queue, until its time is up.
struct FirstWait<'a, P: ManagedParts, L> {
    acquire: Acquire<'a, P>,
    /// `None` once the wait has ended.
    begun: Option<Beginning<'a, P>>,
    /// Made when the task has to wait, if its time ends.
    limit: Option<L>,
}

impl<'a, P: ManagedParts, L: Limit> FirstWait<'a, P, L> {
    #[inline(always)]
    fn new<K: Clock>(pool: &'a P, caller: &Async<'a, K>) -> Self {
        let acquire = Acquire::after_miss(pool, WaiterKind::Task, &caller.ticket());
        Self { acquire, begun: Some(Beginning::new(pool)), limit: None }
    }

    /// Begins the wait, which lies in its place by now.
    #[inline(always)]
    fn begin(&mut self) {
        if let Some(Beginning { work, .. }) = &mut self.begun {
            work.begin();
            work.begin_wait();
        }
    }

    /// How the wait has ended.
    #[inline(always)]
    fn poll<K: Clock>(
        self: Pin<&mut Self>,
        caller: &Async<'a, K>,
        limit: impl Fn(Async<'a, K>) -> L,
        context: &mut Context<'_>,
    ) -> Poll<Granted<'a, P>> {
        // SAFETY: each field is pinned with the whole: neither the wait nor its limit is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        let Some(begun) = &this.begun else { finished() };
        // SAFETY: as above.
        let acquire = unsafe { Pin::new_unchecked(&this.acquire) };
        let (entry, pool) = (begun.work.span(), begun.work.pool);
        let granted = entry.within(|| {
            let granted = acquire.poll(context.waker());
            // From here on a panic releases the slot.
            let granted = granted.map(|answer| answer.map(|slot| ClaimedSlot::new(pool, slot)));
            if !caller.ends() {
                return granted;
            }
            let limit = this.limit.get_or_insert_with(|| limit(*caller));
            // SAFETY: as above.
            let in_time = ready!(unsafe { Pin::new_unchecked(limit) }.unless_over(granted, context));
            Poll::Ready(in_time.unwrap_or_else(|| {
                pool.engine().count_timeout();
                Err(AcquireError::TimedOut)
            }))
        });
        let granted = ready!(granted);
        if let Some(begun) = &mut this.begun {
            begun.work.end_wait();
        }
        Poll::Ready(granted)
    }

    /// The wait has ended, and the search is to begin with what it began with.
    #[cold]
    fn take_beginning<K: Clock>(self: Pin<&mut Self>, caller: &Async<'a, K>) -> (Beginning<'a, P>, Ticket) {
        // SAFETY: the wait is pinned with the whole, and so is its limit; what is moved out is not.
        let this = unsafe { self.get_unchecked_mut() };
        let mut ticket = caller.ticket();
        this.acquire.note_number(&mut ticket);
        (this.begun.take().unwrap_or_else(|| finished()), ticket)
    }

    /// The wait has ended, and the task has a connection. What it began with ends in its place.
    #[inline(always)]
    fn end_served(self: Pin<&mut Self>) {
        // SAFETY: as in `take_beginning`: the wait is pinned with the whole, and stays.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(begun) = &mut this.begun {
            begun.work.note_served();
        }
        this.begun = None;
    }
}

impl<P: ManagedParts, K, W, B, T, S, E, L, F> Drop for Get<'_, P, K, W, B, T, S, E, L, F> {
    #[inline(always)]
    fn drop(&mut self) {
        // In a fork's child a lock may be locked for ever: what the task does there is lost.
        if !matches!(*self.course, Course::Fresh | Course::Done) && !self.pool.shared().is_forked() {
            // SAFETY: `self` is being dropped: it is never used or dropped again.
            unsafe { ManuallyDrop::drop(&mut self.course) };
        }
    }
}

impl<P: ManagedParts, L> Drop for FirstWait<'_, P, L> {
    #[inline(always)]
    fn drop(&mut self) {
        // A task that gives up leaves the queue before its work ends, and as a part of it.
        if let Some(begun) = &self.begun {
            begun.work.span().within(|| {
                // SAFETY: the wait is pinned with the whole, which is being dropped in its place.
                unsafe { Pin::new_unchecked(&self.acquire) }.leave();
                self.limit = None;
            });
        }
    }
}

#[cold]
#[inline(never)]
fn finished() -> ! {
    panic!("a future of a connection was polled after it had finished")
}

impl<'a, P, K, W, B, T, S, E, L, F> Get<'a, P, K, W, B, T, S, E, L, F>
where
    P: ManagedParts,
    K: Clock,
    W: From<Async<'a, K>> + Caller<P>,
    B: Fn(&'a P, &mut Async<'a, K>),
    S: Fn(Search<'a, P, W>) -> F,
    L: Limit,
{
    /// A slot whose connection can be used at once. If there is none, the course is set.
    #[inline]
    fn begin(&mut self) -> Option<SlotToken> {
        // If what follows panics, the task is done.
        self.set(Course::Done);
        let at_hand = match acquire_at_once(self.pool, self.site) {
            FirstTry::Done(slot) => return Some(slot),
            FirstTry::Work(at_hand) => at_hand,
        };
        (self.begin)(self.pool, &mut self.caller);
        if at_hand.is_some() || may_be_unreachable(self.pool) {
            self.search(at_hand);
        } else {
            self.set(Course::Waiting(FirstWait::new(self.pool, &self.caller)));
            if let Course::Waiting(wait) = &mut *self.course {
                wait.begin();
            }
        }
        None
    }

    /// For a task that was not polled yet, or is done: there is nothing to drop. So what it does next is made in its
    /// place, and not moved there.
    #[inline(always)]
    fn set(&mut self, course: Course<'a, P, L, F>) {
        debug_assert!(matches!(*self.course, Course::Fresh | Course::Done), "a task that waits would never leave");
        forget(replace(&mut *self.course, course));
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, at_hand: Option<ClaimedSlot<'a, P>>) {
        *self.course = Course::Searching((self.search)(Search::new(self.pool, self.caller.into(), at_hand)));
    }

    /// The first wait did not end with a connection that is fit as it is.
    #[cold]
    #[inline(never)]
    fn search_on(
        &mut self,
        begun: Beginning<'a, P>,
        ticket: Ticket,
        granted: Granted<'a, P>,
    ) -> Result<(), GetError<ErrorOf<P>>> {
        let search = Search::after_first_wait(begun, self.caller.into(), ticket, granted)?;
        *self.course = Course::Searching((self.search)(search));
        Ok(())
    }
}

impl<'a, P, K, W, B, T, S, E, L, F> Get<'a, P, K, W, B, T, S, E, L, F>
where
    P: ManagedParts,
    F: Future<Output = Result<Found<'a, P>, GetError<ErrorOf<P>>>>,
{
    /// The caller has pinned the task.
    #[cold]
    #[inline(never)]
    fn poll_search(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        let Course::Searching(search) = &mut *self.course else { finished() };
        // SAFETY: it is pinned with the whole, and not moved out.
        let found = ready!(unsafe { Pin::new_unchecked(search) }.poll(context));
        *self.course = Course::Done;
        Poll::Ready(found)
    }
}

impl<'a, P, K, W, B, T, S, E, L, F, G> Future for Get<'a, P, K, W, B, T, S, E, L, F>
where
    P: ManagedParts,
    K: Clock,
    W: From<Async<'a, K>> + Caller<P>,
    B: Fn(&'a P, &mut Async<'a, K>),
    T: Fn(Async<'a, K>) -> L,
    S: Fn(Search<'a, P, W>) -> F,
    E: Fn(RawGuard<&'a P>) -> G,
    L: Limit,
    F: Future<Output = Result<Found<'a, P>, GetError<ErrorOf<P>>>>,
{
    type Output = Result<G, GetError<ErrorOf<P>>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: what the task is doing is pinned with the whole, and not moved out. Nothing else need be.
        let this = unsafe { self.get_unchecked_mut() };
        let (pool, site) = (this.pool, this.site);
        if pool.shared().is_forked() {
            return Poll::Ready(Err(GetError::Forked));
        }
        if matches!(*this.course, Course::Fresh)
            && let Some(slot) = this.begin()
        {
            return Poll::Ready(Ok((this.guard)(RawGuard::new(pool, slot))));
        }
        if let Course::Waiting(wait) = &mut *this.course {
            // SAFETY: as above.
            let mut wait = unsafe { Pin::new_unchecked(wait) };
            let granted = match ready!(wait.as_mut().poll(&this.caller, &this.limit, context)) {
                Ok(claimed) => match Found::if_fit(pool, claimed) {
                    Ok(found) => {
                        // The slot is no mere token yet, which a panic would lose: this ends the span.
                        wait.end_served();
                        // Nothing of the wait is left to drop.
                        forget(replace(&mut *this.course, Course::Done));
                        return Poll::Ready(Ok((this.guard)(RawGuard::new(pool, lend(pool, found, site, 0)))));
                    }
                    Err(unfit) => Ok(unfit),
                },
                Err(error) => Err(error),
            };
            let (begun, ticket) = wait.take_beginning(&this.caller);
            *this.course = Course::Done;
            if let Err(error) = this.search_on(begun, ticket, granted) {
                return Poll::Ready(Err(error));
            }
        }
        match ready!(this.poll_search(context)) {
            Ok(found) => Poll::Ready(Ok((this.guard)(RawGuard::new(pool, lend(pool, found, site, 0))))),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// No thread is recorded: a task may move from one to another. Whoever polls it has looked whose process this is.
#[inline]
fn acquire_at_once<P: ManagedParts>(pool: &P, site: Site) -> FirstTry<'_, P> {
    match acquire_first_here(pool, site, false) {
        Ok(slot) => FirstTry::Done(slot),
        Err(at_hand) => first_try_here(pool, site, 0, at_hand),
    }
}
