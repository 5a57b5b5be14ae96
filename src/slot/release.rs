// knows: parts, engine, sync · must not know: what a connection is
//! Releasing a slot.

use core::mem::{self, ManuallyDrop};

use super::parts::PoolParts;
use crate::engine::{AcquireError, CONNECTS, SlotToken, ToVacate, VacateReason, WakeBatch};
use crate::sync::run_to_end;

/// Releases a filled slot as it is.
#[inline(always)]
pub(crate) fn release<P: PoolParts + ?Sized>(pool: &P, slot: SlotToken) {
    let engine = pool.engine();
    if engine.release(slot) {
        engine.release_later();
    }
}

/// Slow half of release: a caller waits, or the pool is closed or shrinking. Waiters are woken before a connection is
/// ended, which may take long; and it is ended even if a waker panics.
pub(super) fn release_slow<P: PoolParts + ?Sized>(pool: &P) {
    let mut batch = pool.engine().batch();
    let to_vacate = pool.engine().release_slow(&mut batch);
    end_release(pool, to_vacate, &mut batch);
}

/// The same in a pool that is never closed or resized.
#[cfg(not(feature = "managed"))]
pub(super) fn release_to_waiters<P: PoolParts + ?Sized>(pool: &P) {
    pool.engine().settle_now(&mut pool.engine().batch());
}

/// What is left to do of a release after unlocking, also if a waker panics.
pub(crate) fn end_release<P: PoolParts + ?Sized>(pool: &P, mut to_vacate: Option<ToVacate>, batch: &mut WakeBatch<'_>) {
    let Some(_) = to_vacate else { return batch.finish() };
    let mut is_first = true;
    run_to_end(|| {
        if mem::replace(&mut is_first, false) {
            batch.finish();
            return true;
        }
        if let Some((slot, why)) = to_vacate.take() {
            pool.dispose(slot, why);
        }
        false
    });
}

/// Releases a slot that was claimed or granted and not used; one without a connection is vacated.
pub(crate) fn release_unused<P: PoolParts + ?Sized>(pool: &P, slot: SlotToken) {
    // Only where pools connect a slot may be without.
    if !CONNECTS || pool.engine().states().get(slot.index()).is_filled() {
        release(pool, slot);
    } else {
        drop(pool.engine().vacate(slot, VacateReason::NotConnected));
    }
}

/// Does `work`, which may run user code and panic, and returns `answer` afterwards. If it panics, the slot in `answer`
/// is released.
pub(crate) fn release_on_unwind<P: PoolParts + ?Sized>(
    pool: &P,
    answer: Result<SlotToken, AcquireError>,
    work: impl FnOnce(),
) -> Result<SlotToken, AcquireError> {
    let kept = answer.map(|slot| ReleaseOnUnwind { pool, slot });
    work();
    kept.map(ReleaseOnUnwind::into_slot)
}

struct ReleaseOnUnwind<'a, P: PoolParts + ?Sized> {
    pool: &'a P,
    slot: SlotToken,
}

impl<P: PoolParts + ?Sized> ReleaseOnUnwind<'_, P> {
    fn into_slot(self) -> SlotToken {
        // SAFETY: `self` is never used or dropped again.
        unsafe { ManuallyDrop::new(self).slot.take() }
    }
}

impl<P: PoolParts + ?Sized> Drop for ReleaseOnUnwind<'_, P> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        release_unused(self.pool, unsafe { self.slot.take() });
    }
}
