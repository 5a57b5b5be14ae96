// knows: future, guard, pool, engine, error, slot, stats, sync · must not know: wait queues, slots
//! The calls that acquire a connection or wait for something.

use super::future::Get;
use super::guard::ConnGuard;
use super::pool::Pool;
use crate::engine::{AcquireError, WaiterKind};
use crate::error::TryGetError;
use crate::slot::{Acquire, Drain, RawGuard, try_acquire};
use crate::sync::const_fn;

/// Acquiring a connection.
impl<C, const N: usize> Pool<C, N> {
    /// Acquires a connection if one is free now; never waits.
    ///
    /// [`Exhausted`](TryGetError::Exhausted) is exact: it is answered only if there was a moment during the call in
    /// which no connection was free for a newcomer. A connection that is free but due to a waiter is not free for a
    /// newcomer.
    ///
    /// On the fast path it takes one atomic read-modify-write and no lock. It may be called, and its guard dropped, in
    /// an interrupt handler. With neither `std` nor the feature `critical-section` it is also `Exhausted` if another
    /// call of the pool is under way, on another core or in the code that was interrupted: it does not wait for that.
    ///
    /// # Errors
    ///
    /// [`Exhausted`](TryGetError::Exhausted) if nothing is free, [`Closed`](TryGetError::Closed), or
    /// [`NoConnections`](TryGetError::NoConnections) if `N` is 0. See [`status`](Self::status) for how full the pool
    /// is.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Pool, TryGetError};
    ///
    /// let pool = Pool::from(["the only one"]);
    /// let held = pool.try_get()?;
    /// assert_eq!(pool.try_get().unwrap_err(), TryGetError::Exhausted);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[inline(always)]
    pub fn try_get(&self) -> Result<ConnGuard<'_, C, N>, TryGetError> {
        match try_acquire(self) {
            Ok(slot) => Ok(ConnGuard(RawGuard::new(self, slot))),
            Err(error) => Err(refusal(error)),
        }
    }

    const_fn! {
        /// Acquires a connection as soon as one is free: a future for any executor, which allocates nothing.
        ///
        /// # Errors
        ///
        /// The future yields [`Closed`](crate::PoolError::Closed), or
        /// [`NoConnections`](crate::PoolError::NoConnections) if `N` is 0. It has no deadline of its own: wrap it in
        /// your executor's timeout, which drops it.
        ///
        /// # Cancel safety
        ///
        /// The future may be dropped at any moment; see [`Get`].
        ///
        /// # Fairness
        ///
        /// The future joins the wait queue at the first poll that finds nothing free.
        ///
        /// # Examples
        ///
        /// ```
        /// # pollster::block_on(async {
        /// let pool = conn_pool::Pool::from(["a", "b"]);
        /// let connection = pool.get_async().await?;
        /// # Ok::<(), conn_pool::PoolError>(())
        /// # }).unwrap();
        /// ```
        pub const fn get_async(&self) -> Get<'_, C, N> {
            Get(Acquire::new(self, WaiterKind::Task))
        }
    }

    /// Closes the pool and waits, as a task, until every connection was released and dropped.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment, for instance by a timeout; [`status`](Self::status) then tells how many
    /// connections are still in use. The call itself closes the pool, whether or not the future is polled.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let pool = conn_pool::Pool::from(["a", "b"]);
    /// pool.drain_async().await;
    /// assert_eq!(pool.status().in_use, 0);
    /// # })
    /// ```
    pub fn drain_async(&self) -> Drain<'_> {
        self.close();
        Drain::new(self.engine())
    }
}

#[inline(always)]
pub(super) const fn refusal(error: AcquireError) -> TryGetError {
    match error {
        AcquireError::Exhausted | AcquireError::QueueFull | AcquireError::TimedOut => TryGetError::Exhausted,
        // Only waits are dismissed.
        AcquireError::Closed | AcquireError::Dismissed => TryGetError::Closed,
        AcquireError::NoSlots => TryGetError::NoConnections,
    }
}

#[cfg(feature = "std")]
mod blocking {
    use core::pin::pin;
    use core::time::Duration;
    use std::time::Instant;

    use super::{ConnGuard, Pool, RawGuard};
    use crate::error::{DrainError, PoolError};
    use crate::slot::{Patience, acquire, wait_for_drain};
    use crate::stats::Histogram;

    /// Blocking the calling thread (feature `std`).
    impl<C, const N: usize> Pool<C, N> {
        /// Acquires a connection, waiting for as long as it takes.
        ///
        /// # Errors
        ///
        /// [`Closed`](PoolError::Closed), at once or as soon as the pool is closed;
        /// [`NoConnections`](PoolError::NoConnections) if `N` is 0.
        ///
        /// # Blocking
        ///
        /// Sleeps in a condition variable. A thread that holds the pool's last connection and asks for another waits
        /// for itself, for ever: acquire once and pass the connection on, or use [`get_timeout`](Self::get_timeout).
        ///
        /// # Fairness
        ///
        /// Threads and tasks wait in one queue; see [`Fairness`](crate::Fairness).
        ///
        /// # Examples
        ///
        /// ```
        /// let pool = conn_pool::Pool::from([0, 0]);
        /// std::thread::scope(|scope| {
        ///     for _ in 0..8 {
        ///         scope.spawn(|| *pool.get().unwrap() += 1);
        ///     }
        /// });
        /// assert_eq!(pool.metrics().acquired, 8);
        /// ```
        #[inline(always)]
        pub fn get(&self) -> Result<ConnGuard<'_, C, N>, PoolError> {
            self.get_within(Patience::Forever)
        }

        /// Acquires a connection, waiting for at most `timeout`.
        ///
        /// `Duration::ZERO` tries once, as [`try_get`](Self::try_get); `Duration::MAX` waits for as long as it takes.
        /// The time counts from the call; a spurious wake-up does not start it again.
        ///
        /// # Errors
        ///
        /// As [`get`](Self::get), and [`Timeout`](PoolError::Timeout) when the time is up. If a connection is granted
        /// at the very same moment, the caller gets the connection.
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        ///
        /// # Examples
        ///
        /// ```
        /// use conn_pool::{Pool, PoolError};
        /// use std::time::Duration;
        ///
        /// let pool = Pool::from(["the only one"]);
        /// let held = pool.get()?;
        /// let error = pool.get_timeout(Duration::from_millis(1)).unwrap_err();
        /// assert!(matches!(error, PoolError::Timeout(status) if status.in_use == 1));
        /// # Ok::<(), PoolError>(())
        /// ```
        #[inline(always)]
        pub fn get_timeout(&self, timeout: Duration) -> Result<ConnGuard<'_, C, N>, PoolError> {
            self.get_within(Patience::For(timeout))
        }

        /// Acquires a connection, waiting until `deadline` at the latest; if that has passed already, tries once.
        ///
        /// # Errors
        ///
        /// As [`get_timeout`](Self::get_timeout).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::{Duration, Instant};
        ///
        /// let pool = conn_pool::Pool::from(["a"]);
        /// let deadline = Instant::now() + Duration::from_secs(5);
        /// let connection = pool.get_deadline(deadline)?;
        /// # Ok::<(), conn_pool::PoolError>(())
        /// ```
        #[inline(always)]
        pub fn get_deadline(&self, deadline: Instant) -> Result<ConnGuard<'_, C, N>, PoolError> {
            self.get_within(Patience::Until(deadline))
        }

        #[inline(always)]
        fn get_within(&self, patience: Patience) -> Result<ConnGuard<'_, C, N>, PoolError> {
            match acquire(self, patience) {
                Ok(slot) => Ok(ConnGuard(RawGuard::new(self, slot))),
                Err(error) => Err(self.explain(error)),
            }
        }

        /// Closes the pool and waits until every connection was released and dropped, for at most `timeout`.
        ///
        /// # Errors
        ///
        /// [`DrainError`], with the number of connections that are still in use, when the time is up. The pool stays
        /// closed, and waiting again is fine.
        ///
        /// # Blocking
        ///
        /// Sleeps in a condition variable. A thread that holds a connection of the pool waits for itself.
        ///
        /// # Panics
        ///
        /// As [`close`](Self::close).
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        ///
        /// let pool = conn_pool::Pool::from(["a", "b"]);
        /// let held = pool.get().unwrap();
        /// assert_eq!(pool.drain(Duration::from_millis(1)).unwrap_err().in_use, 1);
        /// drop(held);
        /// assert_eq!(pool.drain(Duration::from_millis(1)), Ok(()));
        /// ```
        pub fn drain(&self, timeout: Duration) -> Result<(), DrainError> {
            let deadline = Instant::now().checked_add(timeout);
            let is_drained = wait_for_drain(pin!(self.drain_async()), deadline);
            if is_drained { Ok(()) } else { Err(DrainError { in_use: self.engine().in_use() }) }
        }

        /// How long callers waited, all of them: those that were served, at once too, and those that gave up. So a
        /// percentile is that of the pool's callers. Calls that do not wait and were refused are not among them. Takes
        /// no lock and stops no caller.
        ///
        /// Recorded in a pool that was built [`with_wait_times`](Self::with_wait_times), and empty in others.
        #[must_use]
        pub fn wait_times(&self) -> Histogram {
            self.engine().wait_times()
        }
    }
}
