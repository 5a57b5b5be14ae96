// knows: mapped, parts, storage, engine, sync · must not know: which pool it is, how a caller waits
//! A filled slot in use. Guards are the only owners of such slots, so "released twice" and "used after it was released"
//! are mistakes that the compiler finds.

use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use super::mapped::MappedGuard;
use super::parts::{ConnectionOf, Handle, PoolParts, Releases, ShownBy};
use super::storage;
use crate::engine::{SlotToken, VacateReason};
#[cfg(feature = "alloc")]
use crate::sync::Arc;

/// A filled slot and its pool (I2, I3): what the public guards are made of. Dropped, the slot is released.
pub(crate) struct RawGuard<H: Handle> {
    pool: H,
    slot: SlotToken,
}

// SAFETY: a shared guard gives out `&C` and nothing else of the pool but what it shows, so sharing it is sharing these.
// The automatic rule would ask for `C: Send` instead and let two threads use one connection that is not `Sync`.
unsafe impl<H: Handle> Sync for RawGuard<H>
where
    ConnectionOf<H>: Sync,
    ShownBy<H>: Sync,
{
}

impl<H: Handle> RawGuard<H> {
    /// For a slot that is filled.
    #[inline(always)]
    pub(crate) fn new(pool: H, slot: SlotToken) -> Self {
        debug_assert!(storage::is_filled(pool.slots(), &slot), "a guard of a slot without a connection");
        Self { pool, slot }
    }

    /// Ends the connection and leaves the slot vacant.
    pub(crate) fn discard(self) {
        let (pool, slot) = self.into_parts();
        pool.dispose(slot, VacateReason::Discarded);
    }

    /// Takes the guard apart without releasing the slot.
    pub(crate) fn into_parts(self) -> (H, SlotToken) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again.
        let slot = unsafe { this.slot.take() };
        // SAFETY: `this` is never used or dropped again, so the handle moves out of it once.
        (unsafe { ptr::read(&raw const this.pool) }, slot)
    }

    /// Takes the guard apart without releasing the slot: what is left is the place of the connection.
    pub(crate) fn into_raw(self) -> NonNull<ConnectionOf<H>> {
        let (pool, slot) = self.into_parts();
        storage::place(pool.slots(), &slot)
    }

    /// The guard whose [`into_raw`](Self::into_raw) has answered `connection`.
    ///
    /// # Safety
    ///
    /// It was a guard of this pool, and there is no other guard of that slot.
    pub(crate) unsafe fn from_raw(pool: H, connection: NonNull<ConnectionOf<H>>) -> Self {
        let slot = storage::number_of(pool.slots(), connection.as_ptr());
        // SAFETY: the slot is the guard's that was taken apart (I1, I2), as the caller promises.
        Self::new(pool, unsafe { SlotToken::from_raw(slot) })
    }

    pub(crate) const fn pool(&self) -> &H {
        &self.pool
    }

    pub(crate) const fn slot(&self) -> usize {
        self.slot.index()
    }

    #[inline(always)]
    pub(crate) fn connection(&self) -> &ConnectionOf<H> {
        // SAFETY: the guard owns the slot (I2), which is filled (I3), and lends it no longer than itself.
        unsafe { &*storage::cell(self.pool.slots(), &self.slot) }
    }

    #[inline(always)]
    pub(crate) fn connection_mut(&mut self) -> &mut ConnectionOf<H> {
        // SAFETY: as in `connection`, and the guard is borrowed exclusively.
        unsafe { &mut *storage::cell(self.pool.slots(), &self.slot) }
    }
}

impl<'a, P: PoolParts + Sync> RawGuard<&'a P> {
    /// A guard of a part of the connection, without the type of the pool.
    pub(crate) fn map<T: ?Sized>(mut self, part: impl FnOnce(&mut P::Connection) -> &mut T) -> MappedGuard<'a, T> {
        // If it panics the guard is dropped, and the slot released.
        let value = NonNull::from(part(self.connection_mut()));
        let (pool, slot) = self.into_parts();
        // SAFETY: the slot is this guard's (I2), and filled (I3); the part was lent for as long as that is borrowed.
        unsafe { MappedGuard::new(pool, slot, value) }
    }
}

#[cfg(feature = "alloc")]
impl<P: PoolParts> RawGuard<&P> {
    /// The same guard with an `Arc` of the pool; the guard itself if the `Arc` is of another pool.
    pub(crate) fn into_owned(self, pool: &Arc<P>) -> Result<RawGuard<Arc<P>>, Self> {
        if !ptr::eq(self.pool, &raw const **pool) {
            return Err(self);
        }
        // The `Arc` is cloned first: its count may overflow, which aborts the program.
        let pool = Arc::clone(pool);
        let (_, slot) = self.into_parts();
        Ok(RawGuard::new(pool, slot))
    }
}

impl<H: Handle> Drop for RawGuard<H> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        self.pool.release(slot);
    }
}

/// Declares a public guard around a [`RawGuard`], which dereferences to the connection. The bracketed lists are the
/// generic parameters of the type (with defaults), those of an `impl`, and the arguments of the type in that `impl`.
macro_rules! guard {
    (
        $(#[$meta:meta])*
        $name:ident, struct[$($declared:tt)*], impl[$($parameters:tt)*], for[$($arguments:tt)*],
        $handle:ty, $connection:ty
    ) => {
        $(#[$meta])*
        #[must_use = "the connection goes back to the pool at once if the guard is not kept"]
        pub struct $name<$($declared)*>(pub(super) $crate::slot::RawGuard<$handle>);

        impl<$($parameters)*> core::ops::Deref for $name<$($arguments)*> {
            type Target = $connection;

            #[inline(always)]
            fn deref(&self) -> &Self::Target {
                self.0.connection()
            }
        }

        impl<$($parameters)*> core::ops::DerefMut for $name<$($arguments)*> {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut Self::Target {
                self.0.connection_mut()
            }
        }

        #[cfg(feature = "stable-deref")]
        // SAFETY: the connection lies in its slot (I2), not in the guard, so it stays where it is when the guard moves.
        unsafe impl<$($parameters)*> stable_deref_trait::StableDeref for $name<$($arguments)*> {}

        #[cfg(feature = "defmt")]
        impl<$($parameters)*> defmt::Format for $name<$($arguments)*>
        where
            $connection: defmt::Format,
        {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=str} {{ slot: {=usize}, connection: {} }}", stringify!($name), self.0.slot(), **self);
            }
        }

        impl<$($parameters)*> $name<$($arguments)*> {
            /// The number of the connection's slot, below `N`: the index of what a program keeps for each, such as a
            /// channel for DMA.
            #[must_use]
            pub const fn slot(guard: &Self) -> usize {
                guard.0.slot()
            }
        }

        impl<$($parameters)*> core::fmt::Debug for $name<$($arguments)*>
        where
            $connection: core::fmt::Debug,
        {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name)).field("slot", &self.0.slot()).field("connection", &**self).finish()
            }
        }
    };
}
pub(crate) use guard;
