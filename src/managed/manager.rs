// knows: event · must not know: pools
//! What the user of a managed pool provides: how a connection is made, checked, reset and ended.

pub(super) mod adapters;
pub(super) mod pointers;

use core::future::Future;
use core::time::Duration;

use super::event::{DiscardReason, Event};

/// What a pool has to know of connections when they are given back and when they end.
///
/// These functions are called where a guard is dropped: at once, on whichever thread, never as a task, so that no
/// runtime is needed to give a connection back. All of them have a default. How connections are made and checked,
/// [`Manager`] or [`AsyncManager`] says.
///
/// No function is called under a lock, so each may take its time, call the pool, and panic: by a panic the connection
/// is lost, its slot is not.
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
    /// Why a connection could not be made, checked or reset. It needs no trait.
    type Error;

    /// Whether a connection that is given back is known to be broken, without asking its server.
    ///
    /// `true` discards it. Called at each release, so it should be quick. The default finds no connection broken.
    fn has_broken(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Brings a connection that is given back into a clean state: rolls back an open transaction, for instance. The
    /// default leaves it as it is.
    ///
    /// # Errors
    ///
    /// Any: the connection is discarded then.
    fn reset(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
        let _ = connection;
        Ok(())
    }

    /// Whether a connection that was given back and reset has to be checked before it is lent again, however soon that
    /// is. The default is `false`.
    ///
    /// For what cannot be done in `reset` because it has to be awaited: [`AsyncManager::is_valid`] may roll back.
    fn needs_check(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Ends a connection, whatever the reason: closes it properly, or counts it. The default drops it.
    fn on_discard(&self, connection: Self::Connection, reason: DiscardReason) {
        let _ = reason;
        drop(connection);
    }

    /// Is told what happens in the pool, for logs and reports. The default does nothing.
    fn on_event(&self, event: &Event<'_, Self::Error>) {
        let _ = event;
    }
}

/// Makes and checks connections, blocking the calling thread.
///
/// # Blocking
///
/// A call that hangs keeps its caller and its slot, since no thread can be stopped from outside; no other caller waits
/// for it. So use `within`, or the driver's own timeouts.
pub trait Manager: Lifecycle {
    /// Makes a connection.
    ///
    /// `within` is what is left of the caller's time, and at most the pool's connect timeout; `None`: no limit.
    ///
    /// # Errors
    ///
    /// Any; the caller gets it, in [`GetError::Connect`](super::GetError::Connect).
    fn connect(&self, within: Option<Duration>) -> Result<Self::Connection, Self::Error>;

    /// Checks a connection before it is lent, if it was idle for long (`validate_after`) or needs a check
    /// ([`Lifecycle::needs_check`]). The default finds every connection fit.
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
/// The pool limits the time of a connect and of a check if its [`Clock`](super::Clock) can sleep; else the task that
/// awaits has to.
pub trait AsyncManager: Lifecycle {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// As [`Manager::connect`].
    ///
    /// # Cancel safety
    ///
    /// If the caller gives up, the future is dropped and the slot goes to the next waiter.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// Checks a connection before it is lent, if it was idle for long (`validate_after`) or needs a check
    /// ([`Lifecycle::needs_check`]), in which case this is also where it is cleaned up. The default finds every
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
