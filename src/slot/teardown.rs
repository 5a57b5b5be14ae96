// knows: parts, slow_path, storage, engine, stats, sync · must not know: which pool it is, what ends a connection
//! Connections that end: by `close`, after a resize, by `retain`, or with the pool. Written once, for every pool.

use core::mem::replace;

use super::parts::PoolParts;
use super::slow_path::slow_path;
use super::storage::{self, Slot};
use crate::engine::{Engine, SlotToken, VacateReason};
use crate::stats::Retained;
use crate::sync::run_to_end;

/// A slot whose connection is about to end: as this is dropped, the slot is vacated.
pub(crate) struct VacateOnDrop<'a> {
    engine: Engine<'a>,
    slot: SlotToken,
    why: VacateReason,
}

impl<'a> VacateOnDrop<'a> {
    pub(crate) const fn new(engine: Engine<'a>, slot: SlotToken, why: VacateReason) -> Self {
        Self { engine, slot, why }
    }

    pub(crate) const fn slot(&self) -> &SlotToken {
        &self.slot
    }

    /// The slot is the caller's, and is not vacated.
    pub(crate) fn into_slot(self) -> SlotToken {
        // SAFETY: `self` is never used or dropped again.
        unsafe { core::mem::ManuallyDrop::new(self).slot.take() }
    }
}

impl Drop for VacateOnDrop<'_> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        drop(self.engine.vacate(slot, self.why));
    }
}

/// Drops the connection of a filled slot in place, and vacates the slot, also if the connection's destructor panics.
pub(crate) fn drop_in_place<P: PoolParts>(pool: &P, slot: SlotToken, why: VacateReason) {
    let vacate = VacateOnDrop::new(pool.engine(), slot, why);
    // SAFETY: only filled slots are disposed of (I3).
    unsafe { storage::empty(pool.slots(), vacate.slot()) };
}

/// Closes a pool: dismisses all waiters, calls `and_then`, and ends the idle connections. Each step is taken even if
/// one before it panics.
pub(crate) fn close<P: PoolParts>(pool: &P, and_then: impl FnOnce()) {
    let (mut is_dismissed, mut and_then) = (false, Some(and_then));
    run_to_end(|| {
        if !replace(&mut is_dismissed, true) {
            // SAFETY: the slow path is this pool's (I11).
            drop(unsafe { pool.engine().close(slow_path::<P>()) });
            return true;
        }
        if let Some(and_then) = and_then.take() {
            and_then();
            return true;
        }
        let Some((slot, why)) = pool.engine().claim_closed() else { return false };
        pool.dispose(slot, why);
        true
    });
}

/// Ends the connections that a resize has set aside, and answers how many they were.
pub(crate) fn drop_surplus<P: PoolParts>(pool: &P) -> usize {
    let mut dropped = 0;
    run_to_end(|| {
        let Some(slot) = pool.engine().claim_surplus() else { return false };
        dropped += 1;
        pool.dispose(slot, VacateReason::Surplus);
        true
    });
    dropped
}

/// Claims each idle slot, one after the other, and hands it to `visit`, which answers whether the connection was kept.
pub(crate) fn retain<P: PoolParts>(pool: &P, mut visit: impl FnMut(SlotToken) -> bool) -> Retained {
    let mut retained = Retained::NONE;
    for slot in 0..pool.engine().states().len() {
        let Some(slot) = pool.engine().claim_slot(slot) else { continue };
        if visit(slot) {
            retained.kept += 1;
        } else {
            retained.discarded += 1;
        }
    }
    retained
}

/// Hands each filled slot of a pool that is being dropped to `end`, those of leaked guards included. Each is handed
/// over even if `end` panics for one before it.
pub(crate) fn drop_all<C, X>(slots: &mut [Slot<C, X>], mut end: impl FnMut(&[Slot<C, X>], &SlotToken)) {
    let mut filled = 0..slots.len();
    run_to_end(|| {
        let Some(slot) = filled.next() else { return false };
        // SAFETY: the slots are borrowed exclusively, so no guard is alive: all are the caller's own (I2).
        let slot = unsafe { SlotToken::from_raw(slot) };
        if storage::is_filled(slots, &slot) {
            end(slots, &slot);
        }
        true
    });
}
