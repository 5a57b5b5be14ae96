//! A manager of conn_pool in a pool of bb8.

use std::error::Error;
use std::fmt;
use std::thread;

use bb8::ManageConnection;
use conn_pool::managed::{AsyncManager, CheckReason};

/// An [`AsyncManager`] of conn_pool as a [`bb8::ManageConnection`].
///
/// No caller gets a connection in the state in which the last one left it: where bb8 asks whether a connection that is
/// returned has broken, it is [reset](conn_pool::managed::Lifecycle::reset), and ends if that fails. If it [needs a
/// check](conn_pool::managed::Lifecycle::needs_check), which has to be awaited, it is checked before the next caller
/// gets it: **with `test_on_check_out(false)` bb8 makes no checks**, so say [`end_dirty`](Self::end_dirty) then. A
/// connection that is returned while a panic unwinds ends, since it may be in the midst of a request.
///
/// # What is lost
///
/// - [`on_discard`](conn_pool::managed::Lifecycle::on_discard): bb8 drops what ends. Put what has to be done into the
///   connection's own `Drop`.
/// - [`is_closed`](conn_pool::managed::Lifecycle::is_closed) with `test_on_check_out(false)`.
/// - [`reset_blocks`](conn_pool::managed::Lifecycle::reset_blocks): the task that returns a connection resets it.
/// - [`is_permanent`](conn_pool::managed::Lifecycle::is_permanent): bb8 tries again whatever the error is.
/// - [`on_event`](conn_pool::managed::Lifecycle::on_event): bb8 has an error sink.
/// - A check that was cancelled half-way: bb8 keeps the connection, which is reset and checked once more.
///
/// # Examples
///
/// ```
/// use conn_pool::managed;
/// use conn_pool_bb8::IntoBb8;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = managed::from_async_fn(|| async { Ok::<_, std::io::Error>(7) });
/// let pool = bb8::Pool::builder().build(IntoBb8::new(manager)).await?;
/// assert_eq!(*pool.get().await?, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct IntoBb8<M> {
    manager: M,
    ends_dirty: bool,
}

impl<M> IntoBb8<M> {
    /// For a pool that checks each connection before a caller gets it, as bb8 does by default.
    pub const fn new(manager: M) -> Self {
        Self { manager, ends_dirty: false }
    }

    /// For a pool with `test_on_check_out(false)`: a connection that needs a check ends at its return, because nothing
    /// would clean it up.
    #[must_use]
    pub const fn end_dirty(mut self) -> Self {
        self.ends_dirty = true;
        self
    }

    /// The manager inside.
    pub const fn manager(&self) -> &M {
        &self.manager
    }
}

impl<M: AsyncManager> IntoBb8<M> {
    /// Whether a connection that is returned could be made fit for the next caller, or will be by its check.
    fn clean_up(&self, connection: &mut M::Connection) -> bool {
        !self.manager.has_broken(connection)
            && self.manager.reset(connection).is_ok()
            && !(self.ends_dirty && self.manager.needs_check(connection))
    }
}

impl<M> ManageConnection for IntoBb8<M>
where
    M: AsyncManager<Connection: Send + 'static, Error: fmt::Debug + Send + 'static> + Send + Sync + 'static,
{
    type Connection = M::Connection;
    type Error = IntoBb8Error<M::Error>;

    async fn connect(&self) -> Result<M::Connection, Self::Error> {
        self.manager.connect().await.map_err(IntoBb8Error::Manager)
    }

    async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), Self::Error> {
        if self.manager.is_closed(connection) {
            return Err(IntoBb8Error::Closed);
        }
        let why = if self.manager.needs_check(connection) { CheckReason::Dirty } else { CheckReason::EachTime };
        self.manager.on_check(connection, why);
        self.manager.is_valid(connection).await.map_err(IntoBb8Error::Manager)
    }

    fn has_broken(&self, connection: &mut M::Connection) -> bool {
        thread::panicking() || !self.clean_up(connection)
    }
}

/// Why a connection of an [`IntoBb8`] manager could not be made, or is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntoBb8Error<E> {
    /// The manager's error.
    Manager(E),
    /// The manager [knows](conn_pool::managed::Lifecycle::is_closed) that the idle connection is closed.
    Closed,
}

impl<E: fmt::Display> fmt::Display for IntoBb8Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager(error) => error.fmt(f),
            Self::Closed => f.write_str("the idle connection is closed"),
        }
    }
}

impl<E: Error> Error for IntoBb8Error<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Manager(error) => error.source(),
            Self::Closed => None,
        }
    }
}
