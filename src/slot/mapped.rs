// knows: parts, engine · must not know: which pool it is, how a caller waits
//! A guard without the type of its pool.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::parts::Releases;
use crate::engine::SlotToken;

/// An acquired connection, or a part of one, whose type does not tell of which pool: from
/// [`ConnGuard::map`](crate::ConnGuard::map), [`PoolRef`](crate::PoolRef), or the `map` of a managed pool's guard.
///
/// For the signature of a function that may be given a connection of any pool, and for what several drivers have in
/// common: `MappedGuard<'_, dyn Uart>`, `MappedGuard<'_, [u8]>`. The whole connection is released when it is dropped.
///
/// # Panics
///
/// As for [`ConnGuard`](crate::ConnGuard).
///
/// # Examples
///
/// ```
/// use conn_pool::{ConnGuard, MappedGuard, Pool};
///
/// trait Uart: Send {
///     fn send(&mut self, byte: u8);
/// }
///
/// #[derive(Default)]
/// struct Simple(Vec<u8>);
///
/// impl Uart for Simple {
///     fn send(&mut self, byte: u8) {
///         self.0.push(byte);
///     }
/// }
///
/// fn greet(mut uart: MappedGuard<'_, dyn Uart>) {
///     uart.send(b'!');
/// }
///
/// let pool = Pool::from([Simple::default()]);
/// greet(ConnGuard::map(pool.try_get()?, |uart| uart as &mut dyn Uart));
/// assert_eq!(pool.try_get()?.0, b"!");
/// # Ok::<(), conn_pool::PoolError>(())
/// ```
#[must_use = "the connection goes back to the pool at once if the guard is not kept"]
pub struct MappedGuard<'a, T: ?Sized> {
    value: NonNull<T>,
    pool: &'a (dyn Releases + Sync),
    slot: SlotToken,
    lends: PhantomData<&'a mut T>,
}

// SAFETY: it is a `&mut T`, and owns a slot (I2) of a pool that is shared, whose connections may be sent: the slot may
// be released on any thread.
unsafe impl<T: ?Sized + Send> Send for MappedGuard<'_, T> {}
// SAFETY: it owns its slot (I2), and gives out `&T` and nothing else while it is shared.
unsafe impl<T: ?Sized + Sync> Sync for MappedGuard<'_, T> {}

impl<'a, T: ?Sized> MappedGuard<'a, T> {
    /// # Safety
    ///
    /// The slot is filled, and a slot of the pool. Its owner may use `value` until the slot is released.
    pub(crate) const unsafe fn new(pool: &'a (dyn Releases + Sync), slot: SlotToken, value: NonNull<T>) -> Self {
        Self { value, pool, slot, lends: PhantomData }
    }

    /// A guard of a part of what this one gives.
    pub fn map<U: ?Sized>(guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> MappedGuard<'a, U> {
        let mut guard = guard;
        // If it panics the guard is dropped, and the slot released.
        let value = NonNull::from(part(&mut guard));
        let mut guard = ManuallyDrop::new(guard);
        // SAFETY: `guard` is never used or dropped again.
        let slot = unsafe { guard.slot.take() };
        // SAFETY: the slot is this guard's (I2), and the part was lent for as long as that is borrowed.
        unsafe { MappedGuard::new(guard.pool, slot, value) }
    }

    /// The number of the connection's slot: as [`ConnGuard::slot`](crate::ConnGuard::slot).
    #[must_use]
    pub const fn slot(guard: &Self) -> usize {
        guard.slot.index()
    }
}

impl<T: ?Sized> Deref for MappedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard owns the slot (I2), whose connection (I3) it is a part of, and lends it no longer than
        // itself.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized> Drop for MappedGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        self.pool.release(slot);
    }
}

#[cfg(feature = "stable-deref")]
// SAFETY: what it gives lies in the slot (I2), or where the connection keeps it, and stays there when the guard moves.
unsafe impl<T: ?Sized> stable_deref_trait::StableDeref for MappedGuard<'_, T> {}

#[cfg(feature = "defmt")]
impl<T: ?Sized + defmt::Format> defmt::Format for MappedGuard<'_, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "MappedGuard {{ slot: {=usize}, value: {} }}", self.slot.index(), &**self);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedGuard").field("slot", &self.slot.index()).field("value", &&**self).finish()
    }
}
