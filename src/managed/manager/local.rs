// knows: event, forward, manager · must not know: pools
//! Managers whose futures stay where they are: on one thread, or on one core.

use core::fmt;
use core::future::Future;

use super::forward::forward;
use super::{AsyncManager, Lifecycle};
use crate::managed::event::{CheckReason, DiscardReason, Event};

/// [`AsyncManager`] for drivers that are not `Send`: those that share what they have by `Rc`, `Cell` or `RefCell`, as
/// many do on a microcontroller with one core, or on the one thread of a local executor. [`Local`] makes a pool's
/// manager of it.
///
/// # Blocking
///
/// As [`AsyncManager`].
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, Lifecycle, Local, LocalAsyncManager, Pool};
/// use std::cell::Cell;
/// use std::convert::Infallible;
/// use std::rc::Rc;
///
/// /// A network stack that all connections share.
/// #[derive(Clone, Default)]
/// struct Stack(Rc<Cell<u16>>);
///
/// struct Socket {
///     port: u16,
///     _stack: Stack,
/// }
///
/// impl Lifecycle for Stack {
///     type Connection = Socket;
///     type Error = Infallible;
/// }
///
/// impl LocalAsyncManager for Stack {
///     async fn connect(&self) -> Result<Socket, Infallible> {
///         let ports = Rc::clone(&self.0);
///         // What awaits may keep the `Rc` meanwhile.
///         core::future::ready(()).await;
///         ports.set(ports.get() + 1);
///         Ok(Socket { port: ports.get(), _stack: self.clone() })
///     }
/// }
///
/// # pollster::block_on(async {
/// let pool = Pool::<_, 2>::new(Local(Stack::default()), Config::new())?;
/// assert_eq!(pool.get_async().await?.port, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait LocalAsyncManager: Lifecycle {
    /// As [`AsyncManager::connect`].
    ///
    /// # Errors
    ///
    /// As [`AsyncManager::connect`].
    ///
    /// # Cancel safety
    ///
    /// As [`AsyncManager::connect`].
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>>;

    /// As [`AsyncManager::is_valid`]. The default finds every connection fit.
    ///
    /// # Errors
    ///
    /// As [`AsyncManager::is_valid`].
    ///
    /// # Cancel safety
    ///
    /// As [`AsyncManager::is_valid`].
    fn is_valid(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>> {
        let _ = connection;
        async { Ok(()) }
    }
}

/// A [`LocalAsyncManager`] as the manager of a [`Pool`](super::super::Pool). What the pool does for tasks is `Send` if
/// what the manager does is: a future of the pool's cannot be sent to another thread if one of the manager's cannot,
/// which the compiler sees.
///
/// A pool can be shared by threads, and be a `static`, if its manager can. One with an `Rc` in it cannot: it lies in
/// the program's `main`, or where a cell for a `static` has put it, and its tasks run on one executor.
///
/// ```compile_fail
/// # use conn_pool::managed::{Lifecycle, Local, Pool};
/// # struct Stack(std::rc::Rc<()>);
/// # impl Lifecycle for Stack { type Connection = (); type Error = (); }
/// fn is_shared_by_threads<T: Sync>() {}
/// is_shared_by_threads::<Pool<Local<Stack>, 2>>();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Local<M>(pub M);

impl<M: Lifecycle> Lifecycle for Local<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    forward! { 0: is_closed has_broken reset reset_blocks needs_check on_check on_discard is_permanent describe on_event }
}

/// What a pool of tasks asks of its manager: it is an [`AsyncManager`], or a [`LocalAsyncManager`] in [`Local`]. No
/// other type can have it.
pub trait Awaited: Lifecycle + sealed::Sealed {
    #[doc(hidden)]
    fn begin_connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>>;

    #[doc(hidden)]
    fn begin_check(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<(), Self::Error>>;
}

impl<M: AsyncManager> Awaited for M {
    fn begin_connect(&self) -> impl Future<Output = Result<M::Connection, M::Error>> {
        self.connect()
    }

    fn begin_check(&self, connection: &mut M::Connection) -> impl Future<Output = Result<(), M::Error>> {
        self.is_valid(connection)
    }
}

impl<M: LocalAsyncManager> Awaited for Local<M> {
    fn begin_connect(&self) -> impl Future<Output = Result<M::Connection, M::Error>> {
        self.0.connect()
    }

    fn begin_check(&self, connection: &mut M::Connection) -> impl Future<Output = Result<(), M::Error>> {
        self.0.is_valid(connection)
    }
}

mod sealed {
    /// [`Awaited`](super::Awaited) is a promise of the crate's own types.
    pub trait Sealed {}

    impl<M: super::AsyncManager> Sealed for M {}
    impl<M: super::LocalAsyncManager> Sealed for super::Local<M> {}
}
