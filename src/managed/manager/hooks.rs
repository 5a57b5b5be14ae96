// knows: event, forward, local, manager, sync · must not know: pools
//! Functions that are called beside a manager's.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use super::forward::forward;
use super::local::LocalAsyncManager;
use super::{AsyncManager, Lifecycle, Manager};
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::sync::run_once;

/// What may fail.
type Hook<C, E> = Box<dyn Fn(&mut C) -> Result<(), E> + Send + Sync>;
/// What says whether a connection is fit.
type Look<C> = Box<dyn Fn(&mut C) -> bool + Send + Sync>;
/// What is told why a connection ends.
type Farewell<C> = Box<dyn Fn(&mut C, DiscardReason) + Send + Sync>;
/// What has to be awaited.
type AsyncHook<C, E> = Box<dyn for<'a> Fn(&'a mut C) -> HookFuture<'a, E> + Send + Sync>;

/// What the function of [`Hooks::after_connect_async`] answers: `Box::pin(async move { … })`.
pub type HookFuture<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'a>>;

/// A manager with functions of your own beside it, without writing one: after a connect, before a loan, on return, and
/// before a connection ends.
///
/// Of one kind there may be several, which are called in the order in which they were added, until one fails. Their
/// errors are the manager's, and what it [says](Lifecycle::describe) of its own it says of them. No function is called
/// under a lock, so each may call the pool, and panic: a panic loses the connection, but not its slot. After a panic
/// before a loan it is checked, before the next one.
///
/// A function costs an allocation when it is added, and an indirect call when it is called.
///
/// | theirs | here |
/// |---|---|
/// | r2d2 `CustomizeConnection::on_acquire` | [`after_connect`](Self::after_connect) |
/// | r2d2 `CustomizeConnection::on_release` | [`before_discard`](Self::before_discard): it is called when a connection leaves the pool |
/// | deadpool `post_create` | [`after_connect`](Self::after_connect), [`after_connect_async`](Self::after_connect_async) |
/// | deadpool `pre_recycle`, `post_recycle` | [`before_lend`](Self::before_lend); with I/O [`is_valid`](Manager::is_valid), and [`validate_after`](super::super::Config::validate_after) of zero for each loan |
/// | sqlx `after_connect` | [`after_connect_async`](Self::after_connect_async) |
/// | sqlx `before_acquire` | as `pre_recycle` |
/// | sqlx `after_release` | [`on_return`](Self::on_return); what has to be awaited: [`needs_check`](Lifecycle::needs_check), and [`is_valid`](AsyncManager::is_valid) |
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// use conn_pool::managed::{self, Config, Hooks, SharedPool};
/// use std::net::TcpStream;
/// use std::time::Duration;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// let manager = Hooks::new(managed::from_fn(move || TcpStream::connect(address)))
///     .after_connect(|stream| stream.set_nodelay(true))
///     .before_lend(|stream| matches!(stream.take_error(), Ok(None)))
///     .on_return(|stream| stream.set_read_timeout(Some(Duration::from_secs(5))));
/// let pool = SharedPool::blocking(manager, Config::new())?;
/// assert!(pool.get()?.nodelay()?);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Hooks<M: Lifecycle> {
    manager: M,
    connected: Vec<Hook<M::Connection, M::Error>>,
    lent: Vec<Look<M::Connection>>,
    returned: Vec<Hook<M::Connection, M::Error>>,
    discarded: Vec<Farewell<M::Connection>>,
}

/// [`Hooks`] some of which have to be awaited: what [`Hooks::after_connect_async`] makes. It is an [`AsyncManager`]
/// only: a thread that connects could not wait for them. `BlockingFromAsync` around it can.
pub struct AsyncHooks<M: Lifecycle> {
    hooks: Hooks<M>,
    connected: Vec<AsyncHook<M::Connection, M::Error>>,
}

impl<M: Lifecycle> Hooks<M> {
    /// A manager without functions beside it yet.
    pub const fn new(manager: M) -> Self {
        Self { manager, connected: Vec::new(), lent: Vec::new(), returned: Vec::new(), discarded: Vec::new() }
    }

    /// Has `hook` called with each new connection, as the end of its connect. If it fails, so does the connect, with
    /// its error; the manager ends the connection then, as [`Invalid`](DiscardReason::Invalid). No caller has had it.
    ///
    /// # Blocking
    ///
    /// It may take its time where [`Manager::connect`] may, and must not block in a pool of tasks.
    #[must_use]
    pub fn after_connect(
        mut self,
        hook: impl Fn(&mut M::Connection) -> Result<(), M::Error> + Send + Sync + 'static,
    ) -> Self {
        self.connected.push(Box::new(hook));
        self
    }

    /// As [`after_connect`](Self::after_connect), with a function whose answer is awaited: it may ask the server. It is
    /// called after those that are not awaited, and its time counts as that of the connect.
    ///
    /// What is left is an [`AsyncManager`] with one kind of functions to add, so add the others before.
    ///
    /// # Cancel safety
    ///
    /// If the connect is dropped meanwhile, the manager ends the connection, as
    /// [`CheckCancelled`](DiscardReason::CheckCancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::managed::{self, Config, Hooks, Pool};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # async fn set_time_zone(session: &mut String) -> std::io::Result<()> { session.push_str(", UTC"); Ok(()) }
    /// let connect = || async { Ok::<_, std::io::Error>(String::from("connected")) };
    /// let manager = Hooks::new(managed::from_async_fn(connect))
    ///     .after_connect_async(|session| Box::pin(async move { set_time_zone(session).await }));
    /// let pool = Pool::<_, 4>::new(manager, Config::new())?;
    /// assert_eq!(*pollster::block_on(pool.get_async())?, "connected, UTC");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn after_connect_async(
        self,
        hook: impl for<'a> Fn(&'a mut M::Connection) -> HookFuture<'a, M::Error> + Send + Sync + 'static,
    ) -> AsyncHooks<M> {
        AsyncHooks { hooks: self, connected: Vec::new() }.after_connect_async(hook)
    }

    /// Has `is_fit` called with each idle connection before a caller gets it, after the manager's
    /// [`is_closed`](Lifecycle::is_closed), and as that: quickly, and without I/O. `false` discards the connection, as
    /// [`Broken`](DiscardReason::Broken), and another one is taken or made. New connections are shown to it where the
    /// pool makes them for callers that wait (a `SharedPool`, `health_check`, `run_maintenance`), else not. One that
    /// it refuses then is followed by a pause ([`Retry`](super::super::Retry)).
    #[must_use]
    pub fn before_lend(mut self, is_fit: impl Fn(&mut M::Connection) -> bool + Send + Sync + 'static) -> Self {
        self.lent.push(Box::new(is_fit));
        self
    }

    /// Has `hook` called with each connection that is released, after the manager's [`reset`](Lifecycle::reset), and as
    /// that. If it fails, the connection is discarded, as [`ResetFailed`](DiscardReason::ResetFailed).
    ///
    /// # Blocking
    ///
    /// It runs where the guard is dropped, unless the manager says that its reset [blocks](Lifecycle::reset_blocks).
    #[must_use]
    pub fn on_return(
        mut self,
        hook: impl Fn(&mut M::Connection) -> Result<(), M::Error> + Send + Sync + 'static,
    ) -> Self {
        self.returned.push(Box::new(hook));
        self
    }

    /// Has `hook` called with each connection that ends, and the reason, before the manager's
    /// [`on_discard`](Lifecycle::on_discard), and where that is called.
    #[must_use]
    pub fn before_discard(mut self, hook: impl Fn(&mut M::Connection, DiscardReason) + Send + Sync + 'static) -> Self {
        self.discarded.push(Box::new(hook));
        self
    }

    /// The manager inside.
    pub const fn manager(&self) -> &M {
        &self.manager
    }

    /// The end of a connect.
    fn connected(&self, connection: M::Connection) -> Result<M::Connection, M::Error> {
        let mut fresh = Fresh::new(self, connection);
        for hook in &self.connected {
            fresh.accept(|connection| hook(connection))?;
        }
        Ok(fresh.into_connection())
    }
}

impl<M: Lifecycle> AsyncHooks<M> {
    /// As [`Hooks::after_connect_async`].
    #[must_use]
    pub fn after_connect_async(
        mut self,
        hook: impl for<'a> Fn(&'a mut M::Connection) -> HookFuture<'a, M::Error> + Send + Sync + 'static,
    ) -> Self {
        self.connected.push(Box::new(hook));
        self
    }

    /// The manager inside.
    pub const fn manager(&self) -> &M {
        &self.hooks.manager
    }
}

/// A connection that no caller has had. Dropped, it is ended.
struct Fresh<'a, M: Lifecycle> {
    manager: &'a Hooks<M>,
    connection: Option<M::Connection>,
    /// Why it ends if it is dropped.
    reason: DiscardReason,
}

impl<'a, M: Lifecycle> Fresh<'a, M> {
    const fn new(manager: &'a Hooks<M>, connection: M::Connection) -> Self {
        Self { manager, connection: Some(connection), reason: DiscardReason::CheckCancelled }
    }

    fn connection(&mut self) -> &mut M::Connection {
        self.connection.as_mut().expect("it is taken with the whole only")
    }

    /// It is refused if `hook` fails.
    fn accept(&mut self, hook: impl FnOnce(&mut M::Connection) -> Result<(), M::Error>) -> Result<(), M::Error> {
        let accepted = hook(self.connection());
        self.note(&accepted);
        accepted
    }

    fn note(&mut self, accepted: &Result<(), M::Error>) {
        if accepted.is_err() {
            self.reason = DiscardReason::Invalid;
        }
    }

    fn into_connection(mut self) -> M::Connection {
        self.connection.take().expect("it is taken with the whole only")
    }
}

impl<M: Lifecycle> Drop for Fresh<'_, M> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Maybe while a panic of a hook unwinds, so that another one would end the process.
            run_once(|| self.manager.on_discard(connection, self.reason));
        }
    }
}

impl<M: Lifecycle> Lifecycle for Hooks<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    forward! { manager: has_broken reset_blocks needs_check on_check is_permanent describe on_event }

    fn is_closed(&self, connection: &mut M::Connection) -> bool {
        self.manager.is_closed(connection) || !self.lent.iter().all(|is_fit| is_fit(connection))
    }

    fn reset(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
        self.manager.reset(connection)?;
        self.returned.iter().try_for_each(|hook| hook(connection))
    }

    fn on_discard(&self, mut connection: M::Connection, reason: DiscardReason) {
        self.discarded.iter().for_each(|hook| hook(&mut connection, reason));
        self.manager.on_discard(connection, reason);
    }
}

impl<M: Lifecycle> Lifecycle for AsyncHooks<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    forward! {
        hooks: is_closed has_broken reset reset_blocks needs_check on_check on_discard is_permanent describe on_event
    }
}

impl<M: Manager> Manager for Hooks<M> {
    fn connect(&self, within: Option<Duration>) -> Result<M::Connection, M::Error> {
        self.connected(self.manager.connect(within)?)
    }

    fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), M::Error> {
        self.manager.is_valid(connection, within)
    }
}

impl<M: AsyncManager + Sync> AsyncManager for Hooks<M> {
    async fn connect(&self) -> Result<M::Connection, M::Error> {
        self.connected(self.manager.connect().await?)
    }

    fn is_valid(&self, connection: &mut M::Connection) -> impl Future<Output = Result<(), M::Error>> + Send {
        self.manager.is_valid(connection)
    }
}

impl<M: LocalAsyncManager> LocalAsyncManager for Hooks<M> {
    async fn connect(&self) -> Result<M::Connection, M::Error> {
        self.connected(self.manager.connect().await?)
    }

    fn is_valid(&self, connection: &mut M::Connection) -> impl Future<Output = Result<(), M::Error>> {
        self.manager.is_valid(connection)
    }
}

impl<M: AsyncManager<Connection: Send> + Sync> AsyncManager for AsyncHooks<M> {
    async fn connect(&self) -> Result<M::Connection, M::Error> {
        let connection = AsyncManager::connect(&self.hooks).await?;
        let mut fresh = Fresh::new(&self.hooks, connection);
        for hook in &self.connected {
            let accepted = hook(fresh.connection()).await;
            fresh.note(&accepted);
            accepted?;
        }
        Ok(fresh.into_connection())
    }

    fn is_valid(&self, connection: &mut M::Connection) -> impl Future<Output = Result<(), M::Error>> + Send {
        self.hooks.manager.is_valid(connection)
    }
}
