//! The error of a manager of deadpool.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use deadpool::managed::RecycleError;

/// Why an object of a [`FromDeadpool`](crate::FromDeadpool) manager could not be made or recycled. It can be printed if
/// `E` can, and is an [`Error`] if `E` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromDeadpoolError<E> {
    /// The manager's error.
    Backend(E),
    /// What the manager says of an object that it did not recycle.
    Message(Cow<'static, str>),
}

impl<E> FromDeadpoolError<E> {
    /// With what `describe` writes of the manager's error.
    pub(crate) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        describe: impl FnOnce(&E, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        match self {
            Self::Backend(error) => describe(error, f),
            Self::Message(message) => write!(f, "cannot be recycled: {message}"),
        }
    }
}

impl<E> From<RecycleError<E>> for FromDeadpoolError<E> {
    fn from(error: RecycleError<E>) -> Self {
        match error {
            RecycleError::Backend(error) => Self::Backend(error),
            RecycleError::Message(message) => Self::Message(message),
        }
    }
}

impl<E: fmt::Display> fmt::Display for FromDeadpoolError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, E::fmt)
    }
}

impl<E: Error> Error for FromDeadpoolError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Backend(error) => error.source(),
            Self::Message(_) => None,
        }
    }
}
