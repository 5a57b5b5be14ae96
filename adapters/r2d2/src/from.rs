//! A manager of r2d2 in a pool of conn_pool.

use std::fmt;
use std::time::Duration;

use conn_pool::managed::{DiscardReason, Event, Lifecycle, Manager};
use r2d2::{CustomizeConnection, ManageConnection};

/// What is done with connections beside the manager.
type Customizer<M> = Box<dyn CustomizeConnection<<M as ManageConnection>::Connection, <M as ManageConnection>::Error>>;
/// What is told of events.
type Listener<E> = Box<dyn Fn(&Event<'_, E>) + Send + Sync>;

/// Any [`r2d2::ManageConnection`] as a [`Manager`] of conn_pool.
///
/// A `SharedPool` asks for errors that can be sent, and r2d2 does not: if those of `M` cannot be, the pool is one of
/// [`ErrorsAsText(FromR2d2::new(manager))`](conn_pool::managed::ErrorsAsText).
///
/// # Blocking
///
/// r2d2 tells its managers of no time limit, so a connect or a check that hangs keeps its thread. In a `SharedPool`,
/// and while a `health_check` runs, that is a thread of the pool's, and callers keep their deadlines. Give the driver
/// limits of its own even so, since connects that hang count for `max_connecting`.
///
/// # Examples
///
/// A manager whose error stays on its thread:
///
/// ```
/// # use std::{fmt, rc::Rc};
/// # struct Driver;
/// # #[derive(Debug)]
/// # struct Local(Rc<str>);
/// # impl fmt::Display for Local {
/// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
/// # }
/// # impl std::error::Error for Local {}
/// # impl r2d2::ManageConnection for Driver {
/// #     type Connection = ();
/// #     type Error = Local;
/// #     fn connect(&self) -> Result<(), Local> { Err(Local("away".into())) }
/// #     fn is_valid(&self, _: &mut ()) -> Result<(), Local> { Ok(()) }
/// #     fn has_broken(&self, _: &mut ()) -> bool { false }
/// # }
/// # use conn_pool::SharedPool;
/// # use conn_pool::managed::{Config, ErrorsAsText};
/// # use conn_pool_r2d2::FromR2d2;
/// let manager = ErrorsAsText(FromR2d2::new(Driver));
/// let pool = SharedPool::blocking(manager, Config::new())?;
/// # Ok::<(), conn_pool::managed::BuildError>(())
/// ```
///
/// Without the bridge the pool is refused:
///
/// ```compile_fail,E0277
/// # use std::{fmt, rc::Rc};
/// # struct Driver;
/// # #[derive(Debug)]
/// # struct Local(Rc<str>);
/// # impl fmt::Display for Local {
/// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
/// # }
/// # impl std::error::Error for Local {}
/// # impl r2d2::ManageConnection for Driver {
/// #     type Connection = ();
/// #     type Error = Local;
/// #     fn connect(&self) -> Result<(), Local> { Err(Local("away".into())) }
/// #     fn is_valid(&self, _: &mut ()) -> Result<(), Local> { Ok(()) }
/// #     fn has_broken(&self, _: &mut ()) -> bool { false }
/// # }
/// # use conn_pool::SharedPool;
/// # use conn_pool::managed::{Config, ErrorsAsText};
/// # use conn_pool_r2d2::FromR2d2;
/// let manager = FromR2d2::new(Driver);
/// let pool = SharedPool::blocking(manager, Config::new())?;
/// # Ok::<(), conn_pool::managed::BuildError>(())
/// ```
pub struct FromR2d2<M: ManageConnection> {
    manager: M,
    customizer: Option<Customizer<M>>,
    listener: Option<Listener<M::Error>>,
}

impl<M: ManageConnection> FromR2d2<M> {
    /// With `manager` alone.
    pub const fn new(manager: M) -> Self {
        Self { manager, customizer: None, listener: None }
    }

    /// Has `customizer` called with each connection: with
    /// [`on_acquire`](CustomizeConnection::on_acquire) as the end of its connect, which fails if that fails; and with
    /// [`on_release`](CustomizeConnection::on_release) as it ends, whatever the reason. r2d2 leaves that out when a
    /// pool is dropped; here it is not left out. As in r2d2, a connection that `on_acquire` has refused is dropped
    /// without it.
    #[must_use]
    pub fn with_customizer(mut self, customizer: Box<dyn CustomizeConnection<M::Connection, M::Error>>) -> Self {
        self.customizer = Some(customizer);
        self
    }

    /// Has `listener` told what happens in the pool, as [`Lifecycle::on_event`] is: failed connects for one, of which
    /// r2d2 tells its error handler.
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

impl<M: ManageConnection + fmt::Debug> fmt::Debug for FromR2d2<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromR2d2")
            .field("manager", &self.manager)
            .field("customizer", &self.customizer)
            .finish_non_exhaustive()
    }
}

impl<M: ManageConnection> Lifecycle for FromR2d2<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    fn has_broken(&self, connection: &mut M::Connection) -> bool {
        self.manager.has_broken(connection)
    }

    fn on_discard(&self, connection: M::Connection, _reason: DiscardReason) {
        match &self.customizer {
            Some(customizer) => customizer.on_release(connection),
            None => drop(connection),
        }
    }

    fn describe(&self, error: &M::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{error}")
    }

    fn on_event(&self, event: &Event<'_, M::Error>) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl<M: ManageConnection> Manager for FromR2d2<M> {
    fn connect(&self, _within: Option<Duration>) -> Result<M::Connection, M::Error> {
        let mut connection = self.manager.connect()?;
        if let Some(customizer) = &self.customizer {
            customizer.on_acquire(&mut connection)?;
        }
        Ok(connection)
    }

    fn is_valid(&self, connection: &mut M::Connection, _within: Option<Duration>) -> Result<(), M::Error> {
        self.manager.is_valid(connection)
    }
}
