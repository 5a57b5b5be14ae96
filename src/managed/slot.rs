//! Layer 6 · part of managed · knows: engine, guard, keep · must not know: who waits, what a check is
//!
//! A slot in the hands of a caller, by what is to be done with it. Whatever happens to the caller, the slot comes back
//! whole: that is what dropping each of these does.

use core::mem::ManuallyDrop;

use super::clock::{Millis, span};
use super::keep::Keep;
use super::keeper::{CHECK_EACH, Count, SELF_TIMED};
use super::manager::{Manage, Reason};
use super::notes::{CHECK, EVICTED, EXPIRED, period};
use super::observe;
use crate::engine::Emptied;
use crate::guard::{Vacate, pass_on};
use crate::slots;
use crate::sync::run_once;

/// A slot that was lent, and nothing done with it yet. Dropped, it is passed on as it is.
pub(crate) struct Lent<P: Keep> {
    pool: P,
    slot: usize,
}

/// A slot whose connection is in the manager's hands. Dropped, the connection is discarded: nobody knows what state it is in.
pub(crate) struct Suspect<P: Keep> {
    pool: P,
    slot: usize,
}

/// A slot that was lent to connect in. Dropped, it is put down, and goes to the next in line.
pub(super) struct Vacant<P: Keep> {
    pool: P,
    slot: usize,
    /// The pool's epoch when connecting began.
    epoch: usize,
}

/// What is to be done with a slot that was lent.
pub(super) enum Finding {
    /// Lend the connection. If that was to be looked at, it is this late.
    Fit(Option<Millis>),
    /// Check it first.
    Check,
    /// Part with it.
    Unfit(Reason),
    /// There is none.
    Vacant,
}

impl<P: Keep> Lent<P> {
    /// The caller passes on a slot that it owns.
    pub(crate) fn new(pool: P, slot: usize) -> Self {
        Self { pool, slot }
    }

    /// The caller owns the slot from now on.
    pub(crate) fn into_slot(self) -> usize {
        ManuallyDrop::new(self).slot
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Looks at what is written about the connection, and at nothing else.
    pub(super) fn look(&self) -> Finding {
        let book = self.pool.core().books().get(self.slot);
        if !book.is_filled() {
            return Finding::Vacant;
        }
        let (notes, keeper) = (self.pool.notes(self.slot), self.pool.keeper());
        if notes.is_marked(EVICTED) {
            return Finding::Unfit(Reason::Evicted);
        }
        let now = keeper.pays(SELF_TIMED).then(|| self.pool.coarse());
        if notes.is_marked(EXPIRED) || now.is_some_and(|now| notes.left_to_live(now) == 0) {
            return Finding::Unfit(Reason::Expired);
        }
        if notes.is_marked(CHECK) || keeper.pays(CHECK_EACH) {
            return Finding::Check;
        }
        now.map_or(Finding::Fit(None), |now| self.look_for_idleness(book.uses(), now))
    }

    fn look_for_idleness(&self, uses: usize, now: Millis) -> Finding {
        let Some(longest) = self.pool.keeper().config().validate_after else {
            return Finding::Fit(Some(now));
        };
        let is_fresh = self.fresh_at(uses).is_some_and(|fresh_at| now.since(fresh_at) <= span(longest));
        if is_fresh { Finding::Fit(Some(now)) } else { Finding::Check }
    }

    /// When the connection was last known to work, or a moment before that.
    fn fresh_at(&self, uses: usize) -> Option<Millis> {
        let notes = self.pool.notes(self.slot);
        // Lending has counted this use already.
        let idle = period(uses.wrapping_sub(1), false);
        if notes.is_seen(idle) {
            return Some(notes.fresh_at());
        }
        // Whoever brought it back left that to the maintenance and wrote nothing down. If it had been idle when that looked
        // last, it would be on record by now: so it was in use still. Unless that was this very use.
        let surveyed_at = self.pool.keeper().surveyed_at()?;
        if notes.is_seen(idle) {
            return Some(notes.fresh_at());
        }
        (!notes.is_seen(period(uses, true))).then_some(surveyed_at)
    }

    /// The manager gets hold of the connection, which there is.
    pub(crate) fn suspect(self) -> Suspect<P> {
        let pool = self.pool;
        Suspect { pool, slot: self.into_slot() }
    }

    /// It goes back as if it had not been lent, since it is not fit.
    pub(super) fn put_back(self) {
        // The maintenance may have taken it for one in use, and then nobody knows any more for how long it was idle.
        self.pool.notes(self.slot).mark(CHECK);
        self.pool.core().books().get(self.slot).uncount_use();
    }

    /// The slot is without a connection.
    pub(super) fn vacant(self) -> Vacant<P> {
        let pool = self.pool;
        Vacant::new(pool, self.into_slot())
    }
}

impl<P: Keep> Drop for Lent<P> {
    fn drop(&mut self) {
        // Maybe while a panic of the manager's unwinds: another of `on_discard`, for what the engine wants emptied now,
        // would end the process.
        run_once(|| pass_on(&self.pool, self.slot));
    }
}

impl<P: Keep> Suspect<P> {
    /// The caller passes on a filled slot that it owns.
    #[inline(always)]
    pub(crate) fn new(pool: P, slot: usize) -> Self {
        Self { pool, slot }
    }

    #[inline(always)]
    pub(crate) fn connection(&mut self) -> &mut P::Connection {
        // SAFETY: the slot is the caller's (I2) and filled (I3), and is lent no longer than `self`, which is borrowed
        // exclusively.
        unsafe { &mut *slots::cell(self.pool.slots(), self.slot) }
    }

    #[inline(always)]
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// The manager has no complaint; the caller owns the slot from now on.
    #[inline(always)]
    pub(crate) fn into_slot(self) -> usize {
        ManuallyDrop::new(self).slot
    }

    /// The connection was checked and found fit.
    pub(crate) fn acquit(self) -> Lent<P> {
        let (pool, now) = (self.pool, self.pool.coarse());
        let lent = Lent::new(pool, self.into_slot());
        let notes = pool.notes(lent.slot);
        notes.note_check(now);
        notes.unmark(CHECK);
        lent
    }

    /// Parts with the connection. If another may be made in the slot at once, it is the caller's for that.
    pub(super) fn convict(self, reason: Reason) -> Option<Vacant<P>> {
        let pool = self.pool;
        let slot = self.into_slot();
        let rouse = Rouse(pool);
        let vacate = Vacate::new(pool.core(), slot, Emptied::Discarded);
        part(pool, slot, reason);
        if !pool.core().begin_anew(slot) {
            return None;
        }
        core::mem::forget(vacate);
        let vacant = Vacant::new(pool, slot);
        // It may panic: not at the end of the function, where what is returned would be leaked by that.
        drop(rouse);
        Some(vacant)
    }

    /// Parts with the connection, and leaves the slot vacant.
    pub(crate) fn discard(self, reason: Reason) {
        let pool = self.pool;
        discard(pool, self.into_slot(), reason);
    }
}

impl<P: Keep> Drop for Suspect<P> {
    fn drop(&mut self) {
        // Maybe while a panic of the manager's unwinds, so that another one of `on_discard` would end the process.
        run_once(|| discard(self.pool, self.slot, Reason::CheckCancelled));
    }
}

impl<P: Keep> Vacant<P> {
    /// The caller passes on a vacant slot that it was lent.
    pub(crate) fn new(pool: P, slot: usize) -> Self {
        Self { pool, slot, epoch: pool.keeper().epoch() }
    }

    /// There is a connection now, for the caller to use.
    pub(super) fn fill(self, connection: P::Connection) -> Lent<P> {
        let lent = self.put(connection);
        // There may be room for another to connect.
        let rouse = Rouse(lent.pool);
        // Wakers are called as these are dropped, and may panic: `lent` has the slot by then. Not at the end of the function,
        // where what is returned would be leaked by that.
        drop(lent.pool.core().connected(lent.slot));
        drop(rouse);
        lent
    }

    /// There is a connection now, for whoever comes first.
    pub(super) fn refill(self, connection: P::Connection) -> Lent<P> {
        let lent = self.put(connection);
        drop(lent.pool.core().refilled(lent.slot));
        lent
    }

    fn put(self, connection: P::Connection) -> Lent<P> {
        let (pool, epoch, now) = (self.pool, self.epoch, self.pool.coarse());
        let slot = ManuallyDrop::new(self).slot;
        begin(pool, slot, now);
        pool.keeper().count(Count::Connected);
        // SAFETY: the slot was lent to the caller to be connected in (I2), so it is not filled (I3).
        unsafe { slots::fill(pool.slots(), slot, connection) };
        mark_if_evicted(pool, slot, epoch);
        Lent::new(pool, slot)
    }
}

/// A connection is about to be put into a slot: it is new.
pub(crate) fn begin<P: Keep>(pool: P, slot: usize, now: Millis) {
    pool.notes(slot).begin(now, pool.keeper().lifetime());
    if let Some(holding) = pool.holding(slot) {
        holding.begin();
    }
}

impl<P: Keep> Drop for Vacant<P> {
    fn drop(&mut self) {
        let _rouse = Rouse(self.pool);
        drop(self.pool.core().vacate(self.slot, Emptied::NotConnected));
    }
}

/// A connection that began before everything was evicted is evicted too, though it may have come too late to be marked.
///
/// Either the lock is taken here before `evict_all` takes it: then that sees the slot filled and marks it. Or after: then the
/// new epoch is seen here.
fn mark_if_evicted<P: Keep>(pool: P, slot: usize, epoch: usize) {
    pool.core().synchronize();
    if pool.keeper().epoch() != epoch {
        pool.notes(slot).mark(EVICTED);
    }
}

/// Parts with the connection of a slot, which the caller owns and passes on.
pub(crate) fn discard<P: Keep>(pool: P, slot: usize, reason: Reason) {
    let emptied = match reason {
        Reason::Closed => Emptied::Closed,
        Reason::Surplus => Emptied::SetAside,
        _ => Emptied::Discarded,
    };
    let _rouse = Rouse(pool);
    // The slot must come back whole even if `on_discard` panics.
    let _vacate = Vacate::new(pool.core(), slot, emptied);
    part(pool, slot, reason);
}

/// Hands the connection of a slot to the manager, who takes leave of it. The caller owns the slot, and still does then.
fn part<P: Keep>(pool: P, slot: usize, reason: Reason) {
    pool.keeper().count_discard(reason);
    // SAFETY: the caller owns the slot (I2), which is filled (I3).
    let connection = unsafe { slots::take(pool.slots(), slot) };
    pool.manager().on_discard(connection, reason);
    observe::discarded(pool.keeper(), reason);
}

/// Wakes the maintenance when it is dropped, which may have to make another connection: after there is room for it. Who goes
/// to sleep before that is found, and who does so later sees the room.
struct Rouse<P: Keep>(P);

impl<P: Keep> Drop for Rouse<P> {
    fn drop(&mut self) {
        // Maybe while a panic of the manager's unwinds, and a waker may panic too.
        run_once(|| self.0.note_room());
    }
}

/// Whether the connection of a filled slot is too old by the clock: for one who brings it back, and whom nobody tells.
pub(super) fn is_expired<P: Keep>(pool: P, slot: usize, now: Millis) -> bool {
    pool.notes(slot).left_to_live(now) == 0
}
