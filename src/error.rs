//! Layer 1 · knows: metrics (their `Status`) · must not know: how the pool works
//!
//! What can go wrong, in words for people.

use crate::metrics::Status;

/// Why there is no connection for the caller.
///
/// Each says how full the pool was at that moment; an error implements [`core::error::Error`] with and without `std`.
///
/// ```
/// use conn_pool::{Pool, PoolError};
///
/// let pool = Pool::from(["only one"]);
/// let held = pool.try_get()?;
/// let error = pool.try_get().unwrap_err();
/// assert!(matches!(error, PoolError::Exhausted(status) if status.in_use == 1));
/// assert_eq!(
///     error.to_string(),
///     "no connection is free (in use: 1 of 1, idle: 0, vacant: 0, waiting: 0)"
/// );
/// # Ok::<(), PoolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PoolError {
    /// The deadline passed before a connection came free.
    #[error("timed out waiting for a connection ({0})")]
    Timeout(Status),
    /// The pool is closed, or was closed while the caller waited.
    #[error("the pool is closed ({0})")]
    Closed(Status),
    /// The pool was built for no connections at all (`N` is 0), so waiting would be in vain.
    #[error("the pool has no slots: it was built with N = 0")]
    NoConnections,
    /// Nothing is free right now, and the caller did not want to wait (`try_get`).
    #[error("no connection is free ({0})")]
    Exhausted(Status),
}

impl PoolError {
    /// The error's bare name: `"Timeout"`, `"Closed"`, `"NoConnections"`, `"Exhausted"`.
    ///
    /// For labels of metrics and exit messages of programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "Timeout",
            Self::Closed(_) => "Closed",
            Self::NoConnections => "NoConnections",
            Self::Exhausted(_) => "Exhausted",
        }
    }
}

/// A connection that [`Pool::insert`](crate::Pool::insert) could not take, handed back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum InsertError<C> {
    /// Every slot within the present maximum has a connection.
    #[error("the pool is full: each of its {max_size} slots has a connection")]
    Full {
        /// The connection, back in the caller's hands.
        connection: C,
        /// The pool's present maximum.
        max_size: usize,
    },
    /// The pool is closed.
    #[error("the pool is closed and takes no more connections")]
    Closed {
        /// The connection, back in the caller's hands.
        connection: C,
    },
}

impl<C> InsertError<C> {
    /// The connection that was not taken.
    pub fn into_connection(self) -> C {
        match self {
            Self::Full { connection, .. } | Self::Closed { connection } => connection,
        }
    }
}

/// A size that a pool cannot have, from [`Pool::resize`](crate::Pool::resize).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("cannot resize to {requested} connections: the pool was built with {capacity} slots, so use 0 to {capacity}")]
#[non_exhaustive]
pub struct ResizeError {
    /// The size asked for.
    pub requested: usize,
    /// The largest size there can be: the pool's `N`.
    pub capacity: usize,
}

/// Connections that had not come back when a [`drain`](crate::Pool::drain) gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("the pool is not drained: {in_use} connections are still held (or were leaked with mem::forget)")]
#[non_exhaustive]
pub struct DrainError {
    /// How many.
    pub in_use: usize,
}
