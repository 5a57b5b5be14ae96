// knows: clock, event, hand_off, jobs, limits, manager, observe, parts, record, shared, short_lived, engine, slot, sync
// · must not know: who waits, what a check is
//! A claimed slot, by what has to happen to it next: a type for each. Dropping one releases or vacates the slot, so
//! that a caller which gives up or panics loses none.

use core::mem::{ManuallyDrop, forget};

use super::hand_off::hand_off;
use super::limits::adopt;
use super::short_lived::note_unfit;
use crate::engine::{SlotToken, VacateReason};
use crate::managed::clock::Millis;
use crate::managed::event::{CheckReason, DiscardReason};
use crate::managed::jobs::Job;
use crate::managed::manager::Lifecycle;
use crate::managed::observe;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{
    CHECK, ConnRecord, DIRTY, ELSEWHERE, EVICTED, EXPIRED, PASSED, REQUIRED, SCOPED, STALE, STOOD_STILL, UNPROVEN,
};
use crate::managed::shared::{CHECK_EACH, SELF_TIMED};
use crate::slot::teardown::VacateOnDrop;
use crate::slot::{end_release, release_unused, storage};
use crate::sync::{is_panicking, run_once};

/// A slot that was claimed. Dropped, it is released unused.
pub(crate) struct ClaimedSlot<'a, P: ManagedParts> {
    pool: &'a P,
    slot: SlotToken,
}

/// A filled slot whose connection the manager is working on. Dropped, the connection is discarded: its state is not
/// known.
pub(crate) struct UnreadySlot<'a, P: ManagedParts> {
    pool: &'a P,
    slot: SlotToken,
}

/// A vacant slot that was claimed to connect in. Dropped, it is vacated, and goes to the next waiter.
pub(crate) struct ConnectingSlot<'a, P: ManagedParts> {
    pool: &'a P,
    slot: SlotToken,
}

/// What has to happen to a slot that was claimed.
pub(crate) enum Assessment {
    /// The connection can be used as it is. If the clock was read for the assessment, this is the time.
    Fit(Option<Millis>),
    /// Check the connection first.
    Check(CheckReason),
    /// Discard the connection.
    Unfit(DiscardReason),
    /// Connect: the slot has no connection.
    Vacant,
}

impl<'a, P: ManagedParts> ClaimedSlot<'a, P> {
    pub(crate) fn new(pool: &'a P, slot: SlotToken) -> Self {
        Self { pool, slot }
    }

    pub(crate) fn into_slot(self) -> SlotToken {
        // SAFETY: `self` is never used or dropped again.
        unsafe { ManuallyDrop::new(self).slot.take() }
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot.index()
    }

    /// Whether the manager knows, without asking the server, that the connection is closed.
    #[inline(always)]
    pub(super) fn is_closed(&self) -> bool {
        // SAFETY: the slot is this token's (I2) and filled (I3), and the reference ends with this call.
        let connection = unsafe { &mut *storage::cell(self.pool.slots(), &self.slot) };
        let doubt = CheckOnUnwind(self.pool.record(self.slot.index()));
        let is_closed = self.pool.manager().is_closed(connection);
        forget(doubt);
        is_closed
    }

    /// Assesses the connection by its record, and by what the manager knows without asking the server. Reads the clock
    /// at most once.
    #[inline(never)]
    pub(crate) fn assess(&self) -> Assessment {
        self.assess_at_once(false)
    }

    /// As [`assess`](Self::assess), for the first look after a claim, before which ages were told by the clock, or not.
    /// What the clock has told is kept as a mark: by the next look maintenance may have begun to mark, and it has not
    /// marked this connection, which it takes for one in use.
    #[inline(never)]
    pub(crate) fn assess_first(&self, was_self_timed: bool) -> Assessment {
        let assessment = self.assess_at_once(was_self_timed);
        self.keep(&assessment);
        assessment
    }

    pub(super) fn keep(&self, assessment: &Assessment) {
        let mark = match assessment {
            Assessment::Check(CheckReason::IdleForLong) => STALE,
            Assessment::Check(CheckReason::Unproven) => UNPROVEN,
            _ => return,
        };
        self.pool.record(self.slot()).mark(mark);
    }

    /// As [`assess`](Self::assess), compiled into its caller: for those who mostly find the connection fit.
    #[inline(always)]
    pub(super) fn assess_at_once(&self, was_self_timed: bool) -> Assessment {
        let state = self.pool.engine().states().get(self.slot());
        if !state.is_filled() {
            return Assessment::Vacant;
        }
        let (record, shared) = (self.pool.record(self.slot()), self.pool.shared());
        if record.is_marked(EVICTED) {
            return Assessment::Unfit(DiscardReason::Evicted);
        }
        let now = if was_self_timed || shared.has(SELF_TIMED) {
            Some(self.pool.coarse())
        } else {
            self.pool.time_if_unmarked()
        };
        if record.is_marked(EXPIRED) || now.is_some_and(|now| record.left_to_live(now) == 0) {
            return Assessment::Unfit(DiscardReason::Expired);
        }
        if self.is_closed() {
            return Assessment::Unfit(DiscardReason::Broken);
        }
        match self.needed_check(|| state.uses(), now) {
            Some(why) => Assessment::Check(why),
            None => Assessment::Fit(now),
        }
    }

    /// Why the connection has to be checked before a caller gets it, if it has to be: the first of the reasons.
    #[inline(always)]
    fn needed_check(&self, uses: impl FnOnce() -> usize, now: Option<Millis>) -> Option<CheckReason> {
        let (record, shared) = (self.pool.record(self.slot()), self.pool.shared());
        let marked = marked_check(record.marks());
        if matches!(marked, Some(CheckReason::Dirty | CheckReason::Required | CheckReason::Suspended)) {
            return marked;
        }
        if shared.has(CHECK_EACH) {
            return if self.has_just_passed() { None } else { Some(CheckReason::EachTime) };
        }
        let is_over = now.is_some_and(|now| record.unproven_for(now) > shared.unproven_after());
        if marked == Some(CheckReason::Unproven) || is_over {
            return Some(CheckReason::Unproven);
        }
        if marked.is_some() || !self.is_fresh(uses, now?) {
            return Some(CheckReason::IdleForLong);
        }
        // Maintenance may have recorded since when the connection is idle after the marks were read: then it has marked
        // before whether it was late.
        marked_check(record.marks())
    }

    /// Whether it has passed a check just now that counts for the next loan: those who wait for the answer of a check
    /// leave before it, if it takes longer than they have patience for, and would never be served.
    fn has_just_passed(&self) -> bool {
        let record = self.pool.record(self.slot());
        if !record.is_marked(PASSED) {
            return false;
        }
        record.unmark(PASSED);
        record.unproven_for(self.pool.coarse()) <= STILL_COUNTS
    }

    /// Why maintenance checks the connection, which it wants to keep alive.
    pub(crate) fn keepalive_reason(&self) -> CheckReason {
        marked_check(self.pool.record(self.slot()).marks()).unwrap_or(CheckReason::Keepalive)
    }

    #[inline(always)]
    fn is_fresh(&self, uses: impl FnOnce() -> usize, now: Millis) -> bool {
        let longest = self.pool.shared().stale_after();
        // What was shown to work within that time has not been idle for longer, though a pass may have come between the
        // grant and this look, and left no record of the idle time.
        let is_proven = self.pool.record(self.slot()).unproven_for(now) <= longest;
        is_proven || self.fresh_at(uses()).is_some_and(|fresh_at| now.since(fresh_at) <= longest)
    }

    /// When the connection was last known to work, or a moment before that.
    #[inline]
    fn fresh_at(&self, uses: usize) -> Option<Millis> {
        let record = self.pool.record(self.slot());
        // The claim has counted this use already. Of the last one the beginning is known, or when maintenance has seen
        // it, or its end.
        let is_of_last = || record.is_of_loan(uses.wrapping_sub(1));
        // It has to be so afterwards, too: maintenance may record another period meanwhile, and its time.
        let of_last = || is_of_last().then(|| record.fresh_at()).filter(|_| is_of_last());
        if let Some(fresh_at) = of_last() {
            return Some(fresh_at);
        }
        // The acquire did not record a time, because maintenance was running. Had the connection been idle at the last
        // pass of maintenance, that pass would have recorded it; so it was still in use then. Unless the record is of
        // this very use.
        let marked_at = self.pool.shared().marked_at()?;
        if let Some(fresh_at) = of_last() {
            return Some(fresh_at);
        }
        (!record.is_of_loan(uses)).then_some(marked_at)
    }

    /// For a slot that is filled: what follows is a call of the manager with its connection.
    pub(crate) fn into_unready(self) -> UnreadySlot<'a, P> {
        UnreadySlot::new(self.pool, self.into_slot())
    }

    /// Releases the slot as if it had not been claimed, since its connection cannot be used as it is.
    pub(super) fn put_back(self) {
        // Maintenance may have taken the connection for one in use, and then its idle time is not known any more.
        self.pool.record(self.slot()).mark(STALE);
        self.pool.engine().states().get(self.slot()).uncount_use();
    }

    /// Begins to connect: the slot has no connection.
    pub(super) fn into_connecting(self) -> ConnectingSlot<'a, P> {
        ConnectingSlot::new(self.pool, self.into_slot())
    }
}

impl<P: ManagedParts> Drop for ClaimedSlot<'_, P> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        // Maybe while a panic of the manager's unwinds: another one, of `on_discard` for a slot that the engine wants
        // vacated now, would end the process.
        run_once(|| release_unused(self.pool, slot));
    }
}

/// How long a check counts for the next loan, in milliseconds: as long as a connection may be idle without one by
/// default.
const STILL_COUNTS: usize = 500;

/// Why the marks ask for a check, if they do: what the last use has left behind comes before what time has done.
#[inline(always)]
fn marked_check(marks: usize) -> Option<CheckReason> {
    if marks & CHECK == 0 { None } else { first_reason(marks) }
}

#[cold]
#[inline(never)]
fn first_reason(marks: usize) -> Option<CheckReason> {
    let reasons = [
        (DIRTY, CheckReason::Dirty),
        (REQUIRED | SCOPED, CheckReason::Required),
        (STOOD_STILL, CheckReason::Suspended),
        (UNPROVEN, CheckReason::Unproven),
        (STALE, CheckReason::IdleForLong),
    ];
    reasons.into_iter().find_map(|(mark, why)| (marks & mark != 0).then_some(why))
}

/// Has the connection checked before it is acquired, if it is dropped: the manager has panicked.
struct CheckOnUnwind<'a>(&'a ConnRecord);

impl Drop for CheckOnUnwind<'_> {
    fn drop(&mut self) {
        self.0.mark(REQUIRED);
    }
}

impl<'a, P: ManagedParts> UnreadySlot<'a, P> {
    /// For a slot that is filled.
    #[inline(always)]
    pub(crate) fn new(pool: &'a P, slot: SlotToken) -> Self {
        debug_assert!(storage::is_filled(pool.slots(), &slot), "a check of a slot without a connection");
        Self { pool, slot }
    }

    #[inline(always)]
    pub(crate) fn connection(&mut self) -> &mut P::Connection {
        // SAFETY: the slot is this token's (I2) and filled (I3), and is lent no longer than `self`, which is borrowed
        // exclusively.
        unsafe { &mut *storage::cell(self.pool.slots(), &self.slot) }
    }

    #[inline(always)]
    pub(crate) fn slot(&self) -> usize {
        self.slot.index()
    }

    /// The manager has found nothing wrong.
    #[inline(always)]
    pub(crate) fn into_slot(self) -> SlotToken {
        // SAFETY: `self` is never used or dropped again.
        unsafe { ManuallyDrop::new(self).slot.take() }
    }

    /// The connection was checked and found fit.
    pub(crate) fn pass_check(self) -> ClaimedSlot<'a, P> {
        let (pool, now) = (self.pool, self.pool.coarse());
        let claimed = ClaimedSlot::new(pool, self.into_slot());
        let record = pool.record(claimed.slot());
        record.note_check(now);
        record.unmark(CHECK | ELSEWHERE);
        claimed
    }

    /// Discards the connection. If another may be made in the slot at once, the caller keeps the slot to connect in.
    pub(super) fn discard_for_reconnect(self, reason: DiscardReason) -> Option<ConnectingSlot<'a, P>> {
        let pool = self.pool;
        self.note_unfit(reason);
        self.uncount_use();
        let slot = match hand_off(pool, self.into_slot(), Job::Discard(reason)) {
            Ok(()) => return None,
            Err(slot) => slot,
        };
        let wake = WakeMaintenance(pool);
        let vacate = VacateOnDrop::new(pool.engine(), slot, VacateReason::Discarded);
        end_connection(pool, vacate.slot(), reason);
        if !pool.engine().reclaim_to_connect(vacate.slot()) {
            return None;
        }
        let connecting = ConnectingSlot::new(pool, vacate.into_slot());
        // Dropped here, and not at the end of the function: it may panic, which would leak the returned value there.
        drop(wake);
        Some(connecting)
    }

    /// Notes that the connection is unfit, which a caller was about to get.
    pub(super) fn note_unfit(&self, reason: DiscardReason) {
        note_unfit(self.pool, &self.slot, reason);
    }

    /// Discards the connection, which a caller was about to get, and leaves the slot vacant.
    pub(super) fn discard_unfit(self, reason: DiscardReason) {
        self.note_unfit(reason);
        self.uncount_use();
        self.discard(reason);
    }

    /// No caller has had the connection for which the slot was claimed.
    pub(crate) fn uncount_use(&self) {
        self.pool.engine().states().get(self.slot()).uncount_use();
    }

    /// Discards the connection, and leaves the slot vacant.
    pub(crate) fn discard(self, reason: DiscardReason) {
        let pool = self.pool;
        discard(pool, self.into_slot(), reason);
    }
}

impl<P: ManagedParts> Drop for UnreadySlot<'_, P> {
    fn drop(&mut self) {
        // A manager that panics over a new connection has not found it fit.
        if is_panicking() {
            self.note_unfit(DiscardReason::Invalid);
        }
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        // Maybe while a panic of the manager's unwinds, so that another one, of `on_discard`, would end the process.
        run_once(|| discard(self.pool, slot, DiscardReason::CheckCancelled));
    }
}

impl<'a, P: ManagedParts> ConnectingSlot<'a, P> {
    /// For a vacant slot that was claimed to connect in.
    pub(crate) fn new(pool: &'a P, slot: SlotToken) -> Self {
        pool.record(slot.index()).note_epoch(pool.shared().epoch());
        Self::begun(pool, slot)
    }

    /// For such a slot whose connect has begun before.
    pub(crate) const fn begun(pool: &'a P, slot: SlotToken) -> Self {
        Self { pool, slot }
    }

    /// For a caller that ends the connect itself.
    #[cfg(feature = "ffi")]
    pub(crate) fn into_slot(self) -> SlotToken {
        // SAFETY: `self` is never used or dropped again.
        unsafe { ManuallyDrop::new(self).slot.take() }
    }

    #[inline(always)]
    pub(crate) fn slot(&self) -> usize {
        self.slot.index()
    }

    /// The connection is made, for the caller to use.
    pub(super) fn fill(self, connection: P::Connection) -> ClaimedSlot<'a, P> {
        let claimed = self.put(connection);
        // There may be room for another connect.
        let wake = WakeMaintenance(claimed.pool);
        // Wakers are called as these are dropped, and may panic: `claimed` has the slot by then. They are not dropped
        // at the end of the function, where a panic would leak the returned value.
        drop(claimed.pool.engine().connected(&claimed.slot));
        drop(wake);
        // Its limits begin to run. Maintenance that fell asleep before the slot was filled, and the lock taken, is
        // woken; if it does so later it sees the slot filled.
        claimed.pool.shared().wake_if_asleep();
        claimed
    }

    /// The connection is made, to be idle: the slot is released next.
    pub(crate) fn refill(self, connection: P::Connection) -> ClaimedSlot<'a, P> {
        let claimed = self.put(connection);
        drop(claimed.pool.engine().refilled(&claimed.slot));
        claimed
    }

    /// The connection is made, for whoever waits first, or to be idle: the slot is released.
    pub(crate) fn fill_for_callers(self, connection: P::Connection) {
        let claimed = self.put(connection);
        let pool = claimed.pool;
        let (to_vacate, mut batch) = pool.engine().fill_for_callers(claimed.into_slot());
        end_release(pool, to_vacate, &mut batch);
        pool.shared().wake_if_asleep();
    }

    fn put(self, connection: P::Connection) -> ClaimedSlot<'a, P> {
        self.pool.shared().belong_to_process();
        let (pool, now) = (self.pool, self.pool.coarse());
        // SAFETY: `self` is never used or dropped again.
        let slot = unsafe { ManuallyDrop::new(self).slot.take() };
        begin(pool, slot.index(), now);
        pool.shared().counters().connected.add_shared(1);
        // SAFETY: the slot was claimed to connect in, so it is not filled (I3).
        unsafe { storage::fill(pool.slots(), &slot, connection) };
        catch_up(pool, slot.index());
        ClaimedSlot::new(pool, slot)
    }
}

impl<P: ManagedParts> Drop for ConnectingSlot<'_, P> {
    fn drop(&mut self) {
        // SAFETY: `self` is being dropped: never used or dropped again.
        let slot = unsafe { self.slot.take() };
        let _wake = WakeMaintenance(self.pool);
        drop(self.pool.engine().vacate(slot, VacateReason::NotConnected));
    }
}

/// Begins the record of a connection that is about to be put into a slot.
pub(crate) fn begin<P: ManagedParts>(pool: &P, slot: usize, now: Millis) {
    pool.record(slot).begin(now, pool.shared().lifetime());
    adopt(pool, slot, false);
    if let Some(loan_record) = pool.loan_record(slot) {
        loan_record.begin();
    }
}

/// Does to a new connection, whose slot is filled by now, what was done to all connections since its connect or its
/// record began, and may have come too early for it: marks it as evicted, and has it keep to options that were changed.
///
/// Either the lock is taken here before `evict_all`, or the change, takes it: then that sees the slot filled. Or after:
/// then the new epoch, or the new options, are seen here.
pub(super) fn catch_up<P: ManagedParts>(pool: &P, slot: usize) {
    pool.engine().synchronize();
    if !pool.record(slot).is_since(pool.shared().epoch()) {
        pool.record(slot).mark(EVICTED);
    }
    if pool.shared().settings().is_changed() {
        adopt(pool, slot, true);
    }
}

/// Ends the connection of a filled slot, and vacates the slot: by the pool's connector, if there is one, since a
/// connection may take its time to close.
pub(crate) fn discard<P: ManagedParts>(pool: &P, slot: SlotToken, reason: DiscardReason) {
    if pool.shared().is_forked() {
        // It is the parent's: the slot is lost.
        let _lost = slot.into_raw();
        return;
    }
    if let Err(slot) = hand_off(pool, slot, Job::Discard(reason)) {
        discard_here(pool, slot, reason);
    }
}

/// As [`discard`], by the calling thread.
pub(crate) fn discard_here<P: ManagedParts>(pool: &P, slot: SlotToken, reason: DiscardReason) {
    let why = match reason {
        DiscardReason::Closed => VacateReason::Closed,
        DiscardReason::Surplus => VacateReason::Surplus,
        _ => VacateReason::Discarded,
    };
    let _wake = WakeMaintenance(pool);
    // The slot is vacated even if `on_discard` panics.
    let vacate = VacateOnDrop::new(pool.engine(), slot, why);
    end_connection(pool, vacate.slot(), reason);
}

/// Takes the connection out of a slot for good, which is vacant from then on.
pub(crate) fn detach<P: ManagedParts>(pool: &P, slot: SlotToken) -> P::Connection {
    if pool.shared().is_forked() {
        // SAFETY: only filled slots are detached (I3). The slot is lost: a lock of the copy may be locked for ever.
        return unsafe { storage::take(pool.slots(), &slot) };
    }
    let wake = WakeMaintenance(pool);
    let vacate = VacateOnDrop::new(pool.engine(), slot, VacateReason::Discarded);
    pool.shared().counters().count_discard(DiscardReason::Detached);
    // SAFETY: only filled slots are detached (I3).
    let connection = unsafe { storage::take(pool.slots(), vacate.slot()) };
    observe::discarded(pool.shared(), DiscardReason::Detached);
    // Dropped here, and not at the end of the function: wakers may panic, which would leak the returned value there.
    drop(vacate);
    drop(wake);
    connection
}

/// Takes the connection out of a filled slot and hands it to the manager, which ends it.
fn end_connection<P: ManagedParts>(pool: &P, slot: &SlotToken, reason: DiscardReason) {
    pool.shared().counters().count_discard(reason);
    // SAFETY: only filled slots are discarded (I3).
    let connection = unsafe { storage::take(pool.slots(), slot) };
    pool.manager().on_discard(connection, reason);
    observe::discarded(pool.shared(), reason);
}

/// Wakes maintenance when it is dropped, which is after there is room to connect. Maintenance that goes to sleep before
/// that is woken, and maintenance that does so later sees the room.
struct WakeMaintenance<'a, P: ManagedParts>(&'a P);

impl<P: ManagedParts> Drop for WakeMaintenance<'_, P> {
    fn drop(&mut self) {
        // Maybe while a panic of the manager's unwinds, and a waker may panic too.
        run_once(|| self.0.note_room());
    }
}
