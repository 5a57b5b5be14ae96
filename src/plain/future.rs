// knows: guard, pool, error, slot · must not know: executors
//! Waiting as a task. The future uses `core` only, allocates nothing, and works on any executor.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::guard::ConnGuard;
use super::pool::Pool;
use crate::error::PoolError;
use crate::slot::{Acquire, RawGuard};

/// Waits for a connection: from [`Pool::get_async`].
///
/// # Cancel safety
///
/// It may be dropped at any moment. While it waits, it leaves the wait queue and the waiters behind it move up; if it
/// was granted a connection that it has not picked up yet, the next waiter gets that.
///
/// # Panics
///
/// When polled after it has finished.
#[must_use = "a future does nothing until it is polled"]
pub struct Get<'a, C, const N: usize>(pub(super) Acquire<'a, Pool<C, N>>);

impl<'a, C, const N: usize> Future for Get<'a, C, N> {
    type Output = Result<ConnGuard<'a, C, N>, PoolError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the inner future is pinned with the outer one, which has nothing else in it.
        let acquire = unsafe { self.into_ref().map_unchecked(|this| &this.0) };
        let pool = acquire.pool();
        acquire.poll(context.waker()).map(|answer| match answer {
            Ok(slot) => Ok(ConnGuard(RawGuard::new(pool, slot))),
            Err(error) => Err(pool.explain(error)),
        })
    }
}

impl<C, const N: usize> fmt::Debug for Get<'_, C, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").finish_non_exhaustive()
    }
}
