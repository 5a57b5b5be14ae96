// knows: get, pool, engine, error, slot, stats · must not know: executors
//! A reference to a plain pool without the number of its slots.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::get::refusal;
use super::pool::Pool;
use crate::engine::{SlotToken, WaiterKind};
use crate::error::{PoolError, TryGetError};
use crate::slot::{Acquire, MappedGuard, PoolParts, storage, try_acquire};
use crate::stats::Status;

/// A pool of `C`, however many slots it has.
type AnyPool<'a, C> = dyn PoolParts<Connection = C, Extra = (), Shown = ()> + Sync + 'a;

/// A reference to a [`Pool<C, N>`](Pool) whose type does not have `N` in it: for the signatures of functions and the
/// fields of drivers. It is made by `PoolRef::from(&pool)`, or `(&pool).into()`.
///
/// Its guards are [`MappedGuard`]s. A call through it is a call by a pointer, and a program with a `PoolRef` contains
/// what waiting needs, whether or not it waits.
///
/// # Examples
///
/// ```
/// use conn_pool::{MappedGuard, Pool, PoolRef};
///
/// struct Logger<'a> {
///     buffers: PoolRef<'a, [u8; 64]>,
/// }
///
/// impl Logger<'_> {
///     async fn log(&self, text: &[u8]) -> usize {
///         let mut buffer = self.buffers.get_async().await.expect("it is never closed");
///         let len = text.len().min(buffer.len());
///         buffer[..len].copy_from_slice(&text[..len]);
///         MappedGuard::slot(&buffer)
///     }
/// }
///
/// static BUFFERS: Pool<[u8; 64], 4> = Pool::from_array([[0; 64]; 4]);
///
/// let logger = Logger { buffers: PoolRef::from(&BUFFERS) };
/// # pollster::block_on(async {
/// assert_eq!(logger.log(b"hello").await, 0);
/// # });
/// assert_eq!(logger.buffers.status().idle, 4);
/// ```
pub struct PoolRef<'a, C>(&'a AnyPool<'a, C>);

impl<'a, C> PoolRef<'a, C> {
    /// As [`Pool::try_get`].
    ///
    /// # Errors
    ///
    /// As [`Pool::try_get`].
    pub fn try_get(self) -> Result<MappedGuard<'a, C>, TryGetError> {
        match try_acquire(self.0) {
            Ok(slot) => Ok(guard_of(self.0, slot)),
            Err(error) => Err(refusal(error)),
        }
    }

    /// As [`Pool::get_async`].
    ///
    /// # Errors
    ///
    /// As [`Pool::get_async`].
    ///
    /// # Cancel safety
    ///
    /// As [`Pool::get_async`].
    ///
    /// # Fairness
    ///
    /// As [`Pool::get_async`].
    pub fn get_async(self) -> GetRef<'a, C> {
        GetRef(Acquire::new(self.0, WaiterKind::Task))
    }

    /// As [`Pool::status`].
    #[must_use]
    pub fn status(self) -> Status {
        self.0.engine().status()
    }

    /// As [`Pool::is_closed`].
    #[must_use]
    pub fn is_closed(self) -> bool {
        self.0.engine().is_closed()
    }
}

fn guard_of<'a, C>(pool: &'a AnyPool<'a, C>, slot: SlotToken) -> MappedGuard<'a, C> {
    let connection = storage::place(pool.slots(), &slot);
    // SAFETY: the slot was acquired: it is the caller's (I2), and filled (I3).
    unsafe { MappedGuard::new(pool, slot, connection) }
}

impl<C> Clone for PoolRef<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for PoolRef<'_, C> {}

impl<'a, C: Send, const N: usize> From<&'a Pool<C, N>> for PoolRef<'a, C> {
    fn from(pool: &'a Pool<C, N>) -> Self {
        Self(pool)
    }
}

#[cfg(feature = "defmt")]
impl<C> defmt::Format for PoolRef<'_, C> {
    /// As that of the pool.
    fn format(&self, f: defmt::Formatter<'_>) {
        self.0.engine().draw_for_defmt("", f);
    }
}

impl<C> fmt::Debug for PoolRef<'_, C> {
    /// As that of the pool.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.engine().draw("", f)
    }
}

/// Waits for a connection: from [`PoolRef::get_async`].
///
/// # Cancel safety
///
/// As [`Get`](crate::Get).
///
/// # Panics
///
/// When polled after it has finished.
#[must_use = "a future does nothing until it is polled"]
pub struct GetRef<'a, C>(Acquire<'a, AnyPool<'a, C>>);

impl<'a, C> Future for GetRef<'a, C> {
    type Output = Result<MappedGuard<'a, C>, PoolError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the inner future is pinned with the outer one, which has nothing else in it.
        let acquire = unsafe { self.into_ref().map_unchecked(|this| &this.0) };
        let pool = acquire.pool();
        acquire.poll(context.waker()).map(|answer| match answer {
            Ok(slot) => Ok(guard_of(pool, slot)),
            Err(error) => Err(refusal(error).into()),
        })
    }
}

impl<C> fmt::Debug for GetRef<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetRef").finish_non_exhaustive()
    }
}
