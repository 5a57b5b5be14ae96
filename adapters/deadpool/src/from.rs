//! A manager of deadpool in a pool of conn_pool.

use std::fmt;

use conn_pool::managed::{AsyncManager, DiscardReason, Event, Lifecycle};
use deadpool::managed::Manager;

use crate::{FromDeadpoolError, Tracked};

/// What is told of events.
type Listener<E> = Box<dyn Fn(&Event<'_, FromDeadpoolError<E>>) + Send + Sync>;

/// Any [`deadpool::managed::Manager`] as an [`AsyncManager`] of conn_pool. Its objects come as [`Tracked`].
///
/// deadpool recycles an object each time that a caller gets it. A pool of conn_pool does so if it was idle for longer
/// than `validate_after`, by default 500 ms. If `recycle` is to clean up what the last caller has left, and not only to
/// look whether the object is fit, ask for it [each time](Self::recycle_each_time).
///
/// A `SharedPool` asks for errors that can be sent and are errors, and deadpool does not: if those of `M` are not, the
/// pool is one of [`ErrorsAsText(manager)`](conn_pool::managed::ErrorsAsText).
pub struct FromDeadpool<M: Manager> {
    manager: M,
    describe: fn(&M::Error, &mut fmt::Formatter<'_>) -> fmt::Result,
    recycles_each_time: bool,
    listener: Option<Listener<M::Error>>,
}

impl<M: Manager> FromDeadpool<M> {
    /// With `manager`, whose errors can be printed.
    pub fn new(manager: M) -> Self
    where
        M::Error: fmt::Display,
    {
        Self::describing(manager, <M::Error as fmt::Display>::fmt)
    }

    /// With `manager`, and what writes its errors: for errors that cannot be printed, or do not say enough.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool_deadpool::FromDeadpool;
    /// # use deadpool::managed::{Manager, Metrics, RecycleResult};
    /// # #[derive(Debug)] enum Fault { NoCarrier }
    /// # struct Modem;
    /// # impl Manager for Modem {
    /// #     type Type = ();
    /// #     type Error = Fault;
    /// #     async fn create(&self) -> Result<(), Fault> { Err(Fault::NoCarrier) }
    /// #     async fn recycle(&self, _: &mut (), _: &Metrics) -> RecycleResult<Fault> { Ok(()) }
    /// # }
    /// let manager = FromDeadpool::describing(Modem, |fault, f| write!(f, "{fault:?}"));
    /// ```
    pub fn describing(manager: M, describe: fn(&M::Error, &mut fmt::Formatter<'_>) -> fmt::Result) -> Self {
        Self { manager, describe, recycles_each_time: false, listener: None }
    }

    /// Has each object that was in use recycled before the next caller gets it, as in deadpool, however soon that is.
    /// With `Config::clean_on_return` that is done when it is returned, and no caller waits for it.
    #[must_use]
    pub fn recycle_each_time(mut self) -> Self {
        self.recycles_each_time = true;
        self
    }

    /// Has `listener` told what happens in the pool, as [`Lifecycle::on_event`] is: why an object was not recycled for
    /// one, which deadpool tells nobody.
    ///
    /// Inside of [`ErrorsAsText`](conn_pool::managed::ErrorsAsText) it is not told of the manager's own errors.
    #[must_use]
    pub fn with_listener(
        mut self,
        listener: impl Fn(&Event<'_, FromDeadpoolError<M::Error>>) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The manager inside.
    pub const fn manager(&self) -> &M {
        &self.manager
    }
}

impl<M: Manager + fmt::Debug> fmt::Debug for FromDeadpool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromDeadpool").field("manager", &self.manager).finish_non_exhaustive()
    }
}

impl<M: Manager> Lifecycle for FromDeadpool<M> {
    type Connection = Tracked<M::Type>;
    type Error = FromDeadpoolError<M::Error>;

    fn needs_check(&self, _object: &mut Tracked<M::Type>) -> bool {
        self.recycles_each_time
    }

    fn on_discard(&self, mut object: Tracked<M::Type>, _reason: DiscardReason) {
        self.manager.detach(&mut object);
    }

    fn describe(&self, error: &Self::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error.write(f, self.describe)
    }

    fn on_event(&self, event: &Event<'_, Self::Error>) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

impl<M: Manager> AsyncManager for FromDeadpool<M> {
    async fn connect(&self) -> Result<Tracked<M::Type>, Self::Error> {
        self.manager.create().await.map(Tracked::new).map_err(FromDeadpoolError::Backend)
    }

    async fn is_valid(&self, tracked: &mut Tracked<M::Type>) -> Result<(), Self::Error> {
        let (object, metrics) = tracked.parts();
        self.manager.recycle(object, metrics).await?;
        tracked.was_recycled();
        Ok(())
    }
}
