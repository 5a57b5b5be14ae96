// knows: report, shared_error · must not know: how the pool works
//! What can go wrong, in words for people.

use core::convert::Infallible;
use core::fmt;
use core::time::Duration;

use super::report::{Loan, PoolReport};
use super::shared_error::SharedError;

/// Why a call that acquires a connection has failed.
///
/// `E` is the manager's error; this one can be printed if that can, and is a [`core::error::Error`] if that is one. Its
/// text contains the manager's, so its [source](core::error::Error::source) is the source of the manager's error: a
/// report of the whole chain says everything once. The manager's error itself is in the variant, and
/// [`into_manager_error`](Self::into_manager_error) takes it out.
///
/// The callers of a [`SharedPool`](super::SharedPool) do not connect themselves, so their error is just `GetError`,
/// whatever the manager's is: all of them have the [same](SharedError). Where the manager's error is no
/// [`core::error::Error`] but can be made one, as `anyhow::Error` can, [`into_shared`](Self::into_shared) makes this
/// one fit for `?`.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, GetError, Lifecycle, Manager, ManagerError, Pool};
/// use std::time::Duration;
///
/// struct Down;
///
/// impl Lifecycle for Down {
///     type Connection = ();
///     type Error = &'static str;
/// }
///
/// impl Manager for Down {
///     fn connect(&self, _: Option<Duration>) -> Result<(), &'static str> {
///         Err("connection refused")
///     }
/// }
///
/// let pool = Pool::<_, 1>::new(Down, Config::new().name("orders"))?;
/// let error = pool.get().unwrap_err();
/// assert!(matches!(error, GetError::Connect { error: ManagerError::Own("connection refused"), .. }));
/// assert_eq!(
///     error.to_string(),
///     "cannot connect: connection refused (pool \"orders\": in use: 0 of 1, idle: 0, vacant: 1, waiting: 0)"
/// );
/// # Ok::<(), conn_pool::managed::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError<E = Infallible> {
    /// The deadline passed while the caller waited for a connection.
    Timeout(PoolReport),
    /// Nothing is free right now, and the caller did not wait (`try_get`). See [`Pool::report`](super::Pool::report)
    /// for how the pool stands.
    Exhausted,
    /// The wait queue is full: as many callers wait as `max_waiting` allows.
    QueueFull(PoolReport),
    /// The pool is closed, or was closed while the caller waited.
    Closed(PoolReport),
    /// The pool was built for no connections at all (`N` is 0).
    NoConnections,
    /// This process is a fork's child, and the pool is its parent's: the child shares the sockets of the connections,
    /// and has none of the threads that maintain the pool. Make a pool after the fork, or before it without a
    /// connection and without maintenance. See [`Pool::abandon`](super::Pool::abandon).
    Forked,
    /// The caller's thread holds every connection of this pool, and would wait for another one without a deadline: for
    /// ever, unless a guard is dropped by another thread. See [`Config::nested`](super::Config::nested).
    Nested {
        /// The loan of a connection that the thread holds.
        own: Loan,
        /// How the pool stood.
        report: PoolReport,
    },
    /// No connection could be made: by the caller itself, by the pool's connector for all callers, or by callers before
    /// this one in the queue. This is what a caller gets whose time is up, and not [`Timeout`](Self::Timeout), as long
    /// as connecting fails and the pool is not full.
    Connect {
        /// The manager's error: itself for a caller that has connected, else as a text.
        error: ManagerError<E>,
        /// How the pool stood.
        report: PoolReport,
    },
    /// The connect timeout, or the caller's deadline, passed while the caller was connecting. A caller that waits for a
    /// connector gets [`Connect`](Self::Connect) or [`Timeout`](Self::Timeout) instead.
    ConnectTimeout {
        /// How long it had taken so far.
        after: Duration,
        /// How the pool stood.
        report: PoolReport,
    },
    /// The idle connection failed its check, or did not answer, and there was no time, or no room, for another.
    Invalid {
        /// The manager's error, as a text if a thread of the `health_check` has checked; `None` if the check ran out of
        /// time.
        error: Option<ManagerError<E>>,
        /// How the pool stood.
        report: PoolReport,
    },
}

impl<E> GetError<E> {
    /// The error's name in snake case, for labels of metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Exhausted => "exhausted",
            Self::QueueFull(_) => "queue_full",
            Self::Closed(_) => "closed",
            Self::NoConnections => "no_connections",
            Self::Forked => "forked",
            Self::Nested { .. } => "nested",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// How the pool stood; `None` for a pool without slots, in a fork's child, and for a caller that did not wait.
    #[must_use]
    pub const fn report(&self) -> Option<&PoolReport> {
        match self {
            Self::NoConnections | Self::Exhausted | Self::Forked => None,
            Self::Timeout(report)
            | Self::QueueFull(report)
            | Self::Closed(report)
            | Self::Nested { report, .. }
            | Self::Connect { report, .. }
            | Self::ConnectTimeout { report, .. }
            | Self::Invalid { report, .. } => Some(report),
        }
    }

    /// The same with what `change` makes of the manager's error, where that is of a call for this caller.
    pub fn map_manager_error<F>(self, change: impl FnOnce(E) -> F) -> GetError<F> {
        match self {
            Self::Timeout(report) => GetError::Timeout(report),
            Self::Exhausted => GetError::Exhausted,
            Self::QueueFull(report) => GetError::QueueFull(report),
            Self::Closed(report) => GetError::Closed(report),
            Self::NoConnections => GetError::NoConnections,
            Self::Forked => GetError::Forked,
            Self::Nested { own, report } => GetError::Nested { own, report },
            Self::Connect { error, report } => GetError::Connect { error: error.map(change), report },
            Self::ConnectTimeout { after, report } => GetError::ConnectTimeout { after, report },
            Self::Invalid { error, report } => {
                GetError::Invalid { error: error.map(|error| error.map(change)), report }
            }
        }
    }

    /// The manager's error, if it was of a call for this caller.
    pub fn into_manager_error(self) -> Option<E> {
        match self {
            Self::Connect { error, .. } | Self::Invalid { error: Some(error), .. } => error.into_own(),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(report) => write!(f, "timed out waiting for a connection ({report})"),
            Self::Exhausted => f.write_str("no connection is free"),
            Self::QueueFull(report) => {
                let (waiting, s) = (report.status.waiting, if report.status.waiting == 1 { "" } else { "s" });
                write!(f, "wait queue is full: {waiting} caller{s} waiting ({report})")
            }
            Self::Closed(report) => write!(f, "the pool is closed ({report})"),
            Self::NoConnections => f.write_str("the pool has no slots: it was built with N = 0"),
            Self::Forked => f.write_str(
                "this process is the child of a fork, and the pool and its connections are its parent's: make a pool \
                 after the fork",
            ),
            Self::Nested { own, report } => {
                write!(f, "this thread would wait for itself: it holds all connections of the pool ({own}); {report}")
            }
            Self::Connect { error, report } => write!(f, "cannot connect: {error} ({report})"),
            Self::ConnectTimeout { after, report } => {
                write!(f, "cannot connect: no answer within {after:?} ({report})")
            }
            Self::Invalid { error: Some(error), report } => {
                write!(f, "the idle connection failed its check: {error} ({report})")
            }
            Self::Invalid { error: None, report } => {
                write!(f, "the idle connection did not answer its check in time ({report})")
            }
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for GetError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connect { error, .. } | Self::Invalid { error: Some(error), .. } => error.source(),
            _ => None,
        }
    }
}

/// An error of the manager's, as a caller has it.
///
/// The error itself is one value, and need not be `Clone` nor `Send`. So it goes to the caller whose call it was, and
/// all other callers get what it says.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{GetError, ManagerError};
///
/// fn is_refused<E>(error: &GetError<E>, says: fn(&E) -> bool) -> bool {
///     match error {
///         GetError::Connect { error: ManagerError::Own(error), .. } => says(error),
///         GetError::Connect { error: ManagerError::Shared(text), .. } => {
///             text.as_str().contains("refused")
///         }
///         _ => false,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagerError<E = Infallible> {
    /// The error itself, of a call for this caller.
    Own(E),
    /// The error of a call that was made for all callers: what it says, and in a
    /// [`SharedPool`](super::SharedPool) the error too.
    Shared(SharedError),
}

impl<E> ManagerError<E> {
    /// The error itself, if there is one.
    pub fn into_own(self) -> Option<E> {
        match self {
            Self::Own(error) => Some(error),
            Self::Shared(_) => None,
        }
    }

    /// The same with what `change` makes of the error itself.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> ManagerError<F> {
        match self {
            Self::Own(error) => ManagerError::Own(change(error)),
            Self::Shared(error) => ManagerError::Shared(error),
        }
    }
}

impl ManagerError {
    /// The error, of which there is one for all callers.
    #[must_use]
    pub fn shared(&self) -> &SharedError {
        match self {
            Self::Own(never) => match *never {},
            Self::Shared(error) => error,
        }
    }
}

impl<E: fmt::Display> fmt::Display for ManagerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(error) => error.fmt(f),
            Self::Shared(text) => text.fmt(f),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for ManagerError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Own(error) => error.source(),
            Self::Shared(error) => error.source(),
        }
    }
}

/// Connections that were still in use when a [`drain`](super::Pool::drain) gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pool is not drained ({report})")]
#[non_exhaustive]
pub struct DrainError {
    /// How the pool stood, with the longest loan. [`Pool::loans`](super::Pool::loans) lists all of them.
    pub report: PoolReport,
}
