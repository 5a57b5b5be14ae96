// knows: event, hand_off, jobs, limits, manager, observe, parts, record, tokens, engine, slot, sync · must not know:
// who waits
//! Releasing a connection: the manager looks at it and resets it; then its slot is released, or the connection is
//! discarded.

use super::hand_off::hand_off;
use super::limits::over_limit;
use super::tokens::UnreadySlot;
use crate::engine::{SlotToken, VacateReason};
use crate::managed::event::{CheckReason, DiscardReason, Event};
use crate::managed::jobs::Job;
use crate::managed::manager::Lifecycle;
use crate::managed::observe;
use crate::managed::parts::{ErrorOf, ManagedParts};
use crate::managed::record::{DIRTY, EVICTED, EXPIRED, LoanRecord};
use crate::slot;
use crate::sync::{is_panicking, run_once};

/// Releases the slot of a guard.
#[inline(always)]
pub(crate) fn release<P: ManagedParts>(pool: &P, slot: SlotToken) {
    // It has had a connection.
    if pool.shared().may_be_forked() {
        return leave_to_parent(slot);
    }
    if is_panicking() {
        return release_in_panic(pool, slot);
    }
    if let Some(slot) = recycle(pool, slot) {
        slot::release(pool, slot);
    }
}

/// Makes the connection of a slot fit for the next caller; `None` if it was discarded.
#[inline(always)]
pub(crate) fn recycle<P: ManagedParts>(pool: &P, slot: SlotToken) -> Option<SlotToken> {
    let mut unready = UnreadySlot::new(pool, slot);
    if pool.manager().reset_blocks(unready.connection()) {
        return reset_elsewhere(pool, unready);
    }
    recycle_here(pool, unready)
}

/// The reset may block: the pool's connector does it, if there is one.
#[cold]
#[inline(never)]
pub(super) fn reset_elsewhere<P: ManagedParts>(pool: &P, unready: UnreadySlot<'_, P>) -> Option<SlotToken> {
    if !pool.shared().takes(Job::Reset) {
        return recycle_here(pool, unready);
    }
    // The loan ends here, however long the reset takes.
    let slot = finish_loan(pool, unready)?;
    match hand_off(pool, slot, Job::Reset) {
        Ok(()) => None,
        Err(slot) => recycle_here(pool, UnreadySlot::new(pool, slot)),
    }
}

/// As [`recycle`], by the calling thread.
#[inline(always)]
pub(crate) fn recycle_here<P: ManagedParts>(pool: &P, mut unready: UnreadySlot<'_, P>) -> Option<SlotToken> {
    if let Err(reason) = reset(pool, &mut unready) {
        unready.discard(reason);
        return None;
    }
    forget_thread(pool, unready.slot());
    if pool.has_remarks(unready.slot()) {
        return recycle_slow(pool, unready);
    }
    Some(unready.into_slot())
}

/// The manager looks at the connection and resets it.
#[inline(always)]
pub(super) fn reset<P: ManagedParts>(pool: &P, unready: &mut UnreadySlot<'_, P>) -> Result<(), DiscardReason> {
    let (manager, slot) = (pool.manager(), unready.slot());
    let connection = unready.connection();
    if manager.has_broken(connection) {
        return Err(DiscardReason::Broken);
    }
    if let Err(error) = manager.reset(connection) {
        return Err(reset_failed(pool, &error));
    }
    if manager.needs_check(connection) {
        pool.record(slot).mark(DIRTY);
    }
    Ok(())
}

#[cold]
fn reset_failed<P: ManagedParts>(pool: &P, error: &ErrorOf<P>) -> DiscardReason {
    observe::event(pool, &Event::ResetFailed { error });
    DiscardReason::ResetFailed
}

/// The record has a mark, or the loan is timed.
#[cold]
#[inline(never)]
pub(super) fn recycle_slow<P: ManagedParts>(pool: &P, unready: UnreadySlot<'_, P>) -> Option<SlotToken> {
    let slot = finish_loan(pool, unready)?;
    let is_to_be_cleaned = pool.shared().config().clean_on_return && pool.record(slot.index()).is_marked(DIRTY);
    if is_to_be_cleaned && !pool.engine().is_closed() { clean_elsewhere(pool, slot) } else { Some(slot) }
}

fn finish_loan<P: ManagedParts>(pool: &P, unready: UnreadySlot<'_, P>) -> Option<SlotToken> {
    if let Some(reason) = end_loan(pool, unready.slot()) {
        unready.discard(reason);
        return None;
    }
    Some(unready.into_slot())
}

/// Has the connection checked before its slot is released, by the pool's connector, if there is one.
fn clean_elsewhere<P: ManagedParts>(pool: &P, slot: SlotToken) -> Option<SlotToken> {
    // Counted first: the check may end before this goes on.
    pool.shared().add_probe();
    match hand_off(pool, slot, Job::Probe(CheckReason::Dirty)) {
        Ok(()) => None,
        Err(slot) => {
            pool.shared().end_probe();
            Some(slot)
        }
    }
}

/// The loan is no thread's any more. The next caller records its thread only some time after it has claimed the slot;
/// until then the loan must not be taken for this thread's.
#[inline(always)]
pub(crate) fn forget_thread<P: ManagedParts>(pool: &P, slot: usize) {
    if let Some(loan_record) = pool.loan_record(slot) {
        loan_record.note_thread(0);
    }
}

/// Records what has to be known of the loan that ends. Answers the reason if the connection has to be discarded.
fn end_loan<P: ManagedParts>(pool: &P, slot: usize) -> Option<DiscardReason> {
    let record = pool.record(slot);
    forget_thread(pool, slot);
    if let Some(from) = pool.loan_record(slot).and_then(LoanRecord::take_time) {
        observe::held(pool, from);
    }
    if record.is_marked(EVICTED) {
        return Some(DiscardReason::Evicted);
    }
    if record.is_marked(EXPIRED) {
        return Some(DiscardReason::Expired);
    }
    over_limit(pool, slot)
}

/// In a fork's child nothing is done with a connection of the parent's, and its slot is lost.
#[cold]
#[inline(never)]
pub(crate) fn leave_to_parent(slot: SlotToken) {
    let _lost = slot.into_raw();
}

#[cold]
#[inline(never)]
pub(super) fn release_in_panic<P: ManagedParts>(pool: &P, slot: SlotToken) {
    let mut unready = Some(UnreadySlot::new(pool, slot));
    // A second panic would end the process.
    run_once(|| {
        let Some(unready) = unready.take() else { return };
        if pool.shared().discards_on_panic() {
            unready.discard(DiscardReason::Panicked);
        } else if let Some(slot) = recycle(pool, unready.into_slot()) {
            slot::release(pool, slot);
        }
    });
}

/// Why the engine wants a slot vacated, for the manager.
pub(crate) const fn reason_of(why: VacateReason) -> DiscardReason {
    match why {
        VacateReason::Closed => DiscardReason::Closed,
        VacateReason::Surplus => DiscardReason::Surplus,
        VacateReason::Discarded | VacateReason::NotConnected | VacateReason::NotFilled => DiscardReason::Discarded,
    }
}
