//! Layer 6 · part of managed · knows: slot, engine · must not know: who asks for it
//!
//! Parting with connections that nobody holds: all of them, those beyond the maximum, or some.

use super::give_back::reason_of;
use super::keep::Keep;
use super::manager::Reason;
use super::notes::Notes;
use super::observe::log;
use super::slot::discard;
use crate::sync::run_to_end;

/// Closes a pool: sends everybody in line away, and parts with what is idle.
pub(crate) fn close<P: Keep>(pool: P) {
    let (mut is_dismissed, mut is_known, was_closed) = (false, false, pool.core().is_closed());
    run_to_end(|| {
        // First of all, and even if a waker panics, everybody is sent away; then the connections go.
        if !core::mem::replace(&mut is_dismissed, true) {
            drop(pool.core().close());
            if !was_closed {
                log::closed(pool.keeper().config().name);
            }
            return true;
        }
        if !core::mem::replace(&mut is_known, true) {
            pool.keeper().wake();
            return true;
        }
        let Some((slot, why)) = pool.core().claim_closed() else { return false };
        discard(pool, slot, reason_of(why));
        true
    });
}

/// Parts with what a resize has set aside, and says how many connections that were.
pub(crate) fn drop_surplus<P: Keep>(pool: P) -> usize {
    let mut parted = 0;
    run_to_end(|| {
        let Some(slot) = pool.core().claim_surplus() else { return false };
        parted += 1;
        discard(pool, slot, Reason::Surplus);
        true
    });
    parted
}

/// Parts with the idle connections of which `is_due` says so, and says how many they were.
pub(super) fn part_with_idle<P: Keep>(pool: P, is_due: impl Fn(&Notes) -> bool, reason: Reason) -> usize {
    let (mut parted, mut slots) = (0, 0..pool.core().books().len());
    run_to_end(|| {
        let Some(slot) = slots.next() else { return false };
        if is_due(pool.notes(slot)) && pool.core().claim_slot(slot) {
            parted += 1;
            discard(pool, slot, reason);
        }
        true
    });
    parted
}
