// knows: parts, release, engine · must not know: which pool it is, why the fast path is closed
//! The slow halves of a pool's calls, as the engine keeps them: without the pool's type.
//!
//! Only who can close a pool's fast path names them, so a program in which nobody can does not contain them.

use core::ptr::NonNull;

use super::parts::PoolParts;
#[cfg(not(feature = "managed"))]
use super::release::release_to_waiters;
use super::release::{release_on_unwind, release_slow};
use crate::engine::{AcquireError, SlotToken, SlowPath};

/// The slow path of this kind of pool.
pub(crate) const fn slow_path<P: PoolParts>() -> &'static SlowPath {
    const { &SlowPath::new(release_in::<P>, claim_in::<P>) }
}

/// The slow path for callers that wait: a program in which they do, and nobody resizes or closes a pool, contains no
/// more than that.
#[cfg(not(feature = "managed"))]
pub(crate) const fn waiting_path<P: PoolParts>() -> &'static SlowPath {
    const { &SlowPath::for_waiters(release_to_waiters_in::<P>, claim_unless_waited_for_in::<P>) }
}

/// Managed pools settle more than waiters in any case.
#[cfg(feature = "managed")]
pub(crate) const fn waiting_path<P: PoolParts>() -> &'static SlowPath {
    slow_path::<P>()
}

/// Slow half of `try_acquire`.
#[cold]
#[inline(never)]
pub(super) fn try_acquire_slow<P: PoolParts + ?Sized>(pool: &P) -> Result<SlotToken, AcquireError> {
    let mut batch = pool.engine().batch();
    // SAFETY: it is this pool's slow path (I11).
    let answer = unsafe { pool.engine().claim_or_refuse(pool.waiting_path(), &mut batch) };
    release_on_unwind(pool, answer, || batch.finish())
}

/// # Safety
///
/// `pool` is a `P`, alive and shared.
unsafe fn release_in<P: PoolParts>(pool: NonNull<()>) {
    // SAFETY: as the caller promises.
    release_slow(unsafe { pool.cast::<P>().as_ref() });
}

/// # Safety
///
/// As for [`release_in`].
#[cfg(not(feature = "managed"))]
unsafe fn release_to_waiters_in<P: PoolParts>(pool: NonNull<()>) {
    // SAFETY: as the caller promises.
    release_to_waiters(unsafe { pool.cast::<P>().as_ref() });
}

/// # Safety
///
/// As for [`release_in`].
#[cfg(not(feature = "managed"))]
unsafe fn claim_unless_waited_for_in<P: PoolParts>(pool: NonNull<()>) -> Result<SlotToken, AcquireError> {
    // SAFETY: as the caller promises.
    let pool = unsafe { pool.cast::<P>().as_ref() };
    if pool.engine().has_one_word() { pool.engine().claim_unless_waited_for() } else { try_acquire_slow(pool) }
}

/// # Safety
///
/// As for [`release_in`].
unsafe fn claim_in<P: PoolParts>(pool: NonNull<()>) -> Result<SlotToken, AcquireError> {
    // SAFETY: as the caller promises.
    try_acquire_slow(unsafe { pool.cast::<P>().as_ref() })
}
