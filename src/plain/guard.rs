// knows: pool, slot, sync · must not know: how a caller waits
//! The guards of a plain pool.

use core::ptr::NonNull;

use super::pool::Pool;
use crate::slot::{MappedGuard, RawGuard, guard};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

guard! {
    /// An acquired connection. It is released to its pool when the guard is dropped: at the end of the scope, on an
    /// early return, while a panic unwinds, on whichever thread.
    ///
    /// It is used like `&mut C`, through [`Deref`](core::ops::Deref) and [`DerefMut`](core::ops::DerefMut). It cannot
    /// be cloned, the connection cannot be moved out of it, and it cannot outlive the pool. It may be sent to another
    /// thread if `C: Send`, and shared if `C: Sync`.
    ///
    /// A guard leaked with [`mem::forget`](core::mem::forget) is never released: its slot counts as in use until the
    /// pool is dropped, which then drops the connection too. The other slots are not affected.
    ///
    /// # Panics
    ///
    /// Dropping a guard panics only if user code that it causes to run does: the waker of a waiting task, or, in a
    /// closed pool, the destructor of the connection. The slot is never lost by that.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{ConnGuard, Pool};
    ///
    /// let pool = Pool::from([String::from("a"), String::from("b")]);
    /// {
    ///     let mut connection = pool.try_get()?;
    ///     connection.push_str(" was here");
    /// }
    /// assert_eq!(pool.status().idle, 2);
    ///
    /// ConnGuard::discard(pool.try_get()?);
    /// assert_eq!(pool.status().vacant, 1);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    ConnGuard, struct['a, C, const N: usize], impl['a, C, const N: usize], for['a, C, N],
    &'a Pool<C, N>, C
}

#[cfg(feature = "alloc")]
guard! {
    /// A [`ConnGuard`] that owns an `Arc` of its pool, for threads and tasks that outlive the scope they were spawned
    /// in: from [`ConnGuard::into_owned`].
    ///
    /// The pool lives at least as long as the guard.
    ///
    /// # Panics
    ///
    /// As for [`ConnGuard`].
    OwnedConnGuard, struct[C, const N: usize], impl[C, const N: usize], for[C, N],
    Arc<Pool<C, N>>, C
}

/// Associated functions, so that they never hide a method of the connection.
impl<C, const N: usize> ConnGuard<'_, C, N> {
    /// Drops the connection instead of releasing it: for connections that turned out broken. Its slot is left vacant,
    /// for [`Pool::insert`].
    ///
    /// # Panics
    ///
    /// If the connection's destructor does; the slot is vacant all the same.
    pub fn discard(guard: Self) {
        guard.0.discard();
    }

    /// Takes the guard apart: the slot stays in use, and what is left is the place of its connection, which does not
    /// move. For what holds a connection as a pointer: a transfer by DMA, the context of an interrupt handler, a driver
    /// in C. Without [`from_raw`](Self::from_raw) the connection never comes back to the pool.
    ///
    /// Whoever has the pointer may use the connection through it as the guard could.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{ConnGuard, Pool};
    ///
    /// static BUFFERS: Pool<[u8; 256], 4> = Pool::from_array([[0; 256]; 4]);
    ///
    /// // A transfer is started, and its interrupt handler ends it.
    /// let place = ConnGuard::into_raw(BUFFERS.try_get()?);
    /// assert_eq!(BUFFERS.status().in_use, 1);
    ///
    /// // SAFETY: it is the place of a guard of this pool, which is made whole once.
    /// let buffer = unsafe { ConnGuard::from_raw(&BUFFERS, place) };
    /// drop(buffer);
    /// assert_eq!(BUFFERS.status().in_use, 0);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[must_use = "the connection stays in use until the guard is made whole"]
    pub fn into_raw(guard: Self) -> NonNull<C> {
        guard.0.into_raw()
    }
}

impl<'a, C, const N: usize> ConnGuard<'a, C, N> {
    /// The guard that [`into_raw`](Self::into_raw) has taken apart.
    ///
    /// # Safety
    ///
    /// `connection` is what `into_raw` has answered for a guard of this `pool`, which has not been made whole since.
    /// Nobody else uses the connection any more.
    pub unsafe fn from_raw(pool: &'a Pool<C, N>, connection: NonNull<C>) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { RawGuard::from_raw(pool, connection) })
    }

    /// A guard of a part of the connection, or of what it has in common with others: see [`MappedGuard`]. The whole
    /// connection is released when it is dropped.
    ///
    /// # Panics
    ///
    /// If `part` does; the connection is released.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{ConnGuard, MappedGuard, Pool};
    ///
    /// fn fill(mut buffer: MappedGuard<'_, [u8]>) {
    ///     buffer.fill(1);
    /// }
    ///
    /// let pool = Pool::from([[0_u8; 64]]);
    /// fill(ConnGuard::map(pool.try_get()?, |buffer| &mut buffer[..32]));
    /// assert_eq!(pool.try_get()?[31..33], [1, 0]);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    ///
    /// The part cannot be kept beside the guard:
    ///
    /// ```compile_fail
    /// use conn_pool::{ConnGuard, Pool};
    ///
    /// let pool = Pool::from([[0_u8; 64]]);
    /// let mut kept = None;
    /// let _guard = ConnGuard::map(pool.try_get().unwrap(), |buffer| {
    ///     kept = Some(&mut buffer[0]);
    ///     &mut buffer[1]
    /// });
    /// ```
    pub fn map<T: ?Sized>(guard: Self, part: impl FnOnce(&mut C) -> &mut T) -> MappedGuard<'a, T>
    where
        C: Send,
    {
        guard.0.map(part)
    }
}

#[cfg(feature = "alloc")]
impl<'a, C, const N: usize> ConnGuard<'a, C, N> {
    /// The same guard with an `Arc` of the pool instead of a reference to it: to be sent to a thread or a task that
    /// outlives this scope.
    ///
    /// # Errors
    ///
    /// Hands the guard back if `pool` is another pool than the guard's.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{ConnGuard, Pool};
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::from([1, 2]));
    /// let mut connection = ConnGuard::into_owned(pool.try_get()?, &pool).expect("a guard of this pool");
    /// let worker = std::thread::spawn(move || *connection += 10);
    /// worker.join().unwrap();
    /// assert_eq!(pool.status().idle, 2);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    pub fn into_owned(guard: Self, pool: &Arc<Pool<C, N>>) -> Result<OwnedConnGuard<C, N>, ConnGuard<'a, C, N>> {
        guard.0.into_owned(pool).map(OwnedConnGuard).map_err(ConnGuard)
    }
}

#[cfg(feature = "alloc")]
impl<C, const N: usize> OwnedConnGuard<C, N> {
    /// As [`ConnGuard::discard`].
    ///
    /// # Panics
    ///
    /// As [`ConnGuard::discard`].
    pub fn discard(guard: Self) {
        guard.0.discard();
    }
}
