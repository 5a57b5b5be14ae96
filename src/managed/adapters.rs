//! Layer 6 · part of managed · knows: manager · must not know: pools
//!
//! Managers of one kind in pools of the other, so that threads and tasks can stand in one line.

use core::time::Duration;

use super::manager::{AsyncManager, Event, Manage, Manager, Reason};

/// A [`Manager`] that tasks may use too: its pool has both `get` and `get_async`.
///
/// # Blocking
///
/// Its connects and checks block the thread that polls, and the pool's time limits do not reach them from a task: the
/// manager is told of none. For managers that are quick, or have limits of their own, and executors that can bear it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking<M>(pub M);

impl<M: Manage> Manage for Blocking<M> {
    type Connection = M::Connection;
    type Error = M::Error;

    fn has_broken(&self, connection: &mut M::Connection) -> bool {
        self.0.has_broken(connection)
    }

    fn reset(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
        self.0.reset(connection)
    }

    fn is_dirty(&self, connection: &mut M::Connection) -> bool {
        self.0.is_dirty(connection)
    }

    fn on_discard(&self, connection: M::Connection, reason: Reason) {
        self.0.on_discard(connection, reason);
    }

    fn on_event(&self, event: &Event<'_, M::Error>) {
        self.0.on_event(event);
    }
}

impl<M: Manager> Manager for Blocking<M> {
    fn connect(&self, within: Option<Duration>) -> Result<M::Connection, M::Error> {
        self.0.connect(within)
    }

    fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), M::Error> {
        self.0.is_valid(connection, within)
    }
}

impl<M: Manager<Connection: Send> + Sync> AsyncManager for Blocking<M> {
    async fn connect(&self) -> Result<M::Connection, M::Error> {
        self.0.connect(None)
    }

    async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), M::Error> {
        self.0.is_valid(connection, None)
    }
}

#[cfg(feature = "std")]
pub use block_on::{BlockOn, BlockOnError};

#[cfg(feature = "std")]
mod block_on {
    use core::fmt;
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Poll};
    use std::time::Instant;

    use super::{AsyncManager, Duration, Event, Manage, Manager, Reason};
    use crate::sync::with_parker;

    /// An [`AsyncManager`] that threads may use too: its pool has both `get_async` and `get`.
    ///
    /// # Blocking
    ///
    /// A thread polls the manager's futures itself and sleeps in between. If the driver needs a runtime around them, enter
    /// it before, and see to it that other threads drive it.
    #[derive(Debug, Clone, Copy, Default)]
    pub struct BlockOn<M>(pub M);

    /// What went wrong with a manager that a thread waited for.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum BlockOnError<E> {
        /// The manager's error.
        Manager(E),
        /// The thread's time was up.
        TimedOut,
    }

    impl<E: fmt::Display> fmt::Display for BlockOnError<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Manager(error) => error.fmt(f),
                Self::TimedOut => f.write_str("no answer in time"),
            }
        }
    }

    impl<E: core::error::Error + 'static> core::error::Error for BlockOnError<E> {
        fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
            match self {
                Self::Manager(error) => error.source(),
                Self::TimedOut => None,
            }
        }
    }

    impl<E> BlockOnError<E> {
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
    ) -> Result<T, BlockOnError<E>> {
        let deadline = within.and_then(|within| Instant::now().checked_add(within));
        let mut work = pin!(work);
        with_parker(|parker, waker| {
            let mut context = Context::from_waker(waker);
            loop {
                if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
                    return result.map_err(BlockOnError::Manager);
                }
                if !parker.park(deadline) {
                    return Err(BlockOnError::TimedOut);
                }
            }
        })
    }

    impl<M: Manage> Manage for BlockOn<M> {
        type Connection = M::Connection;
        type Error = BlockOnError<M::Error>;

        fn has_broken(&self, connection: &mut M::Connection) -> bool {
            self.0.has_broken(connection)
        }

        fn reset(&self, connection: &mut M::Connection) -> Result<(), Self::Error> {
            self.0.reset(connection).map_err(BlockOnError::Manager)
        }

        fn is_dirty(&self, connection: &mut M::Connection) -> bool {
            self.0.is_dirty(connection)
        }

        fn on_discard(&self, connection: M::Connection, reason: Reason) {
            self.0.on_discard(connection, reason);
        }

        /// An error that is not the manager's own is left out.
        fn on_event(&self, event: &Event<'_, Self::Error>) {
            self.0.on_event(&match *event {
                Event::Connected { took } => Event::Connected { took },
                Event::ConnectFailed { error, took } => {
                    Event::ConnectFailed { error: error.and_then(BlockOnError::own), took }
                }
                Event::CheckFailed { error } => Event::CheckFailed { error: error.and_then(BlockOnError::own) },
                Event::ResetFailed { error } => match error {
                    BlockOnError::Manager(error) => Event::ResetFailed { error },
                    BlockOnError::TimedOut => return,
                },
                Event::Leaked { holder } => Event::Leaked { holder },
            });
        }
    }

    impl<M: AsyncManager> Manager for BlockOn<M> {
        fn connect(&self, within: Option<Duration>) -> Result<M::Connection, Self::Error> {
            block_on(self.0.connect(), within)
        }

        fn is_valid(&self, connection: &mut M::Connection, within: Option<Duration>) -> Result<(), Self::Error> {
            block_on(self.0.is_valid(connection), within)
        }
    }

    impl<M: AsyncManager + Sync> AsyncManager for BlockOn<M>
    where
        M::Connection: Send,
    {
        async fn connect(&self) -> Result<M::Connection, Self::Error> {
            self.0.connect().await.map_err(BlockOnError::Manager)
        }

        async fn is_valid(&self, connection: &mut M::Connection) -> Result<(), Self::Error> {
            self.0.is_valid(connection).await.map_err(BlockOnError::Manager)
        }
    }
}
