// knows: error, manager, shared_error, told · must not know: how the pool works
//! Errors that are kept for all callers (feature `std`).

use std::error::Error;
use std::string::ToString;

use super::error::{GetError, ManagerError};
use super::manager::UNDESCRIBED;
use super::shared_error::SharedError;
use super::told::BoxError;

impl SharedError {
    /// The manager's error, where it is kept: in a [`SharedPool`](super::SharedPool).
    #[must_use]
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.0.error()
    }

    /// From now on it has the error too, and says what that says, if the manager does not.
    pub(super) fn keep(&self, error: BoxError) {
        let own = self.as_str().ends_with(UNDESCRIBED).then(|| error.to_string());
        self.0.keep(error, own);
    }

    /// An error, and what it says itself.
    pub(super) fn from_own(error: BoxError) -> Self {
        let told = Self::of(&error);
        told.keep(error);
        told
    }
}

impl<E> GetError<E> {
    /// The same with the manager's error as a [`SharedError`]: an error that is `Clone`, `Send` and `Sync`, whatever
    /// the manager's is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, GetError, Lifecycle, Manager, Pool};
    /// type AnyError = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = String; type Error = AnyError; }
    /// # impl Manager for Server {
    /// #     fn connect(&self, _: Option<std::time::Duration>) -> Result<String, AnyError> { Ok(String::new()) }
    /// # }
    /// fn len(pool: &Pool<Server, 4>) -> Result<usize, AnyError> {
    ///     Ok(pool.get().map_err(GetError::into_shared)?.len())
    /// }
    /// # assert_eq!(len(&Pool::new(Server, Config::new()).unwrap()).unwrap(), 0);
    /// ```
    pub fn into_shared(self) -> GetError
    where
        E: Into<BoxError>,
    {
        match self {
            Self::Connect { error, report } => GetError::Connect { error: error.into_shared(), report },
            Self::Invalid { error, report } => {
                GetError::Invalid { error: error.map(ManagerError::into_shared), report }
            }
            other => other.map_manager_error(|_| unreachable!("the two variants above have one")),
        }
    }
}

impl<E: Into<BoxError>> ManagerError<E> {
    /// The error as one that is `Clone`, `Send` and `Sync`.
    fn into_shared(self) -> ManagerError {
        ManagerError::Shared(match self {
            Self::Own(error) => SharedError::from_own(error.into()),
            Self::Shared(error) => error,
        })
    }
}
