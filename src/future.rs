//! Layer 5 · knows: acquire, drain · must not know: executors
//!
//! The named futures. They use `core` only, allocate nothing, and work on any executor.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::acquire::Acquire;
use crate::error::PoolError;
use crate::guard::ConnGuard;
use crate::pool::Pool;

macro_rules! get_future {
    ($(#[$meta:meta])* $name:ident<$($life:lifetime)?>, $handle:ty, $guard:ident) => {
        $(#[$meta])*
        #[must_use = "a future does nothing until it is polled"]
        pub struct $name<$($life,)? C, const N: usize>(pub(crate) Acquire<$handle>);

        impl<$($life,)? C, const N: usize> Future for $name<$($life,)? C, N> {
            type Output = Result<$guard<$($life,)? C, N>, PoolError>;

            #[inline]
            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
                // SAFETY: the inner future is pinned with the outer one, which has nothing else in it.
                let acquire = unsafe { self.into_ref().map_unchecked(|this| &this.0) };
                acquire.poll(context.waker()).map(|answer| acquire.held(answer).map($guard))
            }
        }

        impl<$($life,)? C, const N: usize> core::fmt::Debug for $name<$($life,)? C, N> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

get_future! {
    /// Waits for a connection: from [`Pool::get_async`].
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any moment. In line, it leaves its place and the others move up; if it had been granted a
    /// connection that it had not picked up yet, the next in line gets it.
    ///
    /// # Panics
    ///
    /// When polled after it has finished.
    GetAsync<'a>, &'a Pool<C, N>, ConnGuard
}

#[cfg(feature = "alloc")]
use crate::guard::OwnedConnGuard;

#[cfg(feature = "alloc")]
get_future! {
    /// Waits for a connection and owns an `Arc` of its pool: from [`Pool::get_async_owned`].
    ///
    /// # Cancel safety
    ///
    /// As for [`GetAsync`].
    ///
    /// # Panics
    ///
    /// When polled after it has finished.
    GetAsyncOwned<>, crate::sync::Arc<Pool<C, N>>, OwnedConnGuard
}
