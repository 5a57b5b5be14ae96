//! Layer 6 · part of managed · knows: slot, keep · must not know: who waits
//!
//! A connection comes back: it is looked at, reset, and goes to the next, or is parted with.

use super::keep::{ErrorOf, Keep};
use super::keeper::{SELF_TIMED, TRACK};
use super::manager::{Event, Manage, Reason};
use super::notes::{CHECK, EVICTED, EXPIRED, Holding, period};
use super::slot::{Suspect, discard, is_expired};
use crate::engine::Emptied;
use crate::guard;
use crate::sync::{is_panicking, run_once};

/// A guard lets go of its slot: the caller owns it and passes it on.
#[inline(always)]
pub(super) fn give_back<P: Keep>(pool: P, slot: usize) {
    if is_panicking() {
        return give_back_in_a_panic(pool, slot);
    }
    if let Some(slot) = settle(pool, slot) {
        pass_on(pool, slot);
    }
}

/// Sees to it that the connection of a slot may be lent again. The slot is the caller's still; if there is none, the
/// connection was parted with, and the slot put down.
#[inline(always)]
pub(crate) fn settle<P: Keep>(pool: P, slot: usize) -> Option<usize> {
    let mut suspect = Suspect::new(pool, slot);
    if let Err(reason) = inspect(pool, &mut suspect) {
        suspect.discard(reason);
        return None;
    }
    if pool.has_remarks(slot) || pool.keeper().pays(SELF_TIMED | TRACK) {
        return settle_with_care(pool, suspect);
    }
    Some(suspect.into_slot())
}

/// The manager looks at the connection and resets it.
#[inline(always)]
fn inspect<P: Keep>(pool: P, suspect: &mut Suspect<P>) -> Result<(), Reason> {
    let (manager, slot) = (pool.manager(), suspect.slot());
    let connection = suspect.connection();
    if manager.has_broken(connection) {
        return Err(Reason::Broken);
    }
    if let Err(error) = manager.reset(connection) {
        return Err(reset_failed(pool, &error));
    }
    if manager.is_dirty(connection) {
        pool.notes(slot).mark(CHECK);
    }
    Ok(())
}

#[cold]
fn reset_failed<P: Keep>(pool: P, error: &ErrorOf<P>) -> Reason {
    super::observe::event(pool, &Event::ResetFailed { error });
    Reason::ResetFailed
}

/// Something is written about the connection, or nobody else looks at the clock.
#[cold]
#[inline(never)]
fn settle_with_care<P: Keep>(pool: P, mut suspect: Suspect<P>) -> Option<usize> {
    if let Some(reason) = take_note(pool, &mut suspect) {
        suspect.discard(reason);
        return None;
    }
    Some(suspect.into_slot())
}

#[inline(always)]
fn pass_on<P: Keep>(pool: P, slot: usize) {
    if pool.core().give_back(slot) {
        pool.attend_to_others();
    }
}

/// Writes down what is to be known of the borrowing that ends; why the connection is to be parted with, if it is.
fn take_note<P: Keep>(pool: P, suspect: &mut Suspect<P>) -> Option<Reason> {
    let notes = pool.notes(suspect.slot());
    if let Some(holding) = pool.holding(suspect.slot())
        && pool.keeper().pays(TRACK)
    {
        // Whoever is granted the connection next may not have said so yet, and this thread is not to be taken for them.
        holding.note_thread(0);
    }
    if let Some(from) = pool.holding(suspect.slot()).and_then(Holding::take_time) {
        super::observe::held(pool, from);
    }
    if notes.is_marked(EVICTED) {
        return Some(Reason::Evicted);
    }
    if notes.is_marked(EXPIRED) {
        return Some(Reason::Expired);
    }
    if !pool.keeper().pays(SELF_TIMED) {
        return None;
    }
    let now = pool.coarse();
    let uses = pool.core().books().get(suspect.slot()).uses();
    notes.see(period(uses, false), now);
    is_expired(pool, suspect.slot(), now).then_some(Reason::Expired)
}

#[cold]
#[inline(never)]
fn give_back_in_a_panic<P: Keep>(pool: P, slot: usize) {
    // A second panic would end the process.
    run_once(|| {
        if pool.keeper().discards_on_panic() {
            Suspect::new(pool, slot).discard(Reason::Panicked);
        } else if let Some(slot) = settle(pool, slot) {
            pass_on(pool, slot);
        }
    });
}

/// The rest of giving back while somebody must be attended to.
pub(crate) fn attend_to_others<P: Keep>(pool: P) {
    guard::attend_to_others(&pool, |slot, why| discard(pool, slot, reason_of(why)));
}

/// Why the engine wants a slot emptied, for the manager.
pub(crate) fn reason_of(why: Emptied) -> Reason {
    match why {
        Emptied::Closed => Reason::Closed,
        Emptied::SetAside => Reason::Surplus,
        Emptied::Discarded | Emptied::NotConnected => Reason::Discarded,
    }
}
