// knows: clock, error, guard, loan, manager, parts, pool, engine, slot · must not know: wait queues, records
//! The calls that acquire a connection without blocking the thread.

use core::panic::Location;
use core::time::Duration;

use super::clock::{CanSleep, Clock, assert_can_sleep};
use super::error::GetError;
use super::guard::ConnGuard;
use super::loan::acquire::{FirstTry, Site, acquire_first, acquire_idle, first_try, lend, tracked_thread};
use super::loan::caller::{Async, NoWait, at_once};
use super::loan::search::{Search, acquire};
use super::loan::task::get;
use super::manager::local::Awaited;
use super::manager::{Lifecycle, Manager};
use super::parts::ManagedParts;
use super::pool::Pool;
use crate::engine::SlotToken;
use crate::slot::RawGuard;

/// The result of a call that acquires a connection.
pub(super) type Got<G, M> = Result<G, GetError<<M as Lifecycle>::Error>>;

/// Acquiring a connection without a wait.
impl<M: Manager, const N: usize, K: Clock> Pool<M, N, K> {
    /// Acquires a connection without waiting for other callers.
    ///
    /// While `health_check` or [`run_maintenance`](Self::run_maintenance) runs: an idle one. If there is none the call
    /// asks for a connection to be made, and does not wait for it. Otherwise: an idle one, or one that is made now.
    ///
    /// Needs no `std`. It takes as long as the manager takes to check, or to connect: there is no deadline beside the
    /// manager's own limits. See [`try_get_idle`](Self::try_get_idle) for a call that does neither.
    ///
    /// # Errors
    ///
    /// [`Exhausted`](GetError::Exhausted) if nothing is free for a newcomer: no connection, and without a connector no
    /// vacant slot; [`Connect`](GetError::Connect) if the connect failed, or if nothing is idle because connecting
    /// fails; [`Invalid`](GetError::Invalid) if the idle connection failed its check and nothing else is free;
    /// [`Closed`](GetError::Closed); [`NoConnections`](GetError::NoConnections) if `N` is 0.
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost by that.
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Got<ConnGuard<'_, M, N, K>, M> {
        let site = Location::caller();
        match acquire_first(self, site, true) {
            Ok(slot) => Ok(ConnGuard(RawGuard::new(self, slot))),
            Err(at_hand) => self.try_get_slow(site, at_hand).map(|slot| ConnGuard(RawGuard::new(self, slot))),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_get_slow(&self, site: Site, at_hand: Option<SlotToken>) -> Got<SlotToken, M> {
        let thread = tracked_thread(self);
        match first_try(self, site, thread, at_hand) {
            FirstTry::Done(slot) => Ok(slot),
            FirstTry::Work(at_hand) => {
                at_once(acquire(Search::new(self, NoWait, at_hand))).map(|found| lend(self, found, site, thread))
            }
        }
    }
}

/// Acquiring a connection, with either kind of manager.
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// Acquires an idle connection that needs no check, if there is one. Never connects, checks or waits: of the
    /// manager it calls [`is_closed`](Lifecycle::is_closed), and [`on_discard`](Lifecycle::on_discard) with a
    /// connection that is closed, too old or evicted.
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost.
    ///
    /// It may read the clock to know whether a connection needs a check: see [`maintain`](Self::maintain).
    #[must_use = "the connection goes back to the pool at once if the guard is not kept"]
    #[track_caller]
    pub fn try_get_idle(&self) -> Option<ConnGuard<'_, M, N, K>> {
        let slot = acquire_idle(self, Location::caller())?;
        Some(ConnGuard(RawGuard::new(self, slot)))
    }

    /// Acquires the connections that are idle now, one after the other, as [`try_get_idle`](Self::try_get_idle) does:
    /// no more than the pool has slots.
    ///
    /// # Panics
    ///
    /// Each step as [`try_get_idle`](Self::try_get_idle).
    #[track_caller]
    pub fn take_idle(&self) -> impl Iterator<Item = ConnGuard<'_, M, N, K>> {
        let site = Location::caller();
        (0..N).map_while(move |_| acquire_idle(self, site).map(|slot| ConnGuard(RawGuard::new(self, slot))))
    }
}

/// Acquiring a connection as a task.
impl<M: Awaited, const N: usize, K: Clock> Pool<M, N, K> {
    /// Acquires a connection, and waits for as long as it takes, or as
    /// [`wait_timeout`](super::Config::wait_timeout) allows.
    ///
    /// While [`run_maintenance`](Self::run_maintenance) or `health_check` runs: an idle one, or the first that comes
    /// free or is made. The task does not connect itself, and a connect that was begun for it outlives it. Otherwise:
    /// an idle one, or one that the task makes now, or the first that comes free.
    ///
    /// The task checks a connection itself, if it has to be checked. The future takes 320 bytes at most, beside the
    /// futures of the manager and of the clock's sleep, which it has in itself while it waits for them.
    ///
    /// # Errors
    ///
    /// The future yields [`Connect`](GetError::Connect) if the pool has no connection, and connecting fails with an
    /// error that [ends all waits](super::Config::fail_fast), or has failed for as long as
    /// [`connect_timeout`](super::Config::connect_timeout); without a connector `Connect` or
    /// [`ConnectTimeout`](GetError::ConnectTimeout) if the task has connected, and that failed;
    /// [`Closed`](GetError::Closed); [`QueueFull`](GetError::QueueFull);
    /// [`NoConnections`](GetError::NoConnections) if `N` is 0.
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost by that.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment. While it waits, it leaves the queue; a connection that it was granted
    /// goes to the next waiter; a connect of its own is dropped, and its slot goes to the next waiter; a connection
    /// that was being checked is discarded. So an executor's timeout around it is one budget for waiting, connecting
    /// and checking.
    ///
    /// # Fairness
    ///
    /// The future joins the wait queue at the first poll that finds nothing free.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::managed::{AsyncManager, Config, Lifecycle, Pool};
    ///
    /// struct Server;
    ///
    /// impl Lifecycle for Server {
    ///     type Connection = u32;
    ///     type Error = std::io::Error;
    /// }
    ///
    /// impl AsyncManager for Server {
    ///     async fn connect(&self) -> std::io::Result<u32> {
    ///         Ok(7)
    ///     }
    /// }
    ///
    /// # pollster::block_on(async {
    /// let pool = Pool::<_, 4>::new(Server, Config::new()).unwrap();
    /// let connection = pool.get_async().await?;
    /// assert_eq!(*connection, 7);
    /// # Ok::<(), conn_pool::managed::GetError<std::io::Error>>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn get_async(&self) -> impl Future<Output = Got<ConnGuard<'_, M, N, K>, M>> {
        let begin =
            |pool: &Self, caller: &mut Async<'_, K>| caller.begin_within(pool.shared().settings().wait_timeout());
        get::<_, _, Async<'_, K>, _>(self, Location::caller(), Async::new(self.clock()), begin, ConnGuard)
    }

    /// [`get_async`](Self::get_async), within `timeout` for waiting, connecting and checking together. For clocks that
    /// [can sleep](CanSleep).
    ///
    /// When the time is up a connect or a check of the task's own is dropped; a connect of the pool's goes on, for the
    /// next caller.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async), and [`Timeout`](GetError::Timeout) when the time is up. If it is up while
    /// connecting fails, the error is [`Connect`](GetError::Connect), with the cause; only an error that
    /// [ends all waits](super::Config::fail_fast) comes before. It is [`Invalid`](GetError::Invalid) if an idle
    /// connection has failed its check, and there was no time for another.
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Panics
    ///
    /// As [`get_async`](Self::get_async).
    #[track_caller]
    pub fn get_async_timeout(&self, timeout: Duration) -> impl Future<Output = Got<ConnGuard<'_, M, N, K>, M>>
    where
        K: CanSleep,
    {
        const { assert_can_sleep::<K>() };
        get::<_, _, Async<'_, K>, _>(
            self,
            Location::caller(),
            Async::until(timeout, self.clock()),
            |_, caller| caller.begin(),
            ConnGuard,
        )
    }

    /// [`get_async`](Self::get_async), until `deadline` at the latest, a time by the pool's [clock](Self::clock). For
    /// clocks that [can sleep](CanSleep).
    ///
    /// # Errors
    ///
    /// As [`get_async_timeout`](Self::get_async_timeout).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Panics
    ///
    /// As [`get_async`](Self::get_async).
    #[track_caller]
    pub fn get_async_deadline(&self, deadline: Duration) -> impl Future<Output = Got<ConnGuard<'_, M, N, K>, M>>
    where
        K: CanSleep,
    {
        const { assert_can_sleep::<K>() };
        get::<_, _, Async<'_, K>, _>(
            self,
            Location::caller(),
            Async::until(deadline, self.clock()),
            |_, _| {},
            ConnGuard,
        )
    }
}
