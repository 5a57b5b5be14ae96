//! Layer 6 · part of managed · knows: metrics (their `Status`), holders · must not know: how the pool works
//!
//! What can go wrong, in words for people.

use core::fmt;
use core::time::Duration;

use super::holders::Holder;
use crate::metrics::Status;

/// How a pool stood when somebody had to go without a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Situation {
    /// The pool's name.
    pub pool: &'static str,
    /// How full it was.
    pub status: Status,
    /// Who had held a connection the longest.
    pub longest: Option<Holder>,
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pool.is_empty() {
            write!(f, "pool {:?}: ", self.pool)?;
        }
        write!(f, "{}", self.status)?;
        match self.longest {
            Some(holder) => write!(f, "; longest {holder}"),
            None => Ok(()),
        }
    }
}

/// Why there is no connection for the caller.
///
/// `E` is the manager's error; this one can be printed if that can, and is a [`core::error::Error`], with the manager's as
/// its source, if that is one.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, GetError, Manage, Manager, Pool};
/// use std::time::Duration;
///
/// struct Down;
///
/// impl Manage for Down {
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
/// assert!(matches!(error, GetError::Connect { error: "connection refused", .. }));
/// assert_eq!(
///     error.to_string(),
///     "cannot connect: connection refused (pool \"orders\": in use: 0 of 1, idle: 0, vacant: 1, waiting: 0)"
/// );
/// # Ok::<(), conn_pool::managed::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError<E> {
    /// The deadline passed while the caller waited for a connection.
    Timeout(Situation),
    /// Nothing is free right now, and the caller did not want to wait (`try_get`).
    Exhausted(Situation),
    /// As many wait in line already as may (`max_waiting`).
    QueueFull(Situation),
    /// The pool is closed, or was closed while the caller waited.
    Closed(Situation),
    /// The pool was built for no connections at all (`N` is 0).
    NoConnections,
    /// The caller's thread holds a connection of this pool already, and would wait for another one without a deadline,
    /// perhaps for ever. See [`Config::nested`](super::Config::nested).
    Nested {
        /// What it holds.
        own: Holder,
        /// How the pool stood.
        situation: Situation,
    },
    /// No connection could be made.
    Connect {
        /// The manager's error.
        error: E,
        /// How the pool stood.
        situation: Situation,
    },
    /// The connect timeout, or the caller's deadline, passed while a connection was being made.
    ConnectTimeout {
        /// How long it had taken so far.
        after: Duration,
        /// How the pool stood.
        situation: Situation,
    },
    /// What was at hand failed its check, and there was neither time nor room to make another.
    Invalid {
        /// The manager's error; `None` if the check ran out of time.
        error: Option<E>,
        /// How the pool stood.
        situation: Situation,
    },
}

impl<E> GetError<E> {
    /// The error's bare name, for labels of metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "Timeout",
            Self::Exhausted(_) => "Exhausted",
            Self::QueueFull(_) => "QueueFull",
            Self::Closed(_) => "Closed",
            Self::NoConnections => "NoConnections",
            Self::Nested { .. } => "Nested",
            Self::Connect { .. } => "Connect",
            Self::ConnectTimeout { .. } => "ConnectTimeout",
            Self::Invalid { .. } => "Invalid",
        }
    }

    /// How the pool stood; `None` for a pool without slots.
    #[must_use]
    pub const fn situation(&self) -> Option<&Situation> {
        match self {
            Self::NoConnections => None,
            Self::Timeout(situation)
            | Self::Exhausted(situation)
            | Self::QueueFull(situation)
            | Self::Closed(situation)
            | Self::Nested { situation, .. }
            | Self::Connect { situation, .. }
            | Self::ConnectTimeout { situation, .. }
            | Self::Invalid { situation, .. } => Some(situation),
        }
    }

    /// The manager's error, if that is what it was.
    pub fn into_manager_error(self) -> Option<E> {
        match self {
            Self::Connect { error, .. } => Some(error),
            Self::Invalid { error, .. } => error,
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for GetError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(situation) => write!(f, "timed out waiting for a connection ({situation})"),
            Self::Exhausted(situation) => write!(f, "no connection is free ({situation})"),
            Self::QueueFull(situation) => write!(f, "too many wait already ({situation})"),
            Self::Closed(situation) => write!(f, "the pool is closed ({situation})"),
            Self::NoConnections => f.write_str("the pool has no slots: it was built with N = 0"),
            Self::Nested { own, situation } => {
                write!(
                    f,
                    "this thread would wait for itself: it holds a connection of the same pool ({own}); {situation}"
                )
            }
            Self::Connect { error, situation } => write!(f, "cannot connect: {error} ({situation})"),
            Self::ConnectTimeout { after, situation } => {
                write!(f, "cannot connect: no answer within {after:?} ({situation})")
            }
            Self::Invalid { error: Some(error), situation } => {
                write!(f, "the connection at hand failed its check: {error} ({situation})")
            }
            Self::Invalid { error: None, situation } => {
                write!(f, "the connection at hand did not answer its check in time ({situation})")
            }
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for GetError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Connect { error, .. } | Self::Invalid { error: Some(error), .. } => Some(error),
            _ => None,
        }
    }
}

/// Connections that had not come back when a [`drain`](super::Pool::drain) gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pool is not drained ({situation})")]
#[non_exhaustive]
pub struct DrainError {
    /// How many there are, and who holds one the longest. [`Pool::holders`](super::Pool::holders) tells of all of them.
    pub situation: Situation,
}
