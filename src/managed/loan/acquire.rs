// knows: clock, event, observe, parts, record, shared, tokens, engine, slot, sync · must not know: threads, tasks
//! The quick ways to a connection: the fast path, the first try, and a slot that was granted. And how it is lent.

use core::panic::Location;

use super::tokens::{Assessment, ClaimedSlot};
use crate::engine::SlotToken;
use crate::managed::clock::Millis;
use crate::managed::event::DiscardReason;
use crate::managed::observe;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{CHECK, SAMPLE};
use crate::managed::shared::{ROUND_ROBIN, SELF_TIMED};
use crate::slot::{claim_after, claim_any, claim_first};
use crate::sync::thread_number;

/// One loan in so many is timed where maintenance does not choose.
const SAMPLED: usize = 32;

/// The place in the source where a connection is acquired.
pub(crate) type Site = &'static Location<'static>;

/// The fast path: the first slot of the thread's home, if no flag of the pool is set. A connection whose record keeps
/// it from the fast path, or whose age is told by the clock, is assessed first; if it is not fit as it is, its slot is
/// for the [`first_try`]. A loan is the thread's, if it is acquired `by_thread`.
#[inline(always)]
pub(crate) fn acquire_first<P: ManagedParts>(
    pool: &P,
    site: Site,
    by_thread: bool,
) -> Result<SlotToken, Option<SlotToken>> {
    if pool.shared().may_be_forked() {
        return Err(None);
    }
    acquire_first_here(pool, site, by_thread)
}

/// As [`acquire_first`], where the process is known to be no fork's child.
#[inline(always)]
pub(super) fn acquire_first_here<P: ManagedParts>(
    pool: &P,
    site: Site,
    by_thread: bool,
) -> Result<SlotToken, Option<SlotToken>> {
    let flags = pool.shared().flags();
    if flags & !SELF_TIMED != 0 {
        return Err(None);
    }
    let Some(slot) = claim_first(pool) else { return Err(None) };
    // The flags once more: maintenance may have fallen asleep before the claim. And those from before it: maintenance
    // that marks after the claim takes the connection for one in use. And the marks once more: by them such maintenance
    // says that it was late.
    if flags | pool.shared().flags() != 0
        || pool.has_remarks(slot.index())
        || pool.time_if_unmarked().is_some()
        || pool.record(slot.index()).is_marked(CHECK)
    {
        return acquire_marked(pool, slot, site, by_thread, flags != 0).map_err(Some);
    }
    // The manager may panic: the slot is released then.
    let claimed = ClaimedSlot::new(pool, slot);
    if claimed.is_closed() {
        discard_closed(claimed);
        return Err(None);
    }
    note_site(pool, claimed.slot(), site);
    if by_thread {
        // Whether the pool asks for it or not: that would have to be looked up.
        note_thread(pool, claimed.slot(), thread_number());
    }
    Ok(claimed.into_slot())
}

#[cold]
#[inline(never)]
fn discard_closed<P: ManagedParts>(claimed: ClaimedSlot<'_, P>) {
    claimed.into_unready().discard_unfit(DiscardReason::Broken);
}

/// The record has a mark, or the loan is to be timed, or ages are told by the clock.
#[inline(never)]
fn acquire_marked<P: ManagedParts>(
    pool: &P,
    slot: SlotToken,
    site: Site,
    by_thread: bool,
    was_self_timed: bool,
) -> Result<SlotToken, SlotToken> {
    let claimed = ClaimedSlot::new(pool, slot);
    // Assessed before maintenance is woken, which may change how ages are told.
    let assessment = claimed.assess_first(was_self_timed);
    pool.shared().wake_if_asleep();
    let Assessment::Fit(now) = assessment else { return Err(claimed.into_slot()) };
    // Before the loan begins: a spawner of the user's may panic.
    pool.ensure_maintained();
    let thread = if by_thread { tracked_thread(pool) } else { 0 };
    Ok(lend_at(pool, claimed, site, thread, now))
}

/// What came of a caller's first try after the fast path.
pub(crate) enum FirstTry<'a, P: ManagedParts> {
    /// A connection that is the caller's, and whose loan is recorded.
    Done(SlotToken),
    /// There is work to do, maybe on the slot that was claimed.
    Work(Option<ClaimedSlot<'a, P>>),
}

/// An idle connection, if one can be used as it is. The slot `at_hand` is of one that cannot.
#[inline(always)]
pub(crate) fn first_try<P: ManagedParts>(
    pool: &P,
    site: Site,
    thread: usize,
    at_hand: Option<SlotToken>,
) -> FirstTry<'_, P> {
    if at_hand.is_none() && pool.shared().is_forked() {
        return FirstTry::Work(None);
    }
    first_try_here(pool, site, thread, at_hand)
}

/// As [`first_try`], where the process is known to be no fork's child.
#[inline(always)]
pub(super) fn first_try_here<P: ManagedParts>(
    pool: &P,
    site: Site,
    thread: usize,
    at_hand: Option<SlotToken>,
) -> FirstTry<'_, P> {
    if let Some(slot) = at_hand {
        return FirstTry::Work(Some(ClaimedSlot::new(pool, slot)));
    }
    let flags = pool.shared().flags();
    let Some(claimed) = claim_with(pool, flags) else {
        pool.shared().wake_if_asleep();
        return FirstTry::Work(None);
    };
    try_claimed(pool, site, thread, claimed, flags & SELF_TIMED != 0)
}

#[inline(never)]
fn try_claimed<'a, P: ManagedParts>(
    pool: &'a P,
    site: Site,
    thread: usize,
    claimed: ClaimedSlot<'a, P>,
    was_self_timed: bool,
) -> FirstTry<'a, P> {
    let assessment = claimed.assess_first(was_self_timed);
    // After the claim: maintenance that is woken before it would look, find nothing to do, and sleep again. And after
    // the assessment, as in `acquire_marked`.
    pool.shared().wake_if_asleep();
    match assessment {
        Assessment::Fit(now) => FirstTry::Done(lend_at(pool, claimed, site, thread, now)),
        _ => FirstTry::Work(Some(claimed)),
    }
}

/// A connection that can be used as it is, if there is one. Those that cannot be used at all are discarded on the way.
pub(crate) fn acquire_idle<P: ManagedParts>(pool: &P, site: Site) -> Option<SlotToken> {
    let mut at_hand = match acquire_first(pool, site, true) {
        Ok(slot) => return Some(slot),
        Err(at_hand) => at_hand,
    };
    // No more often than there are slots: others may make connections meanwhile that are unfit again.
    for _ in 0..pool.engine().states().len() {
        match first_try(pool, site, tracked_thread(pool), at_hand.take()) {
            FirstTry::Done(slot) => return Some(slot),
            FirstTry::Work(None) => return None,
            FirstTry::Work(Some(claimed)) => {
                let Assessment::Unfit(reason) = claimed.assess() else {
                    claimed.put_back();
                    return None;
                };
                claimed.into_unready().discard_unfit(reason);
            }
        }
    }
    None
}

/// A connection that is fit to be used, and the time, if it was read to tell that.
pub(crate) struct Found<'a, P: ManagedParts> {
    pub(super) claimed: ClaimedSlot<'a, P>,
    pub(super) now: Option<Millis>,
}

impl<'a, P: ManagedParts> Found<'a, P> {
    /// A slot that was claimed, if its connection is fit as it is; else the slot.
    #[inline(always)]
    pub(super) fn if_fit(pool: &'a P, claimed: ClaimedSlot<'a, P>) -> Result<Self, ClaimedSlot<'a, P>> {
        let assessment = claimed.assess_at_once(false);
        // After the claim and the assessment, as in `first_try`.
        pool.shared().wake_if_asleep();
        claimed.keep(&assessment);
        match assessment {
            Assessment::Fit(now) => Ok(Self { claimed, now }),
            _ => Err(claimed),
        }
    }
}

/// An idle connection, without the lock.
#[inline(always)]
pub(super) fn claim<P: ManagedParts>(pool: &P) -> Option<ClaimedSlot<'_, P>> {
    claim_with(pool, pool.shared().flags())
}

/// As [`claim`], by flags that were read before.
#[inline(always)]
fn claim_with<P: ManagedParts>(pool: &P, flags: usize) -> Option<ClaimedSlot<'_, P>> {
    if flags & ROUND_ROBIN != 0 {
        return claim_in_turn(pool);
    }
    let slot = claim_any(pool).ok()?;
    Some(ClaimedSlot::new(pool, slot))
}

#[inline(never)]
fn claim_in_turn<P: ManagedParts>(pool: &P) -> Option<ClaimedSlot<'_, P>> {
    let shared = pool.shared();
    let slot = claim_after(pool, shared.last_lent()).ok()?;
    shared.note_lent(slot.index());
    Some(ClaimedSlot::new(pool, slot))
}

/// Records the loan. From then on the slot is the caller's.
#[inline(always)]
pub(crate) fn lend<P: ManagedParts>(pool: &P, found: Found<'_, P>, site: Site, thread: usize) -> SlotToken {
    lend_at(pool, found.claimed, site, thread, found.now)
}

/// As [`lend`], if the time was read already.
#[inline(always)]
fn lend_at<P: ManagedParts>(
    pool: &P,
    claimed: ClaimedSlot<'_, P>,
    site: Site,
    thread: usize,
    now: Option<Millis>,
) -> SlotToken {
    note_site(pool, claimed.slot(), site);
    note_loan(pool, &claimed, thread, now);
    claimed.into_slot()
}

#[inline(always)]
fn note_site<P: ManagedParts>(pool: &P, slot: usize, site: Site) {
    if let Some(loan_record) = pool.loan_record(slot) {
        loan_record.note_site(site);
    }
}

/// Records which thread holds the connection.
#[inline(always)]
fn note_thread<P: ManagedParts>(pool: &P, slot: usize, thread: usize) {
    if let Some(loan_record) = pool.loan_record(slot) {
        loan_record.note_thread(thread);
    }
}

/// Records since when the connection is in use, and by which thread, as far as the pool's options ask for it.
#[inline(always)]
pub(crate) fn note_loan<P: ManagedParts>(pool: &P, claimed: &ClaimedSlot<'_, P>, thread: usize, now: Option<Millis>) {
    let (record, shared) = (pool.record(claimed.slot()), pool.shared());
    let uses = pool.engine().states().get(claimed.slot()).uses();
    let is_self_timed = shared.has(SELF_TIMED);
    note_thread(pool, claimed.slot(), thread);
    if let Some(loan_record) = pool.loan_record(claimed.slot())
        && (record.is_marked(SAMPLE) || is_self_timed && uses % SAMPLED == 1)
    {
        loan_record.time_from(observe::micros(pool));
    }
    record.unmark(SAMPLE);
    if is_self_timed {
        record.lend(uses, now.unwrap_or_else(|| pool.coarse()));
    }
}

/// The number of the calling thread, if the pool records threads.
pub(crate) fn tracked_thread<P: ManagedParts>(pool: &P) -> usize {
    if pool.shared().tracks() { thread_number() } else { 0 }
}
