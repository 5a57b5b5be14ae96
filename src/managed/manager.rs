// knows: event · must not know: pools
//! What the user of a managed pool provides: how a connection is made, checked, reset and ended.

pub(super) mod adapters;
pub(super) mod errors_as_text;
mod forward;
pub(super) mod from_fn;
#[cfg(feature = "alloc")]
pub(super) mod hooks;
pub(super) mod local;
pub(super) mod pointers;

use core::fmt;
use core::future::Future;
use core::time::Duration;

use super::event::{CheckReason, DiscardReason, Event};

/// What happens to a connection when it is released and when it ends.
///
/// These functions are called where a guard is made or dropped: at once, on whichever thread, never as a task, so that
/// no runtime is needed to release a connection. While a `health_check` runs, its threads end connections
/// ([`on_discard`](Self::on_discard)), and do the resets that [block](Self::reset_blocks). All of them have a default.
/// [`Manager`] or [`AsyncManager`] makes and checks connections.
///
/// No function is called under a lock, so each may take its time, call the pool, and panic: a panic loses the
/// connection, but not its slot (one of [`is_closed`](Self::is_closed) has the connection checked).
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{DiscardReason, Lifecycle, Manager};
/// use std::net::TcpStream;
/// use std::time::Duration;
///
/// struct Server(std::net::SocketAddr);
///
/// impl Lifecycle for Server {
///     type Connection = TcpStream;
///     type Error = std::io::Error;
///
///     fn on_discard(&self, connection: TcpStream, reason: DiscardReason) {
///         println!("closing {connection:?}: it {reason}");
///     }
/// }
///
/// impl Manager for Server {
///     fn connect(&self, within: Option<Duration>) -> std::io::Result<TcpStream> {
///         match within {
///             Some(within) => TcpStream::connect_timeout(&self.0, within),
///             None => TcpStream::connect(self.0),
///         }
///     }
/// }
/// ```
pub trait Lifecycle {
    /// What is pooled.
    type Connection;
    /// Why a connection could not be made, checked or reset. It needs no trait; [`describe`](Self::describe) says what
    /// callers, and the log, are told of it.
    type Error;

    /// Whether an idle connection is known to be closed, without asking its server: many drivers can tell. `true`
    /// discards it, and another one is taken or made.
    ///
    /// Called at each acquire, so it should cost next to nothing: reading a flag, and no I/O. The default takes every
    /// connection for open, and costs nothing.
    fn is_closed(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Whether a connection that is being released is known to be broken, without asking its server.
    ///
    /// `true` discards it. Called at each release, so it should be quick. The default finds no connection broken.
    fn has_broken(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Brings a connection that is being released into a clean state: rolls back an open transaction, for instance. The
    /// default leaves it as it is.
    ///
    /// # Errors
    ///
    /// Any: the connection is discarded then.
    fn reset(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
        let _ = connection;
        Ok(())
    }

    /// Whether [`reset`](Self::reset) has to ask the server, and so may block. While a `health_check` runs, one of its
    /// threads then asks [`has_broken`](Self::has_broken), resets the connection and releases its slot, and the thread
    /// that drops the guard does not wait for that. Otherwise that thread resets it, also while `run_maintenance`
    /// runs, whose task must not block ([`needs_check`](Self::needs_check) is for what has to be awaited). The default
    /// is `false`.
    ///
    /// Called at each release, before anything else, so it should be quick: whether a transaction is open, for
    /// instance.
    fn reset_blocks(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Whether a connection that is being released, and was reset, has to be checked before the next caller gets it,
    /// however soon that is. The default is `false`.
    ///
    /// For what cannot be done in `reset` because it has to be awaited: [`AsyncManager::is_valid`] may roll back.
    fn needs_check(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Called just before each check (`is_valid`) with the reason for it. The default does nothing.
    ///
    /// For a check that depends on the reason: note it in the connection, and look at it in `is_valid`.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::managed::{CheckReason, Lifecycle};
    ///
    /// struct Session {
    ///     socket: std::net::TcpStream,
    ///     has_to_roll_back: bool,
    /// }
    ///
    /// struct Server;
    ///
    /// impl Lifecycle for Server {
    ///     type Connection = Session;
    ///     type Error = std::io::Error;
    ///
    ///     fn on_check(&self, session: &mut Session, why: CheckReason) {
    ///         let is_in_doubt = matches!(why, CheckReason::Dirty | CheckReason::Required);
    ///         session.has_to_roll_back = is_in_doubt;
    ///     }
    /// }
    /// ```
    fn on_check(&self, connection: &mut Self::Connection, why: CheckReason) {
        let _ = (connection, why);
    }

    /// Ends a connection, whatever the reason: closes it properly, or counts it. The default drops it.
    ///
    /// While a `health_check` runs its threads call this, so it may block: no caller waits for it, and
    /// [`close`](super::Pool::close) for no longer than 40 ms. Otherwise it is called where the connection is found to
    /// be unfit: by the caller that acquires or releases it, or by maintenance. In a pool of an [`AsyncManager`] that
    /// is a task, so this must not block there: send what has to be awaited, or may block, to a task or a thread of
    /// your own.
    fn on_discard(&self, connection: Self::Connection, reason: DiscardReason) {
        let _ = reason;
        drop(connection);
    }

    /// Whether an error of a connect will not go away by itself: a wrong password, a database that does not exist. The
    /// default is `false`.
    ///
    /// Callers then do not wait for the next attempt of the pool's connector: if there is no connection they get the
    /// error at once, and newcomers get it until that attempt. Callers that connect themselves get every error at once,
    /// or after their [attempts](super::Retry::attempts).
    fn is_permanent(&self, error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// Writes what an error says, for callers that did not connect themselves, and for the log. Most managers have an
    /// error that can be printed, and do just that: `write!(f, "{error}")`. The default writes the error's type, since
    /// an error need not be printable. That of a [`SharedPool`](super::SharedPool) is, so there callers are told what
    /// it says itself unless this function is written.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    fn describe(&self, error: &Self::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = error;
        write!(f, "an error of the type {}{UNDESCRIBED}", core::any::type_name::<Self::Error>())
    }

    /// Called with what happens in the pool, for logs and reports. The default does nothing.
    fn on_event(&self, event: &Event<'_, Self::Error>) {
        let _ = event;
    }
}

/// How a text ends that says nothing of the error.
pub(super) const UNDESCRIBED: &str = " (`Lifecycle::describe` can say more)";

/// What a manager says of an error.
pub(super) struct Described<'a, M: Lifecycle + ?Sized>(pub(super) &'a M, pub(super) &'a M::Error);

impl<M: Lifecycle + ?Sized> fmt::Display for Described<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(self.1, f)
    }
}

/// Makes and checks connections, blocking the calling thread.
///
/// # Blocking
///
/// A call that hangs keeps its thread and its slot, since no thread can be stopped from outside. While a `health_check`
/// runs that is a thread of the pool's, and no caller waits for it past its deadline. Otherwise it is the caller's, and
/// no other caller waits for it. A connect that hangs also counts for
/// [`max_connecting`](super::Config::max_connecting). So use `within`, or the driver's own timeouts.
pub trait Manager: Lifecycle {
    /// Makes a connection.
    ///
    /// `within` is the pool's connect timeout; for a caller that connects itself at most what is left of its time;
    /// `None`: no limit.
    ///
    /// # Errors
    ///
    /// Any. A caller that connects itself gets it, in [`GetError::Connect`](super::GetError::Connect); callers that
    /// wait for the pool's connector get what it [says](Lifecycle::describe).
    fn connect(&self, within: Option<Duration>) -> Result<Self::Connection, Self::Error>;

    /// Checks a connection before a caller gets it, if it was idle for long (`validate_after`), was not checked for
    /// long (`validate_every`) or needs a check ([`Lifecycle::needs_check`]); and by maintenance (`keepalive`).
    /// [`Lifecycle::on_check`] is told why. The default finds every connection fit.
    ///
    /// # Errors
    ///
    /// Any: the connection is discarded then, and another one is taken or made.
    fn is_valid(&self, connection: &mut Self::Connection, within: Option<Duration>) -> Result<(), Self::Error> {
        let _ = (connection, within);
        Ok(())
    }
}

/// Makes and checks connections as a task. As [`Manager`] otherwise. What it awaits is `Send`; a driver that cannot
/// promise that implements [`LocalAsyncManager`](local::LocalAsyncManager).
///
/// The pool limits the time of a connect and of a check if its [`Clock`](super::Clock) can sleep; else the task that
/// awaits has to.
///
/// # Blocking
///
/// While [`run_maintenance`](super::Pool::run_maintenance) runs, its task connects, up to
/// [`max_connecting`](super::Config::max_connecting) at a time, and makes the checks that keep connections alive.
/// Callers make their own checks. Connections are reset and ended where they are found: by a caller that acquires or
/// releases them, or by that task. So neither these futures nor the functions of [`Lifecycle`] may block: whatever else
/// runs on that thread would stand still.
pub trait AsyncManager: Lifecycle {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// As [`Manager::connect`].
    ///
    /// # Cancel safety
    ///
    /// If a caller that connects itself gives up, the future is dropped, and the slot goes to the next waiter; so it is
    /// when a connector begins, which then connects for that caller. A connect of `run_maintenance` outlives the
    /// callers for which it was begun, and is dropped with that future.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Checks a connection before a caller gets it, if it was idle for long (`validate_after`), was not checked for
    /// long (`validate_every`) or needs a check ([`Lifecycle::needs_check`]), in which case this is also where it is
    /// cleaned up; and by maintenance (`keepalive`). [`Lifecycle::on_check`] is told why. The default finds every
    /// connection fit.
    ///
    /// # Errors
    ///
    /// As [`Manager::is_valid`].
    ///
    /// # Cancel safety
    ///
    /// If the caller gives up half-way the connection is discarded: its state is not known.
    fn is_valid(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = connection;
        async { Ok(()) }
    }
}
