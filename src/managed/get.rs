//! Layer 6 · part of managed · knows: acquire, pool, guard · must not know: lines, slots
//!
//! The calls that borrow.

use core::panic::Location;

use super::acquire::{Begun, acquire, acquire_at_first, begin, tracked_thread};
use super::clock::Clock;
use super::error::GetError;
use super::guard::ConnGuard;
#[cfg(feature = "alloc")]
use super::guard::OwnedConnGuard;
use super::manager::{AsyncManager, Manage, Manager};
use super::pool::{Pool, Site};
use super::worker::{Now, Task, at_once};
use crate::guard::Held;
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// What a borrowing call of a managed pool gives.
type Got<G, M> = Result<G, GetError<<M as Manage>::Error>>;

/// Borrowing without a wait.
impl<M: Manager, const N: usize, K: Clock> Pool<M, N, K> {
    /// Borrows a connection without waiting for others: an idle one, or one that is made now.
    ///
    /// Needs no `std`. It takes as long as the manager takes to check or to connect; see
    /// [`try_get_idle`](Self::try_get_idle) for one that never does.
    ///
    /// # Errors
    ///
    /// [`Exhausted`](GetError::Exhausted) if nothing is free for a newcomer, neither a connection nor a vacant slot;
    /// [`Connect`](GetError::Connect); [`Invalid`](GetError::Invalid) if what was free failed its check and nothing else
    /// is; [`Closed`](GetError::Closed); [`NoConnections`](GetError::NoConnections) if `N` is 0.
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Got<ConnGuard<'_, M, N, K>, M> {
        self.try_slot(Location::caller()).map(|slot| ConnGuard(Held::new(self, slot)))
    }

    /// [`try_get`](Self::try_get), with a guard that owns an `Arc` of the pool.
    ///
    /// # Errors
    ///
    /// As [`try_get`](Self::try_get).
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    #[inline]
    #[track_caller]
    pub fn try_get_owned(self: &Arc<Self>) -> Got<OwnedConnGuard<M, N, K>, M> {
        self.try_slot(Location::caller()).map(|slot| OwnedConnGuard(Held::new(Arc::clone(self), slot)))
    }

    /// [`try_get`](Self::try_get), with a guard that owns an `Arc` of the pool. No method: see
    /// [`try_get_owned`](crate::Pool::try_get_owned) of the plain pool.
    ///
    /// # Errors
    ///
    /// As [`try_get`](Self::try_get).
    #[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
    #[inline]
    #[track_caller]
    pub fn try_get_owned(pool: &Arc<Self>) -> Got<OwnedConnGuard<M, N, K>, M> {
        pool.try_slot(Location::caller()).map(|slot| OwnedConnGuard(Held::new(Arc::clone(pool), slot)))
    }

    #[inline(always)]
    fn try_slot(&self, site: Site) -> Got<usize, M> {
        match acquire_at_first(self, site) {
            Some(slot) => Ok(slot),
            None => self.try_slot_slow(site),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_slot_slow(&self, site: Site) -> Got<usize, M> {
        let thread = tracked_thread(self);
        match begin(self, site, thread) {
            Begun::Done(slot) => Ok(slot),
            Begun::Work(at_hand) => at_once(acquire(self, &Now, site, thread, at_hand)),
        }
    }
}

/// Borrowing with whichever manager.
impl<M: Manage, const N: usize, K: Clock> Pool<M, N, K> {
    /// Borrows an idle connection that needs no check, if there is one. Calls no function of the manager's, and never
    /// waits.
    ///
    /// While nobody keeps the pool in order (see [`maintain`](Self::maintain)) the clock is asked whether it needs one.
    #[must_use = "the connection goes back to the pool at once if the guard is not kept"]
    #[track_caller]
    pub fn try_get_idle(&self) -> Option<ConnGuard<'_, M, N, K>> {
        let slot = super::acquire::acquire_idle(self, Location::caller())?;
        Some(ConnGuard(Held::new(self, slot)))
    }
}

/// Borrowing as a task.
impl<M: AsyncManager, const N: usize, K: Clock> Pool<M, N, K> {
    /// Borrows a connection: an idle one, or one that is made now, or whichever comes free first.
    ///
    /// The future takes less than 120 words, beside what those of the manager and the sleep of the clock take.
    ///
    /// # Errors
    ///
    /// The future yields [`Connect`](GetError::Connect) or [`ConnectTimeout`](GetError::ConnectTimeout) if it was the
    /// caller's turn to connect, and that failed; [`Closed`](GetError::Closed); [`QueueFull`](GetError::QueueFull);
    /// [`NoConnections`](GetError::NoConnections) if `N` is 0.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment. In line, it leaves its place; a connection that it was granted goes to the
    /// next; a connect is dropped, and its slot goes to the next; a connection that was being checked is discarded. So an
    /// executor's timeout around it is one budget for waiting, connecting and checking.
    ///
    /// # Fairness
    ///
    /// The place in line is taken at the first poll that finds nothing free.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::managed::{AsyncManager, Config, Manage, Pool};
    ///
    /// struct Server;
    ///
    /// impl Manage for Server {
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
        let site = Location::caller();
        async move {
            let slot = self.slot_async(site, Task::new).await?;
            Ok(ConnGuard(Held::new(self, slot)))
        }
    }

    /// [`get_async`](Self::get_async), with a future and a guard that own an `Arc` of the pool: for `spawn`.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    #[track_caller]
    pub fn get_async_owned(self: &Arc<Self>) -> impl Future<Output = Got<OwnedConnGuard<M, N, K>, M>> + use<M, N, K> {
        let (site, pool) = (Location::caller(), Arc::clone(self));
        async move {
            let slot = pool.slot_async(site, Task::new).await?;
            Ok(OwnedConnGuard(Held::new(pool, slot)))
        }
    }

    /// [`get_async`](Self::get_async), with a future and a guard that own an `Arc` of the pool: for `spawn`. No method: see
    /// [`try_get_owned`](crate::Pool::try_get_owned) of the plain pool.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    #[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
    #[track_caller]
    pub fn get_async_owned(pool: &Arc<Self>) -> impl Future<Output = Got<OwnedConnGuard<M, N, K>, M>> + use<M, N, K> {
        let (site, pool) = (Location::caller(), Arc::clone(pool));
        async move {
            let slot = pool.slot_async(site, Task::new).await?;
            Ok(OwnedConnGuard(Held::new(pool, slot)))
        }
    }

    /// [`get_async`](Self::get_async), within `timeout` for waiting, connecting and checking together. For clocks that can
    /// [sleep](Clock::sleep): others are refused at compile time.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async), and [`Timeout`](GetError::Timeout) when the time is up. If it is up while the
    /// caller pauses after a connect that failed, that is its error.
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    #[track_caller]
    pub fn get_timeout_async(
        &self,
        timeout: core::time::Duration,
    ) -> impl Future<Output = Got<ConnGuard<'_, M, N, K>, M>> {
        const { assert!(K::SLEEPS, "the pool's clock cannot sleep: see conn_pool::managed::Clock::sleep") };
        let site = Location::caller();
        async move {
            let slot = self.slot_async(site, |clock| Task::for_at_most(timeout, clock)).await?;
            Ok(ConnGuard(Held::new(self, slot)))
        }
    }

    #[inline]
    async fn slot_async<'k>(&'k self, site: Site, task: impl FnOnce(&'k K) -> Task<'k, K>) -> Got<usize, M> {
        match acquire_at_first(self, site) {
            Some(slot) => Ok(slot),
            // No thread: a task may move from one to another.
            None => match begin(self, site, 0) {
                Begun::Done(slot) => Ok(slot),
                Begun::Work(at_hand) => acquire(self, &task(self.clock()), site, 0, at_hand).await,
            },
        }
    }
}

#[cfg(feature = "std")]
mod blocking {
    use core::pin::pin;
    use core::time::Duration;
    use std::time::Instant;

    use super::{
        Arc, Begun, Clock, ConnGuard, Got, Held, Location, Manage, Manager, OwnedConnGuard, Pool, Site, acquire,
        acquire_at_first, at_once, begin, tracked_thread,
    };
    use crate::blocking::{Patience, wait_for_drain};
    use crate::drain::DrainAsync;
    use crate::managed::blocking::Thread;
    use crate::managed::error::DrainError;
    use crate::metrics::Histogram;

    /// Blocking the calling thread (feature `std`).
    impl<M: Manager, const N: usize, K: Clock> Pool<M, N, K> {
        /// Borrows a connection: an idle one, or one that is made now, or whichever comes free first, for as long as it
        /// takes.
        ///
        /// # Errors
        ///
        /// [`Connect`](super::GetError::Connect) if it was the caller's turn to connect, and that failed (`retry` says how
        /// often it is tried again before); [`Closed`](super::GetError::Closed);
        /// [`QueueFull`](super::GetError::QueueFull); [`Nested`](super::GetError::Nested) if the thread might wait for
        /// itself; [`NoConnections`](super::GetError::NoConnections) if `N` is 0.
        ///
        /// # Blocking
        ///
        /// Sleeps in a condition variable while it waits; connects and checks on the calling thread.
        ///
        /// # Fairness
        ///
        /// Threads and tasks stand in one line; see [`Fairness`](crate::Fairness).
        #[inline]
        #[track_caller]
        pub fn get(&self) -> Got<ConnGuard<'_, M, N, K>, M> {
            self.slot(Patience::Forever, Location::caller()).map(|slot| ConnGuard(Held::new(self, slot)))
        }

        /// [`get`](Self::get), within `timeout`: one budget for waiting, connecting and checking.
        ///
        /// The manager is told how much of it is left; a manager that ignores that may exceed it. `Duration::ZERO` takes an
        /// idle connection or nothing; `Duration::MAX` waits for as long as it takes.
        ///
        /// # Errors
        ///
        /// As [`get`](Self::get), and [`Timeout`](super::GetError::Timeout) when the time is up, which says how full the
        /// pool is and who has held a connection the longest. If a connection is granted in the very same moment, the
        /// caller gets the connection.
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline]
        #[track_caller]
        pub fn get_timeout(&self, timeout: Duration) -> Got<ConnGuard<'_, M, N, K>, M> {
            self.slot(Patience::For(timeout), Location::caller()).map(|slot| ConnGuard(Held::new(self, slot)))
        }

        /// [`get_timeout`](Self::get_timeout), until `deadline` at the latest.
        ///
        /// # Errors
        ///
        /// As [`get_timeout`](Self::get_timeout).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline]
        #[track_caller]
        pub fn get_deadline(&self, deadline: Instant) -> Got<ConnGuard<'_, M, N, K>, M> {
            self.slot(Patience::Until(deadline), Location::caller()).map(|slot| ConnGuard(Held::new(self, slot)))
        }

        /// [`get`](Self::get), with a guard that owns an `Arc` of the pool.
        ///
        /// # Errors
        ///
        /// As [`get`](Self::get).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline]
        #[track_caller]
        pub fn get_owned(self: &Arc<Self>) -> Got<OwnedConnGuard<M, N, K>, M> {
            let slot = self.slot(Patience::Forever, Location::caller())?;
            Ok(OwnedConnGuard(Held::new(Arc::clone(self), slot)))
        }

        /// [`get_timeout`](Self::get_timeout), with a guard that owns an `Arc` of the pool.
        ///
        /// # Errors
        ///
        /// As [`get_timeout`](Self::get_timeout).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline]
        #[track_caller]
        pub fn get_timeout_owned(self: &Arc<Self>, timeout: Duration) -> Got<OwnedConnGuard<M, N, K>, M> {
            let slot = self.slot(Patience::For(timeout), Location::caller())?;
            Ok(OwnedConnGuard(Held::new(Arc::clone(self), slot)))
        }

        /// [`get_deadline`](Self::get_deadline), with a guard that owns an `Arc` of the pool.
        ///
        /// # Errors
        ///
        /// As [`get_deadline`](Self::get_deadline).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline]
        #[track_caller]
        pub fn get_deadline_owned(self: &Arc<Self>, deadline: Instant) -> Got<OwnedConnGuard<M, N, K>, M> {
            let slot = self.slot(Patience::Until(deadline), Location::caller())?;
            Ok(OwnedConnGuard(Held::new(Arc::clone(self), slot)))
        }

        #[inline(always)]
        fn slot(&self, patience: Patience, site: Site) -> Got<usize, M> {
            match acquire_at_first(self, site) {
                Some(slot) => Ok(slot),
                None => self.slot_slow(patience, site),
            }
        }

        #[cold]
        #[inline(never)]
        fn slot_slow(&self, patience: Patience, site: Site) -> Got<usize, M> {
            let thread = tracked_thread(self);
            match begin(self, site, thread) {
                Begun::Done(slot) => Ok(slot),
                Begun::Work(at_hand) => at_once(acquire(self, &Thread::new(patience), site, thread, at_hand)),
            }
        }
    }

    /// Waiting for the end, and looking at times (feature `std`).
    impl<M: Manage, const N: usize, K: Clock> Pool<M, N, K> {
        /// Closes the pool and waits until every connection has come back and was parted with, for at most `timeout`.
        ///
        /// # Errors
        ///
        /// Says how many connections are still held when the time is up, and who holds one the longest;
        /// [`holders`](Self::holders) tells of all of them. The pool stays closed, and waiting again is fine.
        ///
        /// # Blocking
        ///
        /// Sleeps in a condition variable. A thread that holds a connection of the pool waits for itself.
        ///
        /// # Panics
        ///
        /// As [`close`](Self::close).
        pub fn drain(&self, timeout: Duration) -> Result<(), DrainError> {
            let deadline = Instant::now().checked_add(timeout);
            self.close();
            let is_drained = wait_for_drain(pin!(DrainAsync::new(self.core())), deadline);
            if is_drained { Ok(()) } else { Err(DrainError { situation: self.situation() }) }
        }

        /// How long callers had to wait in line. Takes no lock.
        #[must_use]
        pub fn wait_times(&self) -> Histogram {
            self.core().wait_times()
        }

        /// How long it took to make a connection, for those that were made. Takes no lock.
        #[must_use]
        pub fn connect_times(&self) -> Histogram {
            self.times.connect.read()
        }

        /// For how long connections were held: a sample, since each measurement costs two looks at the clock. Each
        /// connection's next borrowing is measured when the maintenance comes by. Without one, its first, and then one in 32,
        /// if any option asks for the clock (`max_lifetime`, `validate_after`). Takes no lock.
        #[must_use]
        pub fn hold_times(&self) -> Histogram {
            self.times.hold.read()
        }
    }
}
