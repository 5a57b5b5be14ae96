// knows: clock, event, loan, manager, parts, pool, record, slot, sync · must not know: how a connection is looked at
//! The guards of a managed pool.

use core::time::Duration;

use super::clock::{Clock, SystemClock, duration};
use super::event::DiscardReason;
#[cfg(feature = "alloc")]
use super::loan::release::forget_thread;
use super::loan::tokens::{detach, discard};
use super::manager::Lifecycle;
use super::parts::ManagedParts;
use super::pool::Pool;
use super::record::{REQUIRED, SCOPED};
use crate::slot::{PoolParts, guard};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

guard! {
    /// An acquired connection of a [`managed::Pool`](Pool), as a [`ConnGuard`](crate::ConnGuard) is one of a plain
    /// pool.
    ///
    /// When it is dropped, the manager looks at the connection ([`has_broken`](Lifecycle::has_broken)) and resets it
    /// ([`reset`](Lifecycle::reset)), and the next caller gets it. It is discarded if it is unfit or too old, was
    /// evicted, or is held while a panic unwinds. All that happens on the thread that drops the guard, and needs no
    /// runtime. While a `health_check` runs, its threads end connections, and reset those of which
    /// [`reset_blocks`](Lifecycle::reset_blocks) is true: the drop waits for neither.
    ///
    /// # Panics
    ///
    /// Dropping it panics if the manager does, or a waiter's waker. The slot is never lost by that.
    ConnGuard,
    struct['a, M: Lifecycle, const N: usize, K: Clock = SystemClock],
    impl['a, M: Lifecycle, const N: usize, K: Clock], for['a, M, N, K],
    &'a Pool<M, N, K>, M::Connection
}

#[cfg(feature = "alloc")]
guard! {
    /// A [`ConnGuard`] that owns an `Arc` of its pool, for threads and tasks that outlive the scope they were spawned
    /// in: from [`ConnGuard::into_owned`].
    ///
    /// # Panics
    ///
    /// As [`ConnGuard`].
    OwnedConnGuard,
    struct[M: Lifecycle, const N: usize, K: Clock = SystemClock],
    impl[M: Lifecycle, const N: usize, K: Clock], for[M, N, K],
    Arc<Pool<M, N, K>>, M::Connection
}

/// The functions of both guards: associated ones, so that they never hide a method of the connection.
macro_rules! functions {
    ($(#[$meta:meta])* $guard:ty) => {
        $(#[$meta])*
        impl<M: Lifecycle, const N: usize, K: Clock> $guard {
            /// Discards the connection instead of releasing it, as [`DiscardReason::Discarded`]: for connections that
            /// turned out broken. The pool makes another when a caller wants one. While a `health_check` runs, one of
            /// its threads ends the connection.
            ///
            /// # Panics
            ///
            /// If the manager's [`on_discard`](Lifecycle::on_discard) does; the slot is vacant all the same.
            pub fn discard(guard: Self) {
                let (pool, slot) = guard.0.into_parts();
                discard(&*pool, slot, DiscardReason::Discarded);
            }

            /// Takes the connection out of the pool for good: for one that a caller keeps, as for notifications, or
            /// whose ownership a driver wants. Its slot is vacant from then on, and the pool makes another connection
            /// when a caller wants one; it is counted as [`DiscardReason::Detached`]. The manager neither resets nor
            /// ends it.
            ///
            /// # Panics
            ///
            /// If a waiter's waker does; the connection is dropped then.
            ///
            /// # Examples
            ///
            /// ```
            /// # use conn_pool::managed::{Config, ConnGuard, DiscardReason, Lifecycle, Manager, Pool};
            /// # use std::time::Duration;
            /// # struct Server;
            /// # impl Lifecycle for Server { type Connection = String; type Error = (); }
            /// # impl Manager for Server {
            /// #     fn connect(&self, _: Option<Duration>) -> Result<String, ()> { Ok("own".into()) }
            /// # }
            /// let pool = Pool::<_, 1>::new(Server, Config::new()).unwrap();
            /// let own: String = ConnGuard::detach(pool.get().unwrap());
            /// assert_eq!((own.as_str(), pool.status().vacant), ("own", 1));
            /// assert_eq!(pool.metrics().discards[DiscardReason::Detached as usize], 1);
            /// ```
            #[must_use = "the connection ends if it is not kept"]
            pub fn detach(guard: Self) -> M::Connection {
                let (pool, slot) = guard.0.into_parts();
                detach(&*pool, slot)
            }

            /// Has the connection checked, by `is_valid`, before it is acquired again, however soon that is: for a
            /// connection whose state is in doubt.
            pub fn require_check(guard: &Self) {
                let pool: &Pool<M, N, K> = guard.0.pool();
                pool.record(guard.0.slot()).mark(REQUIRED);
            }

            /// Runs `work` on the connection. If the future is dropped before `work` has ended, as by a handler's
            /// timeout, a reply may still be on its way: the connection is then checked, by `is_valid`, before it is
            /// acquired again. Costs two read-modify-writes.
            ///
            /// A guard that is dropped by itself cannot tell a request that was cut from one that has ended.
            ///
            /// # Cancel safety
            ///
            /// The future may be dropped at any moment; the guard is the caller's still.
            ///
            /// # Examples
            ///
            /// ```
            /// # use conn_pool::managed::{AsyncManager, Config, ConnGuard, Lifecycle, Pool};
            /// # struct Server;
            /// # impl Lifecycle for Server { type Connection = String; type Error = (); }
            /// # impl AsyncManager for Server {
            /// #     async fn connect(&self) -> Result<String, ()> { Ok(String::new()) }
            /// # }
            /// # async fn handler() -> Result<(), conn_pool::managed::GetError<()>> {
            /// let pool = Pool::<_, 4>::new(Server, Config::new()).unwrap();
            /// let mut connection = pool.get_async().await?;
            /// let len = ConnGuard::scope(&mut connection, async |connection| {
            ///     connection.push_str("query");
            ///     connection.len()
            /// })
            /// .await;
            /// assert_eq!(len, 5);
            /// # Ok(())
            /// # }
            /// ```
            pub async fn scope<T>(guard: &mut Self, work: impl AsyncFnOnce(&mut M::Connection) -> T) -> T {
                let slot = guard.0.slot();
                // A scope around this one ends later.
                let is_new = guard.0.pool().record(slot).mark(SCOPED);
                let output = work(&mut *guard).await;
                if is_new {
                    guard.0.pool().record(slot).unmark(SCOPED);
                }
                output
            }

            /// How long ago the connection was made.
            #[must_use]
            pub fn age(guard: &Self) -> Duration {
                let pool: &Pool<M, N, K> = guard.0.pool();
                duration(pool.record(guard.0.slot()).age(pool.coarse()))
            }

            /// How often the connection was acquired, this time included.
            #[must_use]
            pub fn uses(guard: &Self) -> usize {
                let pool: &Pool<M, N, K> = guard.0.pool();
                pool.engine().states().get(guard.0.slot()).uses()
            }
        }
    };
}

functions!(ConnGuard<'_, M, N, K>);
functions!(
    #[cfg(feature = "alloc")]
    OwnedConnGuard<M, N, K>
);

#[cfg(feature = "alloc")]
impl<'a, M: Lifecycle, const N: usize, K: Clock> ConnGuard<'a, M, N, K> {
    /// The same guard with an `Arc` of the pool instead of a reference to it: to be sent to a thread or a task that
    /// outlives this scope.
    ///
    /// # Errors
    ///
    /// Hands the guard back if `pool` is another pool than the guard's.
    pub fn into_owned(
        guard: Self,
        pool: &Arc<Pool<M, N, K>>,
    ) -> Result<OwnedConnGuard<M, N, K>, ConnGuard<'a, M, N, K>> {
        guard.0.into_owned(pool).map_err(ConnGuard).map(|owned| {
            // It may go to another thread.
            forget_thread(&**pool, owned.slot());
            OwnedConnGuard(owned)
        })
    }
}
