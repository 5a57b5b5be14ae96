//! A manager of conn_pool in a pool of deadpool.

use conn_pool::managed::{AsyncManager, CheckReason};
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};

/// An [`AsyncManager`] of conn_pool as a [`deadpool::managed::Manager`].
///
/// No caller gets a connection in the state in which the last one left it: deadpool recycles a connection when the next
/// caller gets it, and then it is looked at, [reset](conn_pool::managed::Lifecycle::reset) and checked. If any of that
/// fails it ends.
///
/// # What is lost
///
/// - Nothing is done when a connection is returned, because deadpool does not ask its manager then: a transaction that
///   was left open keeps its locks while the connection is idle.
/// - A connection that a panic has held goes on to the next caller, reset and checked.
/// - [`on_discard`](conn_pool::managed::Lifecycle::on_discard): deadpool drops what ends. Put what has to be done into
///   the connection's own `Drop`.
/// - [`reset_blocks`](conn_pool::managed::Lifecycle::reset_blocks): the task that gets a connection resets it.
/// - [`is_permanent`](conn_pool::managed::Lifecycle::is_permanent) and
///   [`on_event`](conn_pool::managed::Lifecycle::on_event): deadpool has nothing that they are for.
/// - Time limits are deadpool's `Timeouts`, and by default none.
///
/// # Examples
///
/// ```
/// use conn_pool::managed;
/// use conn_pool_deadpool::IntoDeadpool;
/// use deadpool::managed::Pool;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = managed::from_async_fn(|| async { Ok::<_, std::io::Error>(7) });
/// let pool: Pool<_> = Pool::builder(IntoDeadpool::new(manager)).build()?;
/// assert_eq!(*pool.get().await?, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct IntoDeadpool<M>(M);

impl<M> IntoDeadpool<M> {
    /// With `manager` inside.
    pub const fn new(manager: M) -> Self {
        Self(manager)
    }

    /// The manager inside.
    pub const fn manager(&self) -> &M {
        &self.0
    }
}

impl<M> Manager for IntoDeadpool<M>
where
    M: AsyncManager<Connection: Send, Error: Send> + Send + Sync,
{
    type Type = M::Connection;
    type Error = M::Error;

    async fn create(&self) -> Result<M::Connection, M::Error> {
        self.0.connect().await
    }

    async fn recycle(&self, connection: &mut M::Connection, _metrics: &Metrics) -> RecycleResult<M::Error> {
        if self.0.is_closed(connection) {
            return Err(RecycleError::message("the connection is closed"));
        }
        if self.0.has_broken(connection) {
            return Err(RecycleError::message("the connection is broken"));
        }
        self.0.reset(connection)?;
        let why = if self.0.needs_check(connection) { CheckReason::Dirty } else { CheckReason::EachTime };
        self.0.on_check(connection, why);
        Ok(self.0.is_valid(connection).await?)
    }
}
