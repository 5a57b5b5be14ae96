//! Layer 6 · knows: acquire, blocking, future · must not know: lines, slots
//!
//! The twins that own an `Arc` of their pool instead of borrowing it (feature `alloc`).

use crate::acquire::{Acquire, try_acquire};
use crate::error::PoolError;
use crate::future::GetAsyncOwned;
use crate::guard::{Held, OwnedConnGuard};
use crate::line::Kind;
use crate::pool::Pool;
use crate::sync::Arc;

/// Guards and futures that own an `Arc` of the pool (feature `alloc`).
#[cfg(target_has_atomic = "ptr")]
impl<C, const N: usize> Pool<C, N> {
    /// [`try_get`](Self::try_get), with a guard that owns an `Arc` of the pool.
    ///
    /// # Errors
    ///
    /// As [`try_get`](Self::try_get).
    #[inline(always)]
    pub fn try_get_owned(self: &Arc<Self>) -> Result<OwnedConnGuard<C, N>, PoolError> {
        Held::from_answer(Arc::clone(self), try_acquire(&**self)).map(OwnedConnGuard)
    }

    /// [`get_async`](Self::get_async), with a future and a guard that own an `Arc` of the pool: for `spawn`.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Examples
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let pool = std::sync::Arc::new(conn_pool::Pool::from(["a"]));
    /// let connection = pool.get_async_owned().await?;
    /// # Ok::<(), conn_pool::PoolError>(())
    /// # }).unwrap();
    /// ```
    pub fn get_async_owned(self: &Arc<Self>) -> GetAsyncOwned<C, N> {
        GetAsyncOwned(Acquire::new(Arc::clone(self), Kind::Task))
    }
}

/// Guards and futures that own an `Arc` of the pool (feature `alloc`): on this target one of `portable-atomic-util`, which
/// no method can be called on, so they are called as `Pool::try_get_owned(&pool)`.
#[cfg(not(target_has_atomic = "ptr"))]
impl<C, const N: usize> Pool<C, N> {
    /// [`try_get`](Self::try_get), with a guard that owns an `Arc` of the pool.
    ///
    /// # Errors
    ///
    /// As [`try_get`](Self::try_get).
    #[inline(always)]
    pub fn try_get_owned(pool: &Arc<Self>) -> Result<OwnedConnGuard<C, N>, PoolError> {
        Held::from_answer(Arc::clone(pool), try_acquire(&**pool)).map(OwnedConnGuard)
    }

    /// [`get_async`](Self::get_async), with a future and a guard that own an `Arc` of the pool: for `spawn`.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async).
    ///
    /// # Cancel safety
    ///
    /// As [`get_async`](Self::get_async).
    pub fn get_async_owned(pool: &Arc<Self>) -> GetAsyncOwned<C, N> {
        GetAsyncOwned(Acquire::new(Arc::clone(pool), Kind::Task))
    }
}

#[cfg(feature = "std")]
mod blocking {
    use core::time::Duration;
    use std::time::Instant;

    use super::{Arc, Held, OwnedConnGuard, Pool, PoolError};
    use crate::blocking::{Patience, acquire};

    /// Blocking, with guards that own an `Arc` of the pool (feature `std`).
    impl<C, const N: usize> Pool<C, N> {
        /// [`get`](Self::get), with a guard that owns an `Arc` of the pool.
        ///
        /// # Errors
        ///
        /// As [`get`](Self::get).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline(always)]
        pub fn get_owned(self: &Arc<Self>) -> Result<OwnedConnGuard<C, N>, PoolError> {
            Held::from_answer(Arc::clone(self), acquire(&**self, Patience::Forever)).map(OwnedConnGuard)
        }

        /// [`get_timeout`](Self::get_timeout), with a guard that owns an `Arc` of the pool.
        ///
        /// # Errors
        ///
        /// As [`get_timeout`](Self::get_timeout).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline(always)]
        pub fn get_timeout_owned(self: &Arc<Self>, timeout: Duration) -> Result<OwnedConnGuard<C, N>, PoolError> {
            Held::from_answer(Arc::clone(self), acquire(&**self, Patience::For(timeout))).map(OwnedConnGuard)
        }

        /// [`get_deadline`](Self::get_deadline), with a guard that owns an `Arc` of the pool.
        ///
        /// # Errors
        ///
        /// As [`get_deadline`](Self::get_deadline).
        ///
        /// # Blocking
        ///
        /// As [`get`](Self::get).
        #[inline(always)]
        pub fn get_deadline_owned(self: &Arc<Self>, deadline: Instant) -> Result<OwnedConnGuard<C, N>, PoolError> {
            Held::from_answer(Arc::clone(self), acquire(&**self, Patience::Until(deadline))).map(OwnedConnGuard)
        }
    }
}
