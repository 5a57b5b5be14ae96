//! Layer 3 · knows: pool, engine, slots · must not know: how a caller waits
//!
//! A borrowed connection. The guards are the only owners of held slots, so "given back twice" and "used after it was
//! given back" are mistakes the compiler finds.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr;

use crate::bitmap::Missed;
use crate::engine::{Core, Emptied, Refusal};
use crate::error::PoolError;
use crate::pool::Pool;
use crate::slots::{self, Slot};
use crate::sync::run_to_end;

/// How a guard or a future holds on to its pool: by reference or by `Arc`.
pub(crate) trait Handle: Clone {
    type Connection;
    /// What is kept about a connection, beside it.
    type Note;
    /// What of the pool's a shared guard gives access to, besides the connection: it is `Sync` if the guard is to be.
    type Shared;

    fn core(&self) -> Core<'_>;
    fn slots(&self) -> &[Slot<Self::Connection, Self::Note>];

    /// A guard lets go of its slot.
    #[inline(always)]
    fn give_back(&self, slot: usize) {
        if self.core().give_back(slot) {
            self.attend_to_others();
        }
    }

    // The rare ends of the fast path are calls that take the pool's address and nothing else, so that the fast path
    // has nothing to spill.
    fn look_for_a_peak(&self);
    fn attend_to_others(&self);
    fn explain(&self, refusal: Refusal) -> PoolError;
}

macro_rules! handle {
    ($handle:ty) => {
        impl<C, const N: usize> Handle for $handle {
            type Connection = C;
            type Note = ();
            type Shared = ();

            #[inline(always)]
            fn core(&self) -> Core<'_> {
                Pool::core(self)
            }

            #[inline(always)]
            fn slots(&self) -> &[Slot<C>] {
                Pool::slots(self)
            }

            #[inline(always)]
            fn look_for_a_peak(&self) {
                Pool::look_for_a_peak(self);
            }

            #[inline(always)]
            fn attend_to_others(&self) {
                Pool::attend_to_others(self);
            }

            #[inline(always)]
            fn explain(&self, refusal: Refusal) -> PoolError {
                Pool::explain(self, refusal)
            }
        }
    };
}

handle!(&Pool<C, N>);
#[cfg(feature = "alloc")]
handle!(crate::sync::Arc<Pool<C, N>>);

/// Claims the slot that comes first for the calling thread, without the lock: the fast path.
#[inline(always)]
pub(crate) fn claim_first<H: Handle>(pool: &H) -> Option<usize> {
    let claimed = pool.core().claim_first()?;
    if claimed.is_news {
        pool.look_for_a_peak();
    }
    Some(claimed.slot)
}

/// Claims any free slot, without the lock: when the first one is not to be had.
#[inline]
pub(crate) fn claim_any<H: Handle>(pool: &H) -> Result<usize, Missed> {
    let claimed = pool.core().claim_any()?;
    if claimed.is_news {
        pool.look_for_a_peak();
    }
    Ok(claimed.slot)
}

/// A filled slot and the ownership of it (invariants I2, I3): what the public guards are made of.
pub(crate) struct Held<H: Handle> {
    pool: H,
    slot: usize,
}

// SAFETY: a shared guard gives out `&C` and nothing else of the pool but `&H::Shared`, so sharing it is sharing these. The
// automatic rule would ask for `C: Send` instead and let two threads use one connection that is not `Sync`.
unsafe impl<H: Handle<Connection: Sync, Shared: Sync>> Sync for Held<H> {}

impl<H: Handle> Held<H> {
    /// The caller passes on the ownership of a filled slot that it got from the engine.
    #[inline(always)]
    pub(crate) fn new(pool: H, slot: usize) -> Self {
        Self { pool, slot }
    }

    /// Brings what the engine answered to the surface.
    #[inline(always)]
    pub(crate) fn from_answer(pool: H, answer: Result<usize, Refusal>) -> Result<Self, PoolError> {
        match answer {
            Ok(slot) => Ok(Self::new(pool, slot)),
            Err(refusal) => Err(pool.explain(refusal)),
        }
    }

    /// Drops the connection and leaves the slot vacant.
    pub(crate) fn discard(self) {
        let (pool, slot) = self.into_parts();
        empty(&pool, slot, Emptied::Discarded);
    }

    /// The ownership of the slot passes to the caller.
    pub(crate) fn into_parts(self) -> (H, usize) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the handle moves out of it once.
        (unsafe { ptr::read(&raw const this.pool) }, this.slot)
    }

    pub(crate) const fn pool(&self) -> &H {
        &self.pool
    }

    pub(crate) const fn slot(&self) -> usize {
        self.slot
    }

    #[inline(always)]
    pub(crate) fn connection(&self) -> &H::Connection {
        // SAFETY: the guard owns the slot (I2), which is filled (I3), and lends it no longer than itself.
        unsafe { &*slots::cell(self.pool.slots(), self.slot) }
    }

    #[inline(always)]
    pub(crate) fn connection_mut(&mut self) -> &mut H::Connection {
        // SAFETY: as in `connection`, and the guard is borrowed exclusively.
        unsafe { &mut *slots::cell(self.pool.slots(), self.slot) }
    }
}

impl<H: Handle> Drop for Held<H> {
    #[inline(always)]
    fn drop(&mut self) {
        self.pool.give_back(self.slot);
    }
}

/// The slot in an answer of the engine is safe during `work`, which may run user code: should that panic, the slot is
/// passed on.
pub(crate) fn keep_during<H: Handle>(
    pool: &H,
    answer: Result<usize, Refusal>,
    work: impl FnOnce(),
) -> Result<usize, Refusal> {
    struct Kept<'h, H: Handle>(&'h H, usize);
    impl<H: Handle> Drop for Kept<'_, H> {
        fn drop(&mut self) {
            pass_on(self.0, self.1);
        }
    }
    let kept = answer.map(|slot| Kept(pool, slot));
    work();
    kept.map(|kept| ManuallyDrop::new(kept).1)
}

/// The rest of giving back while somebody must be attended to. Waiters are woken before a slot is emptied, which may take
/// long; and it is emptied even if a waker panics.
pub(crate) fn attend_to_others<H: Handle>(pool: &H, empty: impl FnOnce(usize, Emptied)) {
    let (to_empty, aftermath) = pool.core().attend_to_others();
    let (mut to_empty, mut aftermath) = (to_empty.map(|(slot, why)| move || empty(slot, why)), Some(aftermath));
    run_to_end(|| {
        if let Some(aftermath) = aftermath.take() {
            drop(aftermath);
            return true;
        }
        if let Some(empty) = to_empty.take() {
            empty();
        }
        false
    });
}

/// Gives up a slot that was lent and not picked up: with a connection it goes back, without one it is vacant again. The
/// caller owns the slot and passes it on.
pub(crate) fn pass_on<H: Handle>(pool: &H, slot: usize) {
    if !pool.core().books().get(slot).is_filled() {
        drop(pool.core().vacate(slot, Emptied::NotConnected));
    } else if pool.core().give_back(slot) {
        pool.attend_to_others();
    }
}

/// A slot whose connection is about to go: as this is dropped, the slot is put down.
pub(crate) struct Vacate<'a> {
    core: Core<'a>,
    slot: usize,
    why: Emptied,
}

impl<'a> Vacate<'a> {
    pub(crate) const fn new(core: Core<'a>, slot: usize, why: Emptied) -> Self {
        Self { core, slot, why }
    }
}

impl Drop for Vacate<'_> {
    fn drop(&mut self) {
        drop(self.core.vacate(self.slot, self.why));
    }
}

/// Drops the connection of a slot. The caller owns the slot and passes it on.
pub(crate) fn empty<H: Handle>(pool: &H, slot: usize, why: Emptied) {
    // The slot must come back whole even if the connection's destructor panics.
    let _vacate = Vacate::new(pool.core(), slot, why);
    // SAFETY: the caller passed on the ownership of a filled slot (I2, I3).
    unsafe { slots::empty(pool.slots(), slot) };
}

macro_rules! guard {
    ($(#[$meta:meta])* $name:ident<$($life:lifetime)?>, $handle:ty) => {
        $(#[$meta])*
        #[must_use = "the connection goes back to the pool at once if the guard is not kept"]
        pub struct $name<$($life,)? C, const N: usize>(pub(crate) Held<$handle>);

        impl<$($life,)? C, const N: usize> $name<$($life,)? C, N> {
            /// Drops the connection instead of giving it back; its slot is left vacant, for
            /// [`Pool::insert`](crate::Pool::insert).
            ///
            /// For connections that turned out broken. An associated function, called as
            #[doc = concat!("`", stringify!($name), "::discard(guard)`,")]
            /// so that it never hides a method of the connection.
            ///
            /// # Panics
            ///
            /// If the connection's destructor does; the slot is vacant all the same.
            pub fn discard(guard: Self) {
                guard.0.discard();
            }
        }

        impl<$($life,)? C, const N: usize> Deref for $name<$($life,)? C, N> {
            type Target = C;

            #[inline(always)]
            fn deref(&self) -> &C {
                self.0.connection()
            }
        }

        impl<$($life,)? C, const N: usize> DerefMut for $name<$($life,)? C, N> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut C {
                self.0.connection_mut()
            }
        }

        impl<$($life,)? C: fmt::Debug, const N: usize> fmt::Debug for $name<$($life,)? C, N> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("slot", &self.0.slot()).field("connection", &**self).finish()
            }
        }
    };
}

guard! {
    /// A connection on loan, which goes back to its pool when the guard is dropped: at the end of the scope, on an
    /// early return, while a panic unwinds, on whichever thread.
    ///
    /// It is used like `&mut C`, through [`Deref`] and [`DerefMut`]. It cannot be cloned, the connection cannot be moved
    /// out of it, and it cannot outlive the pool. It may be sent to another thread if `C: Send`, and shared if
    /// `C: Sync`.
    ///
    /// A guard leaked with [`mem::forget`](core::mem::forget) is never given back: its slot counts as in use until the
    /// pool is dropped, which then drops the connection too. Nothing else suffers.
    ///
    /// # Panics
    ///
    /// Dropping a guard panics only if user code that it sets off does: the waker of a waiting task, or, in a closed
    /// pool, the destructor of the connection. The slot is never lost by that.
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
    ConnGuard<'a>, &'a Pool<C, N>
}

#[cfg(feature = "alloc")]
guard! {
    /// A [`ConnGuard`](crate::ConnGuard) that owns an `Arc` of its pool, for threads and tasks that outlive the scope
    /// they were spawned in.
    ///
    /// The pool lives at least as long as the guard.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::Pool;
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::from([1, 2]));
    /// let mut connection = pool.try_get_owned()?;
    /// let worker = std::thread::spawn(move || *connection += 10);
    /// worker.join().unwrap();
    /// assert_eq!(pool.status().idle, 2);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    OwnedConnGuard<>, crate::sync::Arc<Pool<C, N>>
}
