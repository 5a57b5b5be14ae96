//! Layer 6 · part of managed · knows: holders · must not know: pools
//!
//! What the user of a managed pool provides: how a connection is made, checked, and parted with.

use core::fmt;
use core::future::Future;
use core::time::Duration;

use super::holders::Holder;

/// What a pool has to know of connections when they come back and when they go.
///
/// These functions are called where a guard is dropped: at once, on whichever thread, never as a task, so that no runtime
/// is needed to give a connection back. All of them have a default. How connections are made and checked says
/// [`Manager`] or [`AsyncManager`].
///
/// None is called under a lock, so each may take its time, call the pool, and panic: by a panic the connection is lost,
/// its slot is not.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Manage, Manager, Reason};
/// use std::net::TcpStream;
/// use std::time::Duration;
///
/// struct Server(std::net::SocketAddr);
///
/// impl Manage for Server {
///     type Connection = TcpStream;
///     type Error = std::io::Error;
///
///     fn on_discard(&self, connection: TcpStream, reason: Reason) {
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
pub trait Manage {
    /// What is pooled.
    type Connection;
    /// Why it could not be made, checked or reset. Nothing is asked of it.
    type Error;

    /// Whether a connection that comes back is known to be broken, without asking its server.
    ///
    /// `true` discards it. Called at each return, so it should be quick. The default finds none broken.
    fn has_broken(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Brings a connection that comes back into a clean state: rolls back what was left open, for one. The default leaves
    /// it as it is.
    ///
    /// # Errors
    ///
    /// Any: the connection is discarded then.
    fn reset(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
        let _ = connection;
        Ok(())
    }

    /// Whether a connection that comes back, and was reset, is still to be checked before it is lent again, however soon
    /// that is. The default says no.
    ///
    /// For what cannot be done in `reset`, because it takes awaiting: [`AsyncManager::is_valid`] may roll back.
    fn is_dirty(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Takes leave of a connection, whatever the reason: to close it properly, or to count. The default drops it.
    fn on_discard(&self, connection: Self::Connection, reason: Reason) {
        let _ = reason;
        drop(connection);
    }

    /// Is told what happens in the pool, for logs and reports. The default does nothing.
    fn on_event(&self, event: &Event<'_, Self::Error>) {
        let _ = event;
    }
}

/// Makes and checks connections, blocking the thread that calls.
///
/// # Blocking
///
/// A call that hangs keeps its caller and its slot, since nobody can stop a thread from outside; nobody else waits for it.
/// So make use of `within`, or of the driver's own timeouts.
pub trait Manager: Manage {
    /// Makes a connection.
    ///
    /// `within` is what is left of the caller's time, and at most the pool's connect timeout; `None`: no limit.
    ///
    /// # Errors
    ///
    /// Any; the caller gets it, in [`GetError::Connect`](super::GetError::Connect).
    fn connect(&self, within: Option<Duration>) -> Result<Self::Connection, Self::Error>;

    /// Checks a connection before it is lent, if it was idle for long (`validate_after`) or came back dirty. The default
    /// finds all of them fit.
    ///
    /// # Errors
    ///
    /// Any: the connection is discarded then, and another one is taken or made.
    fn is_valid(&self, connection: &mut Self::Connection, within: Option<Duration>) -> Result<(), Self::Error> {
        let _ = (connection, within);
        Ok(())
    }
}

/// Makes and checks connections as a task. As [`Manager`] otherwise.
///
/// The pool gives connect and check their time limits if its [`Clock`](super::Clock) can sleep; else that is for whoever
/// awaits.
pub trait AsyncManager: Manage {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// As [`Manager::connect`].
    ///
    /// # Cancel safety
    ///
    /// If the caller gives up, the future is dropped and the slot goes to the next in line.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Checks a connection before it is lent, if it was idle for long (`validate_after`) or came back dirty, in which case
    /// this is also where it is cleaned up. The default finds all of them fit.
    ///
    /// # Errors
    ///
    /// As [`Manager::is_valid`].
    ///
    /// # Cancel safety
    ///
    /// If the caller gives up half-way the connection is discarded: nobody knows what state it is in.
    fn is_valid(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = connection;
        async { Ok(()) }
    }
}

/// Why the pool parts with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// [`has_broken`](Manage::has_broken) said so when it came back.
    Broken,
    /// [`reset`](Manage::reset) failed when it came back.
    ResetFailed,
    /// It failed its check.
    Invalid,
    /// Its check was given up half-way, or the manager panicked over it.
    CheckCancelled,
    /// It has reached its maximum lifetime.
    Expired,
    /// Nobody wanted it for longer than the idle timeout.
    Idle,
    /// It was held while a panic unwound.
    Panicked,
    /// Its holder discarded it.
    Discarded,
    /// A [`retain`](super::Pool::retain) or [`evict_all`](super::Pool::evict_all) said so.
    Evicted,
    /// There were more than the maximum after a resize.
    Surplus,
    /// The pool is closed, or was dropped.
    Closed,
}

impl Reason {
    /// All of them, in the order of [`Figures::discarded`](super::Figures).
    pub const ALL: [Self; 11] = [
        Self::Broken,
        Self::ResetFailed,
        Self::Invalid,
        Self::CheckCancelled,
        Self::Expired,
        Self::Idle,
        Self::Panicked,
        Self::Discarded,
        Self::Evicted,
        Self::Surplus,
        Self::Closed,
    ];

    /// One word, for labels of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::ResetFailed => "reset_failed",
            Self::Invalid => "invalid",
            Self::CheckCancelled => "check_cancelled",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Panicked => "panicked",
            Self::Discarded => "discarded",
            Self::Evicted => "evicted",
            Self::Surplus => "surplus",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "was broken when it came back",
            Self::ResetFailed => "could not be reset",
            Self::Invalid => "failed its check",
            Self::CheckCancelled => "was left in the middle of its check",
            Self::Expired => "has reached its maximum lifetime",
            Self::Idle => "was idle for too long",
            Self::Panicked => "was held by a caller who panicked",
            Self::Discarded => "was discarded by its holder",
            Self::Evicted => "was evicted",
            Self::Surplus => "was one too many after a resize",
            Self::Closed => "belonged to a pool that was closed",
        })
    }
}

/// What happens in a pool, for [`Manage::on_event`]. It can be printed if the manager's error can.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a, E> {
    /// A connection was made.
    Connected {
        /// How long that took.
        took: Duration,
    },
    /// A connection could not be made: for a caller, who is told too, or by the maintenance, which tries again.
    ConnectFailed {
        /// The manager's error; `None` if it ran out of time.
        error: Option<&'a E>,
        /// How long it took to fail.
        took: Duration,
    },
    /// A connection failed its check, and is discarded next.
    CheckFailed {
        /// The manager's error; `None` if it ran out of time.
        error: Option<&'a E>,
    },
    /// A connection that came back could not be reset, and is discarded next.
    ResetFailed {
        /// The manager's error.
        error: &'a E,
    },
    /// A connection is held for longer than the leak threshold. Reported once for each borrowing, by the maintenance.
    Leaked {
        /// Who holds it.
        holder: Holder,
    },
}

impl<E: fmt::Display> fmt::Display for Event<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { took } => write!(f, "connected within {took:?}"),
            Self::ConnectFailed { error: Some(error), took } => write!(f, "cannot connect: {error} (after {took:?})"),
            Self::ConnectFailed { error: None, took } => write!(f, "cannot connect: no answer within {took:?}"),
            Self::CheckFailed { error: Some(error) } => write!(f, "a connection failed its check: {error}"),
            Self::CheckFailed { error: None } => f.write_str("a connection did not answer its check in time"),
            Self::ResetFailed { error } => write!(f, "a connection could not be reset: {error}"),
            Self::Leaked { holder } => write!(f, "a connection is missing: {holder}"),
        }
    }
}
