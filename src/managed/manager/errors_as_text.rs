// knows: event, forward, manager, shared_error · must not know: pools
//! A manager whose error is no more than a text.

use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::forward::forward;
use super::{AsyncManager, Described, Lifecycle, Manager};
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::managed::shared_error::SharedError;

/// A manager whose errors are what the one inside [says](Lifecycle::describe) of its own: for a
/// [`SharedPool`](super::super::SharedPool) of a manager whose error cannot be sent, or is no [`Error`].
///
/// What the error was is lost, except whether it was [permanent](Lifecycle::is_permanent). The manager inside is not
/// told of failures ([`on_event`](Lifecycle::on_event)) that were errors of its own, since none is left to show it; it
/// knows of them, because they were its answers.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// use conn_pool::managed::{Config, ErrorsAsText, Lifecycle, Manager, SharedPool};
/// use std::fmt;
/// use std::time::Duration;
///
/// /// A driver that says no more than that it did not work.
/// struct Modem;
///
/// impl Lifecycle for Modem {
///     type Connection = u32;
///     type Error = ();
///
///     fn describe(&self, _: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("no carrier")
///     }
/// }
///
/// impl Manager for Modem {
///     fn connect(&self, _within: Option<Duration>) -> Result<u32, ()> {
///         Err(())
///     }
/// }
///
/// let error = SharedPool::connect_blocking(ErrorsAsText(Modem), Config::new()).unwrap_err();
/// assert_eq!(error.to_string(), "cannot make the first connection: no carrier");
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorsAsText<M>(pub M);

/// What a manager said of its error: the error of [`ErrorsAsText`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedError {
    text: SharedError,
    is_permanent: bool,
}

impl DescribedError {
    fn of<M: Lifecycle>(manager: &M, error: &M::Error) -> Self {
        Self { text: SharedError::of(Described(manager, error)), is_permanent: manager.is_permanent(error) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }
}

impl fmt::Display for DescribedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error for DescribedError {}

impl<M: Lifecycle> Lifecycle for ErrorsAsText<M> {
    type Connection = M::Connection;
    type Error = DescribedError;

    forward! { 0: is_closed has_broken reset_blocks needs_check on_check on_discard }

    fn reset(&self, connection: &mut M::Connection) -> Result<(), DescribedError> {
        self.0.reset(connection).map_err(|error| DescribedError::of(&self.0, &error))
    }

    fn is_permanent(&self, error: &DescribedError) -> bool {
        error.is_permanent
    }

    fn describe(&self, error: &DescribedError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(error.as_str())
    }

    fn on_event(&self, event: &Event<'_, DescribedError>) {
        self.0.on_event(&match *event {
            Event::Connected { took } => Event::Connected { took },
            Event::ConnectFailed { error: None, took } => Event::ConnectFailed { error: None, took },
            Event::CheckFailed { error: None } => Event::CheckFailed { error: None },
            Event::Leaked { loan } => Event::Leaked { loan },
            Event::ConnectFailed { error: Some(_), .. }
            | Event::CheckFailed { error: Some(_) }
            | Event::ResetFailed { .. } => return,
        });
    }
}

impl<M: Manager> Manager for ErrorsAsText<M> {
    fn connect(&self, within: Option<Duration>) -> Result<M::Connection, DescribedError> {
        self.0.connect(within).map_err(|error| DescribedError::of(&self.0, &error))
    }

    fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), DescribedError> {
        self.0.is_valid(connection, within).map_err(|error| DescribedError::of(&self.0, &error))
    }
}

impl<M: AsyncManager<Connection: Send> + Sync> AsyncManager for ErrorsAsText<M> {
    async fn connect(&self) -> Result<M::Connection, DescribedError> {
        self.0.connect().await.map_err(|error| DescribedError::of(&self.0, &error))
    }

    async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), DescribedError> {
        self.0.is_valid(connection).await.map_err(|error| DescribedError::of(&self.0, &error))
    }
}
