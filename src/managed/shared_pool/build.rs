// knows: block, clock, config, config_error, defaults, event, handle, loan, manager, observe, parts, runner,
// shared_error, spawner, told, engine · must not know: who acquires
//! Building a shared pool.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::io;

use super::block::{Block, Upkeep};
use super::defaults::filled;
use super::handle::SharedPool;
use super::runner::{by_task, by_threads, start_threads};
use super::spawner::{Spawner, Task};
use crate::engine::MAX_SLOTS;
use crate::managed::clock::{Clock, SystemClock};
use crate::managed::config::Config;
use crate::managed::config_error::ConfigError;
use crate::managed::event::Event;
use crate::managed::loan::attended::until;
use crate::managed::manager::{AsyncManager, Described, Lifecycle, Manager};
use crate::managed::observe;
use crate::managed::parts::ManagedParts;
use crate::managed::shared_error::SharedError;
use crate::managed::told::BoxError;

/// Why a [`SharedPool`] could not be built.
///
/// What it is caused by is in its text, so its [source](Error::source) is what that was caused by.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Something is wrong with the configuration.
    Config(ConfigError),
    /// There is nothing to run the pool's maintenance on.
    NoRuntime,
    /// The function that was given to [`SharedPool::spawned_by`] or [`SharedPool::connect_spawned_by`] has dropped the
    /// task that maintains the pool.
    NotSpawned,
    /// The system cannot start the thread that maintains the pool.
    Thread(io::Error),
    /// The first connection could not be made.
    Connect(SharedError),
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::NoRuntime => f.write_str(
                "no runtime to maintain the pool on: build it within a tokio runtime, with the feature `tokio` of \
                 conn_pool; or with SharedPool::spawned_by on another runtime; or with SharedPool::blocking, by threads",
            ),
            Self::NotSpawned => f.write_str(
                "the function given to SharedPool::spawned_by or connect_spawned_by has dropped the task that maintains \
                 the pool: it has to hand it to an executor that runs",
            ),
            Self::Thread(error) => write!(f, "cannot start the thread that maintains the pool: {error}"),
            Self::Connect(error) => write!(f, "cannot make the first connection: {error}"),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::NoRuntime | Self::NotSpawned => None,
            Self::Thread(error) => error.source(),
            Self::Connect(error) => error.source(),
        }
    }
}

/// Building, for managers that block.
impl<M> SharedPool<M>
where
    M: Manager<Connection: Send, Error: Into<BoxError>> + Send + Sync + 'static,
{
    /// A pool that threads of its own maintain. There are no connections yet: they are made when callers want them, and
    /// up to `min_idle`.
    ///
    /// # Errors
    ///
    /// [`BuildError`], if something is wrong with the configuration, or the system cannot start a thread.
    pub fn blocking(manager: M, config: Config) -> Result<Self, BuildError> {
        Self::by_own_threads(manager, config, None)
    }

    /// As [`blocking`](Self::blocking), with a first connection, which the calling thread makes.
    ///
    /// # Errors
    ///
    /// As [`blocking`](Self::blocking), and [`BuildError::Connect`] with the manager's error.
    ///
    /// # Blocking
    ///
    /// As long as the manager takes to connect. It is told of
    /// [`connect_timeout`](Config::connect_timeout).
    pub fn connect_blocking(manager: M, config: Config) -> Result<Self, BuildError> {
        check(config)?;
        let began = SystemClock.now();
        let first = manager.connect(config.connect_timeout);
        let first = first.map_err(|error| refused(&manager, error))?;
        Self::by_own_threads(manager, config, Some(First::made(first, began)))
    }

    fn by_own_threads(manager: M, config: Config, first: Option<First<M>>) -> Result<Self, BuildError> {
        let pool = Self::build(manager, config, by_threads(), first)?;
        start_threads(&pool.owner()).map_err(BuildError::Thread)?;
        Ok(pool)
    }
}

/// Building, for managers that await.
impl<M> SharedPool<M>
where
    M: AsyncManager<Connection: Send, Error: Into<BoxError>> + Send + Sync + 'static,
{
    /// A pool that a task of the tokio runtime maintains on which this is called (feature `tokio`). There are no
    /// connections yet: they are made when callers want them, and up to `min_idle`.
    ///
    /// If that runtime ends, the next caller on another one has the pool maintained there.
    ///
    /// # Errors
    ///
    /// [`BuildError`], if something is wrong with the configuration; [`BuildError::NoRuntime`] outside of a runtime,
    /// and without the feature `tokio`.
    pub fn new(manager: M, config: Config) -> Result<Self, BuildError> {
        Self::maintained_at(manager, config, Spawner::present().ok_or(BuildError::NoRuntime)?, None)
    }

    /// As [`new`](Self::new), with a first connection.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`BuildError::Connect`] with the manager's error, or if it does not connect within
    /// [`connect_timeout`](Config::connect_timeout).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped there is no pool.
    pub async fn connect(manager: M, config: Config) -> Result<Self, BuildError> {
        let spawner = Spawner::present().ok_or(BuildError::NoRuntime)?;
        check(config)?;
        let first = first_connection(&manager, &config).await?;
        Self::maintained_at(manager, config, spawner, Some(first))
    }

    /// As [`new`](Self::new), on any runtime: the pool's maintenance is a future that `spawn` hands to it. If the
    /// runtime drops the future, the next caller that needs maintenance has another one spawned.
    ///
    /// Tasks sleep by a thread that all pools share ([`SystemClock`](crate::managed::SystemClock)).
    ///
    /// # Errors
    ///
    /// [`BuildError`], if something is wrong with the configuration; [`BuildError::NotSpawned`] if `spawn` has dropped
    /// the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{AsyncManager, Config, Lifecycle};
    /// # use conn_pool::SharedPool;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = u32; type Error = std::io::Error; }
    /// # impl AsyncManager for Server { async fn connect(&self) -> std::io::Result<u32> { Ok(7) } }
    /// let pool = SharedPool::spawned_by(Server, Config::new(), |task| {
    ///     // `smol::spawn(task).detach()` with smol; a thread, to be without a runtime at all.
    ///     std::thread::spawn(|| pollster::block_on(task));
    /// })?;
    /// assert_eq!(*pollster::block_on(pool.get_async())?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawned_by(
        manager: M,
        config: Config,
        spawn: impl Fn(Task) + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        Self::maintained_at(manager, config, Spawner::Own(Box::new(spawn)), None)
    }

    /// As [`spawned_by`](Self::spawned_by), with a first connection, which the calling task makes.
    ///
    /// # Errors
    ///
    /// As [`spawned_by`](Self::spawned_by), and [`BuildError::Connect`] with the manager's error, or if it does not
    /// connect within [`connect_timeout`](Config::connect_timeout). Then nothing was spawned.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped there is no pool.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::SharedPool;
    /// # use conn_pool::managed::{AsyncManager, BuildError, Config, Lifecycle};
    /// # struct Gone;
    /// # impl Lifecycle for Gone { type Connection = u32; type Error = std::io::Error; }
    /// # impl AsyncManager for Gone {
    /// #     async fn connect(&self) -> std::io::Result<u32> { Err(std::io::ErrorKind::ConnectionRefused.into()) }
    /// # }
    /// // With smol: `|task| smol::spawn(task).detach()`.
    /// let spawn = |task| drop(std::thread::spawn(|| pollster::block_on(task)));
    /// let built = pollster::block_on(SharedPool::connect_spawned_by(Gone, Config::new(), spawn));
    /// assert!(matches!(built, Err(BuildError::Connect(_))));
    /// ```
    pub async fn connect_spawned_by(
        manager: M,
        config: Config,
        spawn: impl Fn(Task) + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        check(config)?;
        let first = first_connection(&manager, &config).await?;
        Self::maintained_at(manager, config, Spawner::Own(Box::new(spawn)), Some(first))
    }

    fn maintained_at(
        manager: M,
        config: Config,
        spawner: Spawner,
        first: Option<First<M>>,
    ) -> Result<Self, BuildError> {
        let is_own = matches!(spawner, Spawner::Own(_));
        let pool = Self::build(manager, config, by_task(spawner), first)?;
        match pool.block().begin_upkeep() {
            true => Ok(pool),
            false if is_own => Err(BuildError::NotSpawned),
            false => Err(BuildError::NoRuntime),
        }
    }
}

impl<M: Lifecycle<Error: Into<BoxError>>> SharedPool<M> {
    /// A pool that nobody maintains, for models.
    #[cfg(all(test, conn_pool_loom))]
    pub(crate) fn unmaintained(manager: M, config: Config) -> Self {
        let upkeep = Upkeep { begin: |_| false, spawner: None };
        Self::build(manager, config, upkeep, None).expect("a sound configuration")
    }

    /// The `first` connection lies in the pool before maintenance begins, which may fill it.
    fn build(manager: M, config: Config, upkeep: Upkeep<M>, first: Option<First<M>>) -> Result<Self, BuildError> {
        let (config, capacity) = check(config)?;
        let pool = Self::of(Block::allocate(manager, config, capacity, upkeep, Into::into));
        // There is room, unless `max_size` is 0.
        if let Some(First { connection, took }) = first
            && pool.insert(connection).is_ok()
        {
            pool.block().shared().counters().connected.add_shared(1);
            observe::event(pool.block(), &Event::Connected { took });
        }
        Ok(pool)
    }
}

/// The connection that a pool is built with.
struct First<M: Lifecycle> {
    connection: M::Connection,
    /// How long it took to make it.
    took: Duration,
}

impl<M: Lifecycle> First<M> {
    fn made(connection: M::Connection, began: Duration) -> Self {
        Self { connection, took: SystemClock.now().saturating_sub(began) }
    }
}

/// The configuration of a shared pool with its defaults, and how many slots it has.
fn check(config: Config) -> Result<(Config, usize), ConfigError> {
    let (filled, capacity) = filled(config);
    if capacity > MAX_SLOTS {
        let option = if config.capacity.is_some() { "capacity" } else { "max_size" };
        return Err(ConfigError::TooMany { option, asked: capacity, most: MAX_SLOTS });
    }
    if config.capacity == Some(0) {
        return Err(ConfigError::Zero { option: "capacity" });
    }
    filled.check(capacity)?;
    Ok((filled, capacity))
}

async fn first_connection<M>(manager: &M, config: &Config) -> Result<First<M>, BuildError>
where
    M: AsyncManager<Error: Into<BoxError>>,
{
    let late = || BuildError::Connect(SharedError::of("no answer within connect_timeout"));
    let timer = config.connect_timeout.map(|limit| SystemClock.sleep(limit));
    let began = SystemClock.now();
    let made = until(manager.connect(), timer).await.ok_or_else(late)?;
    made.map(|made| First::made(made, began)).map_err(|error| refused(manager, error))
}

/// With what the manager says of its error, and the error.
fn refused<M: Lifecycle<Error: Into<BoxError>>>(manager: &M, error: M::Error) -> BuildError {
    let told = SharedError::of(Described(manager, &error));
    told.keep(error.into());
    BuildError::Connect(told)
}
