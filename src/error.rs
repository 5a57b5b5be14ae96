// knows: stats · must not know: how a pool works
//! What can go wrong in any pool, in words for people.

use core::fmt;

#[cfg(feature = "std")]
use crate::stats::Status;

/// Why [`Pool::try_get`](crate::Pool::try_get) has no connection: one small code, cheap enough for a caller that polls.
///
/// Converts into a [`PoolError`] by `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TryGetError {
    /// No connection is free right now.
    #[error("no connection is free")]
    Exhausted,
    /// The pool is closed.
    #[error("the pool is closed")]
    Closed,
    /// The pool was built for no connections at all (`N` is 0).
    #[error("the pool has no slots: it was built with N = 0")]
    NoConnections,
}

impl TryGetError {
    /// The error's name in snake case, for labels of metrics: `"exhausted"`, `"closed"`, `"no_connections"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Closed => "closed",
            Self::NoConnections => "no_connections",
        }
    }
}

/// Why a call that acquires a connection has failed.
///
/// It implements [`core::error::Error`] with and without `std`.
///
/// # Examples
///
/// ```
/// use conn_pool::{Pool, PoolError};
/// use std::time::Duration;
///
/// let pool = Pool::from(["only one"]);
/// let held = pool.try_get()?;
/// let error = pool.get_timeout(Duration::from_millis(1)).unwrap_err();
/// assert!(matches!(error, PoolError::Timeout(status) if status.in_use == 1));
/// assert_eq!(
///     error.to_string(),
///     "timed out waiting for a connection (in use: 1 of 1, idle: 0, vacant: 0, waiting: 0)"
/// );
/// # Ok::<(), PoolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PoolError {
    /// The deadline passed before a connection came free. The status is that of the pool at that moment.
    #[cfg(feature = "std")]
    #[error("timed out waiting for a connection ({0})")]
    Timeout(Status),
    /// The pool is closed, or was closed while the caller waited.
    #[error("the pool is closed")]
    Closed,
    /// The pool was built for no connections at all (`N` is 0), so waiting would be in vain.
    #[error("the pool has no slots: it was built with N = 0")]
    NoConnections,
    /// No connection is free right now, and the caller did not wait (`try_get`).
    #[error("no connection is free")]
    Exhausted,
}

impl PoolError {
    /// The error's name in snake case, for labels of metrics: `"timeout"`, `"closed"`, `"no_connections"`,
    /// `"exhausted"`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "std")]
            Self::Timeout(_) => "timeout",
            Self::Closed => "closed",
            Self::NoConnections => "no_connections",
            Self::Exhausted => "exhausted",
        }
    }
}

impl From<TryGetError> for PoolError {
    fn from(error: TryGetError) -> Self {
        match error {
            TryGetError::Exhausted => Self::Exhausted,
            TryGetError::Closed => Self::Closed,
            TryGetError::NoConnections => Self::NoConnections,
        }
    }
}

/// Why a pool has no vacant slot for another connection.
///
/// From [`Pool::insert_with`](crate::Pool::insert_with) and [`Pool::insert_uninit`](crate::Pool::insert_uninit), which
/// have not made the connection then; and in an [`InsertError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum VacancyError {
    /// Every slot within the present maximum has a connection.
    #[error("the pool is full: max_size is {max_size}, and no slot is vacant")]
    Full {
        /// The pool's present maximum.
        max_size: usize,
    },
    /// The pool is closed.
    #[error("the pool is closed and takes no more connections")]
    Closed,
}

/// A connection that [`Pool::insert`](crate::Pool::insert) could not take, handed back.
///
/// # Examples
///
/// ```
/// use conn_pool::{Pool, VacancyError};
///
/// let pool = Pool::from(["first"]);
/// let error = pool.insert("second").unwrap_err();
/// assert_eq!(error.reason, VacancyError::Full { max_size: 1 });
/// assert_eq!(error.into_connection(), "second");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("{reason}")]
#[non_exhaustive]
pub struct InsertError<C> {
    /// The connection, handed back.
    pub connection: C,
    /// Why it was not taken.
    pub reason: VacancyError,
}

impl<C> InsertError<C> {
    /// The connection that was not taken.
    pub fn into_connection(self) -> C {
        self.connection
    }
}

impl<C> fmt::Debug for InsertError<C> {
    /// Without the connection, which may be large, or have no `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// A size that a pool cannot have, from [`Pool::resize`](crate::Pool::resize).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("cannot resize to {requested}: the pool was built with N = {capacity}, so use 0 to {capacity}")]
#[non_exhaustive]
pub struct ResizeError {
    /// The size asked for.
    pub requested: usize,
    /// The largest size that the pool can have: its `N`.
    pub capacity: usize,
}

/// Connections that were still in use when a [`drain`](crate::Pool::drain) gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("the pool is not drained: still in use: {in_use} (a guard that was leaked with mem::forget counts too)")]
#[non_exhaustive]
pub struct DrainError {
    /// How many connections were still in use.
    pub in_use: usize,
}
