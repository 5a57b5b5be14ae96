// knows: manager · must not know: pools
//! Managers that are no more than a function.

use core::fmt;
use core::future::Future;
use core::time::Duration;

use super::{AsyncManager, Lifecycle, Manager};

/// A [`Manager`] that connects by calling `connect`, and does no more: `Hooks` adds what is to be done to each
/// connection. Callers and the log are told what the error says.
///
/// `connect` is not told how much time it has, so give it a limit of its own; a [`Manager`] written out is told.
///
/// The pool's type has to be named where the pool is kept: `FromFn<fn() -> io::Result<TcpStream>>` names that of a
/// function, and of a closure that captures nothing. A `Box<dyn Manager<Connection = TcpStream, Error = io::Error> +
/// Send + Sync>` is a manager of any type.
///
/// # Blocking
///
/// As [`Manager::connect`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// use conn_pool::managed::{self, Config, SharedPool};
/// use std::net::TcpStream;
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// let pool = SharedPool::blocking(managed::from_fn(move || TcpStream::connect(address)), Config::new())?;
/// assert_eq!(pool.get()?.peer_addr()?, address);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const fn from_fn<F, C, E>(connect: F) -> FromFn<F>
where
    F: Fn() -> Result<C, E>,
    E: fmt::Display,
{
    FromFn(connect)
}

/// An [`AsyncManager`] that connects by awaiting what `connect` answers. As [`from_fn`] otherwise.
///
/// # Cancel safety
///
/// As [`AsyncManager::connect`].
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{self, Config, Pool};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn connect(host: &str) -> std::io::Result<String> {
///     Ok(format!("connected to {host}"))
/// }
///
/// let pool = Pool::<_, 4>::new(managed::from_async_fn(|| connect("db.example")), Config::new())?;
/// assert_eq!(*pollster::block_on(pool.get_async())?, "connected to db.example");
/// # Ok(())
/// # }
/// ```
pub const fn from_async_fn<F, W, C, E>(connect: F) -> FromAsyncFn<F>
where
    F: Fn() -> W,
    W: Future<Output = Result<C, E>> + Send,
    E: fmt::Display,
{
    FromAsyncFn(connect)
}

/// The manager that [`from_fn`] makes.
#[derive(Clone, Copy)]
pub struct FromFn<F>(F);

/// The manager that [`from_async_fn`] makes.
#[derive(Clone, Copy)]
pub struct FromAsyncFn<F>(F);

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

impl<F> fmt::Debug for FromAsyncFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromAsyncFn")
    }
}

impl<F, C, E> Lifecycle for FromFn<F>
where
    F: Fn() -> Result<C, E>,
    E: fmt::Display,
{
    type Connection = C;
    type Error = E;

    fn describe(&self, error: &E, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error.fmt(f)
    }
}

impl<F, C, E> Manager for FromFn<F>
where
    F: Fn() -> Result<C, E>,
    E: fmt::Display,
{
    fn connect(&self, _within: Option<Duration>) -> Result<C, E> {
        (self.0)()
    }
}

impl<F, W, C, E> Lifecycle for FromAsyncFn<F>
where
    F: Fn() -> W,
    W: Future<Output = Result<C, E>> + Send,
    E: fmt::Display,
{
    type Connection = C;
    type Error = E;

    fn describe(&self, error: &E, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error.fmt(f)
    }
}

impl<F, W, C, E> AsyncManager for FromAsyncFn<F>
where
    F: Fn() -> W,
    W: Future<Output = Result<C, E>> + Send,
    E: fmt::Display,
{
    fn connect(&self) -> impl Future<Output = Result<C, E>> + Send {
        (self.0)()
    }
}
