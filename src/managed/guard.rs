//! Layer 6 · part of managed · knows: guard, pool · must not know: how a connection is looked at
//!
//! A borrowed connection of a managed pool.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use super::clock::{Clock, SystemClock, duration};
use super::keep::Keep;
use super::manager::{Manage, Reason};
use super::pool::Pool;
use super::slot::discard;
use crate::guard::Held;

macro_rules! guard {
    ($(#[$meta:meta])* $name:ident<$($life:lifetime)?>, $handle:ty) => {
        $(#[$meta])*
        #[must_use = "the connection goes back to the pool at once if the guard is not kept"]
        pub struct $name<$($life,)? M: Manage, const N: usize, K: Clock = SystemClock>(pub(super) Held<$handle>);

        impl<$($life,)? M: Manage, const N: usize, K: Clock> $name<$($life,)? M, N, K> {
            /// Parts with the connection instead of giving it back, as [`Reason::Discarded`]: for connections that turned
            /// out broken. The pool makes another when one is wanted.
            ///
            /// An associated function, called as
            #[doc = concat!("`", stringify!($name), "::discard(guard)`,")]
            /// so that it never hides a method of the connection.
            ///
            /// # Panics
            ///
            /// If the manager's [`on_discard`](Manage::on_discard) does; the slot is vacant all the same.
            pub fn discard(guard: Self) {
                let (pool, slot) = guard.0.into_parts();
                discard(&*pool, slot, Reason::Discarded);
            }

            /// How long ago the connection was made.
            #[must_use]
            pub fn age(guard: &Self) -> Duration {
                let pool: &Pool<M, N, K> = guard.0.pool();
                duration(pool.notes(guard.0.slot()).age(pool.coarse()))
            }

            /// How often the connection has been borrowed, this time included.
            #[must_use]
            pub fn uses(guard: &Self) -> usize {
                let pool: &Pool<M, N, K> = guard.0.pool();
                pool.core().books().get(guard.0.slot()).uses()
            }
        }

        impl<$($life,)? M: Manage, const N: usize, K: Clock> Deref for $name<$($life,)? M, N, K> {
            type Target = M::Connection;

            #[inline(always)]
            fn deref(&self) -> &M::Connection {
                self.0.connection()
            }
        }

        impl<$($life,)? M: Manage, const N: usize, K: Clock> DerefMut for $name<$($life,)? M, N, K> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut M::Connection {
                self.0.connection_mut()
            }
        }

        impl<$($life,)? M: Manage, const N: usize, K: Clock> fmt::Debug for $name<$($life,)? M, N, K>
        where
            M::Connection: fmt::Debug,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("slot", &self.0.slot()).field("connection", &**self).finish()
            }
        }
    };
}

guard! {
    /// A connection of a [`managed::Pool`](Pool) on loan, as a [`ConnGuard`](crate::ConnGuard) is one of a plain pool.
    ///
    /// When it is dropped, the manager looks at the connection ([`has_broken`](Manage::has_broken)) and resets it
    /// ([`reset`](Manage::reset)), and it goes to whoever is next; or it is discarded, if it is unfit or too old, was
    /// evicted, or is held while a panic unwinds. That happens on the thread that drops the guard, and needs no runtime.
    ///
    /// # Panics
    ///
    /// Dropping it panics if the manager does, or a waiter's waker. The slot is never lost by that.
    ConnGuard<'a>, &'a Pool<M, N, K>
}

#[cfg(feature = "alloc")]
guard! {
    /// A [`ConnGuard`] that owns an `Arc` of its pool, for threads and tasks that outlive the scope they were spawned in.
    ///
    /// # Panics
    ///
    /// As [`ConnGuard`].
    OwnedConnGuard<>, crate::sync::Arc<Pool<M, N, K>>
}
