//! A manager of conn_pool in a pool of r2d2.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use conn_pool::managed::{CheckReason, Config, DiscardReason, Manager};
use r2d2::{CustomizeConnection, ManageConnection};

/// A [`Manager`] of conn_pool as an [`r2d2::ManageConnection`].
///
/// No caller gets a connection in the state in which the last one left it: where r2d2 asks whether a connection that is
/// returned has broken, it is [reset](conn_pool::managed::Lifecycle::reset), and if it
/// [needs a check](conn_pool::managed::Lifecycle::needs_check) it is checked at once, whatever `test_on_check_out` is.
/// If either fails it ends. So does a connection that is returned while a panic unwinds, since it may be in the midst
/// of a request.
///
/// # What is lost
///
/// - [`on_discard`](conn_pool::managed::Lifecycle::on_discard), unless the pool has the
///   [`customizer`](Self::customizer). It is told no reason, and r2d2 does not call it when the pool is dropped.
/// - [`reset_blocks`](conn_pool::managed::Lifecycle::reset_blocks): the thread that returns a connection resets it.
/// - [`is_closed`](conn_pool::managed::Lifecycle::is_closed) with `test_on_check_out(false)`.
/// - [`is_permanent`](conn_pool::managed::Lifecycle::is_permanent): r2d2 tries again whatever the error is.
/// - [`on_event`](conn_pool::managed::Lifecycle::on_event): r2d2 has handlers of its own.
///
/// # Examples
///
/// ```
/// use conn_pool::managed;
/// use conn_pool_r2d2::IntoR2d2;
///
/// let manager = managed::from_fn(|| Ok::<_, std::io::Error>(7));
/// let pool = r2d2::Pool::builder().max_size(2).build(IntoR2d2::new(manager))?;
/// assert_eq!(*pool.get()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IntoR2d2<M> {
    manager: Arc<M>,
    connect_within: Option<Duration>,
    check_within: Option<Duration>,
}

impl<M> IntoR2d2<M> {
    /// With the time limits that a pool of conn_pool has by default: 10 s for a connect, 5 s for a check.
    #[must_use]
    pub fn new(manager: M) -> Self {
        let defaults = Config::new();
        Self {
            manager: Arc::new(manager),
            connect_within: defaults.get_connect_timeout(),
            check_within: defaults.get_validation_timeout(),
        }
    }

    /// How much time the manager is told that it has for a connect; `None`: no limit.
    #[must_use]
    pub const fn connect_within(mut self, limit: Option<Duration>) -> Self {
        self.connect_within = limit;
        self
    }

    /// How much time the manager is told that it has for a check; `None`: no limit.
    #[must_use]
    pub const fn check_within(mut self, limit: Option<Duration>) -> Self {
        self.check_within = limit;
        self
    }

    /// The manager inside.
    #[must_use]
    pub fn manager(&self) -> &M {
        &self.manager
    }
}

impl<M> IntoR2d2<M>
where
    M: Manager<Connection: Send + 'static, Error: Error + 'static> + Send + Sync + 'static,
{
    /// For the pool's `connection_customizer`: has the manager end the connections that r2d2 removes. The reason is
    /// always [`Discarded`](DiscardReason::Discarded), because r2d2 does not tell it.
    #[must_use]
    pub fn customizer(&self) -> Box<dyn CustomizeConnection<M::Connection, IntoR2d2Error<M::Error>>> {
        Box::new(Ends(Arc::clone(&self.manager)))
    }
}

impl<M: Manager> IntoR2d2<M> {
    /// Whether a connection that is returned could be made fit for the next caller.
    fn clean_up(&self, connection: &mut M::Connection) -> bool {
        !self.manager.has_broken(connection)
            && self.manager.reset(connection).is_ok()
            && (!self.manager.needs_check(connection) || self.check(connection, CheckReason::Dirty).is_ok())
    }

    fn check(&self, connection: &mut M::Connection, why: CheckReason) -> Result<(), M::Error> {
        self.manager.on_check(connection, why);
        self.manager.is_valid(connection, self.check_within)
    }
}

impl<M> ManageConnection for IntoR2d2<M>
where
    M: Manager<Connection: Send + 'static, Error: Error + 'static> + Send + Sync + 'static,
{
    type Connection = M::Connection;
    type Error = IntoR2d2Error<M::Error>;

    fn connect(&self) -> Result<M::Connection, Self::Error> {
        self.manager.connect(self.connect_within).map_err(IntoR2d2Error::Manager)
    }

    fn is_valid(&self, connection: &mut M::Connection) -> Result<(), Self::Error> {
        if self.manager.is_closed(connection) {
            return Err(IntoR2d2Error::Closed);
        }
        self.check(connection, CheckReason::EachTime).map_err(IntoR2d2Error::Manager)
    }

    fn has_broken(&self, connection: &mut M::Connection) -> bool {
        thread::panicking() || !self.clean_up(connection)
    }
}

/// Why a connection of an [`IntoR2d2`] manager could not be made, or is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntoR2d2Error<E> {
    /// The manager's error.
    Manager(E),
    /// The manager [knows](conn_pool::managed::Lifecycle::is_closed) that the idle connection is closed.
    Closed,
}

impl<E: fmt::Display> fmt::Display for IntoR2d2Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager(error) => error.fmt(f),
            Self::Closed => f.write_str("the idle connection is closed"),
        }
    }
}

impl<E: Error> Error for IntoR2d2Error<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Manager(error) => error.source(),
            Self::Closed => None,
        }
    }
}

/// Ends connections.
struct Ends<M>(Arc<M>);

impl<M> fmt::Debug for Ends<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ends")
    }
}

impl<M, E> CustomizeConnection<M::Connection, E> for Ends<M>
where
    M: Manager + Send + Sync + 'static,
{
    fn on_release(&self, connection: M::Connection) {
        self.0.on_discard(connection, DiscardReason::Discarded);
    }
}
