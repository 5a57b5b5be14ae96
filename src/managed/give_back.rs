//! Layer 6 · part of managed · knows: slot, keep · must not know: who waits
//!
//! A connection comes back: it is looked at, reset, and goes to the next, or is parted with.

use super::keep::{ErrorOf, Keep};
use super::keeper::{SELF_TIMED, TRACK};
use super::manager::{Event, Manage, Reason};
use super::notes::{CHECK, EVICTED, EXPIRED, period};
use super::slot::{Suspect, discard, is_expired};
use crate::engine::Emptied;
use crate::sync::{is_panicking, run_once, run_to_end};

/// A guard lets go of its slot: the caller owns it and passes it on.
#[inline(always)]
pub(super) fn give_back<P: Keep>(pool: P, slot: usize) {
    let mut suspect = Suspect::new(pool, slot);
    if is_panicking() {
        return give_back_in_a_panic(pool, suspect);
    }
    if let Err(reason) = inspect(pool, &mut suspect) {
        return suspect.discard(reason);
    }
    finish(pool, suspect.into_slot());
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

#[inline(always)]
fn finish<P: Keep>(pool: P, slot: usize) {
    if pool.notes(slot).remarks() | (pool.keeper().attention() & (SELF_TIMED | TRACK)) != 0 {
        return finish_with_care(pool, slot);
    }
    if pool.core().give_back(slot) {
        pool.attend_to_others();
    }
}

/// Something is written about the connection, or nobody else looks at the clock.
#[cold]
#[inline(never)]
fn finish_with_care<P: Keep>(pool: P, slot: usize) {
    let mut suspect = Suspect::new(pool, slot);
    match take_note(pool, &mut suspect) {
        Some(reason) => suspect.discard(reason),
        None => {
            if pool.core().give_back(suspect.into_slot()) {
                pool.attend_to_others();
            }
        }
    }
}

/// Writes down what is to be known of the borrowing that ends; why the connection is to be parted with, if it is.
fn take_note<P: Keep>(pool: P, suspect: &mut Suspect<P>) -> Option<Reason> {
    let notes = pool.notes(suspect.slot());
    if pool.keeper().pays(TRACK) {
        // Whoever is granted the connection next may not have said so yet, and this thread is not to be taken for them.
        notes.note_thread(0);
    }
    if let Some(from) = notes.take_time() {
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
fn give_back_in_a_panic<P: Keep>(pool: P, mut suspect: Suspect<P>) {
    // A second panic would end the process.
    run_once(|| {
        if pool.keeper().discards_on_panic() {
            return suspect.discard(Reason::Panicked);
        }
        match inspect(pool, &mut suspect) {
            Ok(()) => finish(pool, suspect.into_slot()),
            Err(reason) => suspect.discard(reason),
        }
    });
}

/// The rest of giving back while somebody must be attended to.
pub(super) fn attend_to_others<P: Keep>(pool: P) {
    let (mut to_empty, aftermath) = pool.core().attend_to_others();
    let mut aftermath = Some(aftermath);
    // Waiters are woken first: parting with a connection may take long. It is parted with even if a waker panics.
    run_to_end(|| {
        if let Some(aftermath) = aftermath.take() {
            drop(aftermath);
            return true;
        }
        if let Some((slot, why)) = to_empty.take() {
            discard(pool, slot, reason_of(why));
        }
        false
    });
}

/// Why the engine wants a slot emptied, for the manager.
pub(super) fn reason_of(why: Emptied) -> Reason {
    match why {
        Emptied::Closed => Reason::Closed,
        Emptied::SetAside => Reason::Surplus,
        Emptied::Discarded | Emptied::NotConnected => Reason::Discarded,
    }
}
