//! A manager of bb8 in a pool of conn_pool.

use std::fmt;

use bb8::{CustomizeConnection, ManageConnection};
use conn_pool::managed::{AsyncManager, Event, Lifecycle};

/// What is done with connections beside the manager.
type Customizer<M> = Box<dyn CustomizeConnection<<M as ManageConnection>::Connection, <M as ManageConnection>::Error>>;
/// What is told of events.
type Listener<E> = Box<dyn Fn(&Event<'_, E>) + Send + Sync>;

/// Any [`bb8::ManageConnection`] as an [`AsyncManager`] of conn_pool.
///
/// An error of bb8 has a `Debug` for certain and nothing else, so that is what the log is told, and callers that did
/// not connect themselves; [`describing`](Self::describing) says it better.
///
/// A `SharedPool` asks for errors that can be sent and are errors. If those of `M` are not, the pool is one of
/// [`ErrorsAsText(manager)`](conn_pool::managed::ErrorsAsText).
pub struct FromBb8<M: ManageConnection> {
    manager: M,
    describe: fn(&M::Error, &mut fmt::Formatter<'_>) -> fmt::Result,
    customizer: Option<Customizer<M>>,
    listener: Option<Listener<M::Error>>,
}

impl<M: ManageConnection> FromBb8<M> {
    /// With `manager` alone.
    pub fn new(manager: M) -> Self {
        Self { manager, describe: <M::Error as fmt::Debug>::fmt, customizer: None, listener: None }
    }

    /// Has `describe` write the manager's errors instead of their `Debug`: for most drivers
    /// `|error, f| write!(f, "{error}")`.
    #[must_use]
    pub fn describing(mut self, describe: fn(&M::Error, &mut fmt::Formatter<'_>) -> fmt::Result) -> Self {
        self.describe = describe;
        self
    }

    /// Has `customizer` called with each new connection, as the end of its connect: if it fails, so does the connect.
    ///
    /// # Cancel safety
    ///
    /// Its time counts as that of the connect, with which it is dropped.
    #[must_use]
    pub fn with_customizer(mut self, customizer: Box<dyn CustomizeConnection<M::Connection, M::Error>>) -> Self {
        self.customizer = Some(customizer);
        self
    }

    /// Has `listener` told what happens in the pool, as [`Lifecycle::on_event`] is: failed connects and checks, of
    /// which bb8 tells its error sink.
    ///
    /// Inside of [`ErrorsAsText`](conn_pool::managed::ErrorsAsText) it is not told of the manager's own errors.
    #[must_use]
    pub fn with_listener(mut self, listener: impl Fn(&Event<'_, M::Error>) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The manager inside.
    pub const fn manager(&self) -> &M {
        &self.manager
    }
}

impl<M: ManageConnection + fmt::Debug> fmt::Debug for FromBb8<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromBb8")
            .field("manager", &self.manager)
            .field("customizer", &self.customizer)
            .finish_non_exhaustive()
    }
}

impl<M: ManageConnection> Lifecycle for FromBb8<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    fn has_broken(&self, connection: &mut M::Connection) -> bool {
        self.manager.has_broken(connection)
    }

    fn describe(&self, error: &M::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.describe)(error, f)
    }

    fn on_event(&self, event: &Event<'_, M::Error>) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl<M: ManageConnection> AsyncManager for FromBb8<M> {
    async fn connect(&self) -> Result<M::Connection, M::Error> {
        let mut connection = self.manager.connect().await?;
        if let Some(customizer) = &self.customizer {
            customizer.on_acquire(&mut connection).await?;
        }
        Ok(connection)
    }

    async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
        self.manager.is_valid(connection).await
    }
}
