// knows: event, manager, sync · must not know: pools
//! Managers of one kind used as the other, so that threads and tasks can wait in one queue.

use core::fmt;
use core::time::Duration;

use super::{AsyncManager, Lifecycle, Manager};
use crate::managed::event::{CheckReason, DiscardReason, Event};

/// An [`AsyncManager`] made from a [`Manager`], which blocks: its pool has both `get_async` and `get`.
///
/// # Blocking
///
/// Connects and checks block the thread that polls, and the pool's time limits do not reach them from a task: the
/// manager is told of none. For managers that are quick, or have limits of their own, and executors that can bear it.
/// While a `health_check` runs, its threads connect and end connections, and only checks block a task.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsyncFromBlocking<M>(pub M);

impl<M: Lifecycle> Lifecycle for AsyncFromBlocking<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    fn is_closed(&self, connection: &mut M::Connection) -> bool {
        self.0.is_closed(connection)
    }

    fn has_broken(&self, connection: &mut M::Connection) -> bool {
        self.0.has_broken(connection)
    }

    fn reset(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
        self.0.reset(connection)
    }

    fn reset_blocks(&self, connection: &mut M::Connection) -> bool {
        self.0.reset_blocks(connection)
    }

    fn needs_check(&self, connection: &mut M::Connection) -> bool {
        self.0.needs_check(connection)
    }

    fn on_check(&self, connection: &mut M::Connection, why: CheckReason) {
        self.0.on_check(connection, why);
    }

    fn on_discard(&self, connection: M::Connection, reason: DiscardReason) {
        self.0.on_discard(connection, reason);
    }

    fn is_permanent(&self, error: &M::Error) -> bool {
        self.0.is_permanent(error)
    }

    fn describe(&self, error: &M::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(error, f)
    }

    fn on_event(&self, event: &Event<'_, M::Error>) {
        self.0.on_event(event);
    }
}

impl<M: Manager> Manager for AsyncFromBlocking<M> {
    fn connect(&self, within: Option<Duration>) -> Result<M::Connection, M::Error> {
        self.0.connect(within)
    }

    fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), M::Error> {
        self.0.is_valid(connection, within)
    }
}

impl<M: Manager<Connection: Send> + Sync> AsyncManager for AsyncFromBlocking<M> {
    async fn connect(&self) -> Result<M::Connection, M::Error> {
        self.0.connect(None)
    }

    async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
        self.0.is_valid(connection, None)
    }
}

#[cfg(feature = "std")]
pub use block_on::{BlockingFromAsync, BlockingFromAsyncError};

#[cfg(feature = "std")]
mod block_on {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Poll};
    use std::time::Instant;

    use super::{AsyncManager, CheckReason, DiscardReason, Duration, Event, Lifecycle, Manager, fmt};
    use crate::sync::with_parker;

    /// A [`Manager`] made from an [`AsyncManager`]: its pool has both `get` and `get_async`.
    ///
    /// # Blocking
    ///
    /// A thread polls the manager's futures itself and sleeps in between. If the driver needs a runtime around them,
    /// enter it before, and let other threads drive it. While `run_maintenance` runs, its task connects, and a thread
    /// only waits for that: see [`get`](crate::managed::Pool::get).
    #[derive(Debug, Clone, Copy, Default)]
    pub struct BlockingFromAsync<M>(pub M);

    /// Why a call of a [`BlockingFromAsync`] manager has no result.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum BlockingFromAsyncError<E> {
        /// The manager's error.
        Manager(E),
        /// The thread's time was up.
        TimedOut,
    }

    impl<E: fmt::Display> fmt::Display for BlockingFromAsyncError<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Manager(error) => error.fmt(f),
                Self::TimedOut => f.write_str("no answer in time"),
            }
        }
    }

    impl<E: core::error::Error + 'static> core::error::Error for BlockingFromAsyncError<E> {
        fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
            match self {
                Self::Manager(error) => error.source(),
                Self::TimedOut => None,
            }
        }
    }

    impl<E> BlockingFromAsyncError<E> {
        const fn own(&self) -> Option<&E> {
            match self {
                Self::Manager(error) => Some(error),
                Self::TimedOut => None,
            }
        }
    }

    fn block_on<T, E>(
        work: impl Future<Output = Result<T, E>>,
        within: Option<Duration>,
    ) -> Result<T, BlockingFromAsyncError<E>> {
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        let mut work = pin!(work);
        with_parker(|parker, waker| {
            let mut context = Context::from_waker(waker);
            loop {
                if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
                    return result.map_err(BlockingFromAsyncError::Manager);
                }
                if !parker.park(deadline) {
                    return Err(BlockingFromAsyncError::TimedOut);
                }
            }
        })
    }

    impl<M: Lifecycle> Lifecycle for BlockingFromAsync<M> {
        type Connection = M::Connection;
        type Error = BlockingFromAsyncError<M::Error>;

        fn is_closed(&self, connection: &mut M::Connection) -> bool {
            self.0.is_closed(connection)
        }

        fn has_broken(&self, connection: &mut M::Connection) -> bool {
            self.0.has_broken(connection)
        }

        fn reset(&self, connection: &mut M::Connection) -> Result<(), Self::Error> {
            self.0.reset(connection).map_err(BlockingFromAsyncError::Manager)
        }

        fn reset_blocks(&self, connection: &mut M::Connection) -> bool {
            self.0.reset_blocks(connection)
        }

        fn needs_check(&self, connection: &mut M::Connection) -> bool {
            self.0.needs_check(connection)
        }

        fn on_check(&self, connection: &mut M::Connection, why: CheckReason) {
            self.0.on_check(connection, why);
        }

        fn on_discard(&self, connection: M::Connection, reason: DiscardReason) {
            self.0.on_discard(connection, reason);
        }

        fn is_permanent(&self, error: &Self::Error) -> bool {
            error.own().is_some_and(|error| self.0.is_permanent(error))
        }

        fn describe(&self, error: &Self::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match error {
                BlockingFromAsyncError::Manager(error) => self.0.describe(error, f),
                BlockingFromAsyncError::TimedOut => f.write_str("no answer in time"),
            }
        }

        /// An error that is not the manager's own is left out.
        fn on_event(&self, event: &Event<'_, Self::Error>) {
            self.0.on_event(&match *event {
                Event::Connected { took } => Event::Connected { took },
                Event::ConnectFailed { error, took } => {
                    Event::ConnectFailed { error: error.and_then(BlockingFromAsyncError::own), took }
                }
                Event::CheckFailed { error } => {
                    Event::CheckFailed { error: error.and_then(BlockingFromAsyncError::own) }
                }
                Event::ResetFailed { error } => match error {
                    BlockingFromAsyncError::Manager(error) => Event::ResetFailed { error },
                    BlockingFromAsyncError::TimedOut => return,
                },
                Event::Leaked { loan } => Event::Leaked { loan },
            });
        }
    }

    impl<M: AsyncManager> Manager for BlockingFromAsync<M> {
        fn connect(&self, within: Option<Duration>) -> Result<M::Connection, Self::Error> {
            block_on(self.0.connect(), within)
        }

        fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), Self::Error> {
            block_on(self.0.is_valid(connection), within)
        }
    }

    impl<M: AsyncManager + Sync> AsyncManager for BlockingFromAsync<M>
    where
        M::Connection: Send,
    {
        async fn connect(&self) -> Result<M::Connection, Self::Error> {
            self.0.connect().await.map_err(BlockingFromAsyncError::Manager)
        }

        async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), Self::Error> {
            self.0.is_valid(connection).await.map_err(BlockingFromAsyncError::Manager)
        }
    }
}
