// knows: block, clock, guard, handle, loan, manager, parts, engine, error, slot, sync · must not know: records, who
// connects
//! The calls that acquire a connection.

use core::future::Future;
use core::panic::Location;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::time::Instant;

use super::block::Block;
use super::guard::SharedConnGuard;
use super::handle::SharedPool;
use crate::engine::SlotToken;
use crate::managed::clock::{Clock, SystemClock};
use crate::managed::error::GetError;
use crate::managed::loan::acquire::{FirstTry, Site, acquire_first, first_try, lend, tracked_thread};
use crate::managed::loan::attended::{AttendedNow, AttendedTask, AttendedThread};
use crate::managed::loan::blocking::Blocking;
use crate::managed::loan::caller::{Async, at_once};
use crate::managed::loan::search::{Search, acquire};
use crate::managed::loan::task;
use crate::managed::manager::Lifecycle;
use crate::managed::parts::ManagedParts;
use crate::slot::{Patience, PoolParts};
use crate::sync::present_instant;

type Got<M> = Result<SharedConnGuard<M>, GetError>;

/// Acquiring a connection without a wait.
impl<M: Lifecycle> SharedPool<M> {
    /// Acquires an idle connection, if there is one. It neither connects nor checks nor waits: if there is none it asks
    /// for a connection to be made; one that has to be checked first is handed over to be checked. Both are there for a
    /// later call, unless each connection is checked each time
    /// ([`validate_after`](crate::managed::Config::validate_after) of zero): then wait for one.
    ///
    /// # Errors
    ///
    /// [`Exhausted`](GetError::Exhausted) if nothing is idle; [`Connect`](GetError::Connect) if that is because
    /// connecting fails; [`Closed`](GetError::Closed).
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost by that.
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Got<M> {
        let (block, site) = (self.block(), Location::caller());
        match acquire_first(block, site, true) {
            Ok(slot) => Ok(SharedConnGuard::new(block, slot)),
            Err(at_hand) => try_get_slow(block, site, at_hand),
        }
    }
}

/// Acquiring all that is idle.
impl<M: Lifecycle> SharedPool<M> {
    /// Acquires the connections that are idle now, one after the other, as [`try_get`](Self::try_get) does: no more
    /// than the pool has slots.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Lifecycle, Manager};
    /// # use conn_pool::SharedPool;
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = u32; type Error = std::io::Error; }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> std::io::Result<u32> { Ok(7) } }
    /// let pool = SharedPool::connect_blocking(Server, Config::new())?;
    /// let idle: Vec<_> = pool.take_idle().collect();
    /// assert_eq!(idle.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn take_idle(&self) -> impl Iterator<Item = SharedConnGuard<M>> {
        let (block, site) = (self.block(), Location::caller());
        (0..block.engine().states().len()).map_while(move |_| match acquire_first(block, site, true) {
            Ok(slot) => Some(lent(block, slot)),
            Err(at_hand) => try_get_slow(block, site, at_hand).ok(),
        })
    }
}

/// Blocking the calling thread.
impl<M: Lifecycle> SharedPool<M> {
    /// Acquires a connection, and waits for it for at most 30 s, or as long as
    /// [`wait_timeout`](crate::managed::Config::wait_timeout) says: for an idle one, or the first that comes free or is
    /// made.
    ///
    /// # Errors
    ///
    /// [`Timeout`](GetError::Timeout) when the time is up, which tells how full the pool is and which loan is the
    /// longest; [`Connect`](GetError::Connect) if it is up while connecting fails, or before that if there is no
    /// connection and the error [ends all waits](crate::managed::Config::fail_fast);
    /// [`Invalid`](GetError::Invalid) if an idle connection has failed its check, and there was no time for another;
    /// [`Closed`](GetError::Closed); [`QueueFull`](GetError::QueueFull); [`Nested`](GetError::Nested) at once, if
    /// [`nested`](crate::managed::Config::nested) says so and the thread holds all connections. If a connection is
    /// granted at the very moment at which the time is up, the caller gets the connection.
    ///
    /// # Blocking
    ///
    /// Sleeps in a condition variable. Do not call it on a thread that drives the pool's runtime: a runtime of one
    /// thread would wait for itself. Tasks have [`get_async`](Self::get_async).
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost by that.
    ///
    /// # Fairness
    ///
    /// Threads and tasks wait in one queue; see [`Fairness`](crate::Fairness).
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Got<M> {
        let limit = |block: &Block<M>| limit_of(block).map_or(Patience::Forever, Patience::For);
        self.get_as(|block, number| Blocking::by_default(limit(block), number), Location::caller())
    }

    /// [`get`](Self::get), within `timeout`. `Duration::ZERO` takes an idle connection that needs no check, or nothing:
    /// one that has to be checked is handed over to be checked, for a later call. `Duration::MAX` waits for as long as
    /// it takes.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), without [`Nested`](GetError::Nested).
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[inline]
    #[track_caller]
    pub fn get_timeout(&self, timeout: Duration) -> Got<M> {
        self.get_as(|_, number| Blocking::new(Patience::For(timeout), number), Location::caller())
    }

    /// [`get`](Self::get), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), without [`Nested`](GetError::Nested).
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[inline]
    #[track_caller]
    pub fn get_deadline(&self, deadline: Instant) -> Got<M> {
        self.get_as(|_, number| Blocking::new(Patience::Until(deadline), number), Location::caller())
    }

    /// For a thread that has a number, if the pool records threads.
    #[inline(always)]
    fn get_as(&self, thread: impl FnOnce(&Block<M>, usize) -> Blocking, site: Site) -> Got<M> {
        let block = self.block();
        match acquire_first(block, site, true) {
            Ok(slot) => Ok(SharedConnGuard::new(block, slot)),
            Err(at_hand) => get_slow(block, thread, site, at_hand),
        }
    }
}

/// Acquiring a connection as a task.
impl<M: Lifecycle> SharedPool<M> {
    /// Acquires a connection, and waits for it for at most 30 s, or as long as
    /// [`wait_timeout`](crate::managed::Config::wait_timeout) says: for an idle one, or the first that comes free or is
    /// made. A connect that was begun for the task outlives it.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost by that.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment. It leaves the queue; a connection that it was granted goes to the next
    /// waiter.
    ///
    /// # Fairness
    ///
    /// The future joins the wait queue at the first poll that finds nothing free.
    #[track_caller]
    pub fn get_async(&self) -> impl Future<Output = Got<M>> {
        let begin = |block: &Block<M>, caller: &mut Async<'_, SystemClock>| caller.begin_within(limit_of(block));
        self.get_as_task(Location::caller(), Async::new(&SystemClock), begin)
    }

    /// [`get_async`](Self::get_async), within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    #[track_caller]
    pub fn get_async_timeout(&self, timeout: Duration) -> impl Future<Output = Got<M>> {
        self.get_as_task(Location::caller(), Async::until(timeout, &SystemClock), |_, caller| caller.begin())
    }

    /// [`get_async`](Self::get_async), until `deadline` at the latest. (A deadline of tokio's is one by `into_std`.)
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    #[track_caller]
    pub fn get_async_deadline(&self, deadline: Instant) -> impl Future<Output = Got<M>> {
        let deadline = moment(deadline, present_instant);
        self.get_as_task(Location::caller(), Async::until(deadline, &SystemClock), |_, _| {})
    }

    fn get_as_task<'a>(
        &'a self,
        site: Site,
        caller: Async<'a, SystemClock>,
        begin: impl Fn(&'a Block<M>, &mut Async<'a, SystemClock>),
    ) -> impl Future<Output = Got<M>> {
        let guard = |raw: crate::slot::RawGuard<&'a Block<M>>| {
            let (block, slot) = raw.into_parts();
            lent(block, slot)
        };
        Told(task::get::<_, _, AttendedTask<'a, SystemClock>, _>(self.block(), site, caller, begin, guard))
    }
}

/// The moment by the pool's clock that is `at`. A task that is preempted between the two readings has a later one, and
/// does not give up early: the pool's clock is read last.
fn moment(at: Instant, present: impl FnOnce() -> Instant) -> Duration {
    let left = at.saturating_duration_since(present());
    SystemClock.now().saturating_add(left)
}

/// How long a call waits that names no time.
fn limit_of<M: Lifecycle>(block: &Block<M>) -> Option<Duration> {
    block.shared().settings().wait_timeout()
}

/// A connection for a caller. The first one after the end of a runtime sees to it that the pool is maintained again.
#[inline(always)]
fn lent<M: Lifecycle>(block: &Block<M>, slot: SlotToken) -> SharedConnGuard<M> {
    let guard = SharedConnGuard::new(block, slot);
    block.ensure_maintained();
    guard
}

#[cold]
#[inline(never)]
fn try_get_slow<M: Lifecycle>(block: &Block<M>, site: Site, at_hand: Option<SlotToken>) -> Got<M> {
    let thread = tracked_thread(block);
    match first_try(block, site, thread, at_hand) {
        FirstTry::Done(slot) => Ok(lent(block, slot)),
        FirstTry::Work(at_hand) => {
            let found = at_once(acquire(Search::new(block, AttendedNow, at_hand)));
            found.map(|found| lent(block, lend(block, found, site, thread))).map_err(told)
        }
    }
}

#[cold]
#[inline(never)]
fn get_slow<M: Lifecycle>(
    block: &Block<M>,
    thread: impl FnOnce(&Block<M>, usize) -> Blocking,
    site: Site,
    at_hand: Option<SlotToken>,
) -> Got<M> {
    let number = tracked_thread(block);
    match first_try(block, site, number, at_hand) {
        FirstTry::Done(slot) => Ok(lent(block, slot)),
        FirstTry::Work(at_hand) => {
            let found = at_once(acquire(Search::new(block, AttendedThread(thread(block, number)), at_hand)));
            found.map(|found| lent(block, lend(block, found, site, number))).map_err(told)
        }
    }
}

/// The error as all callers have it: none of them calls the manager itself.
fn told<E>(error: GetError<E>) -> GetError {
    error.map_manager_error(|_| unreachable!("the callers of a shared pool do not connect"))
}

/// A future whose error is [`told`].
struct Told<F>(F);

impl<G, E, F: Future<Output = Result<G, GetError<E>>>> Future for Told<F> {
    type Output = Result<G, GetError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the future is pinned with the whole: nothing moves it out.
        let future = unsafe { self.map_unchecked_mut(|told| &mut told.0) };
        future.poll(context).map(|got| got.map_err(told))
    }
}

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{Clock, Duration, Instant, SystemClock, moment};
    use std::thread::sleep;

    /// On a busy machine.
    #[test]
    fn a_deadline_does_not_come_early_for_a_task_that_is_preempted() {
        let (pause, wait) = (Duration::from_millis(20), Duration::from_millis(40));
        let began = SystemClock.now();
        let preempted = || {
            sleep(pause);
            Instant::now()
        };
        assert!(moment(Instant::now() + wait, preempted) >= began + wait);
    }
}
