// knows: annotations, border, callbacks, course, platform, pool, status, engine, managed, slot, sync · must not know:
// waiters
//! Leases: what guards are in Rust, made of plain values, and checked when they are released.

use core::ffi::{c_char, c_void};
use core::ptr;

use super::annotations;
use super::callbacks::Resource;
use super::pool::{SlotExtra, conn_pool};
use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_FORGED, CONN_POOL_NOT_HELD, CONN_POOL_OK, CONN_POOL_STALE, CONN_POOL_WRONG_POOL,
};
use super::{border, course, platform};
use crate::engine::{DoubleRelease, Released, SlotToken};
use crate::managed::{DiscardReason, ManagedParts, ON_RETURN, discard as end};
use crate::slot::{PoolParts, Slot, storage};
use crate::sync::{Relaxed, store_plain};

/// The right to use a resource, from acquire to release.
///
/// A plain value. It may be copied, but a copy is the same lease: only one of them can be released. All zero is an
/// empty lease.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct conn_pool_lease {
    /// The pool that the resource belongs to; NULL in an empty lease.
    pub pool: *mut conn_pool,
    /// The resource: what `create` made, or what was passed to `conn_pool_add`.
    pub resource: *mut c_void,
    /// The slot of the resource. Private to the library.
    pub slot: u32,
    /// Tells this lease from earlier and later ones of the slot. Private to the library.
    pub generation: u32,
}

impl conn_pool_lease {
    pub(super) const EMPTY: Self = Self { pool: ptr::null_mut(), resource: ptr::null_mut(), slot: 0, generation: 0 };
}

/// Makes the lease of a filled slot, for the calling thread. The tag is the caller's, or NULL.
#[inline(always)]
pub(super) fn lend(pool: &conn_pool, slot: SlotToken, tag: *const c_char) -> conn_pool_lease {
    lend_to(pool, slot, platform::thread, tag)
}

/// As [`lend`], for a callback. It may pass the lease to any thread: the one that calls it does not hold it.
pub(super) fn lend_to_callback(pool: &conn_pool, slot: SlotToken) -> conn_pool_lease {
    lend_to(pool, slot, || 0, ptr::null())
}

#[inline(always)]
fn lend_to(pool: &conn_pool, slot: SlotToken, thread: impl FnOnce() -> usize, tag: *const c_char) -> conn_pool_lease {
    if pool.config().tracks() {
        pool.lease_record(slot.index()).begin(thread(), tag, pool.now_ms());
    }
    let lease = lend_in(pool.slots(), pool, slot);
    annotations::acquired(pool.config(), lease.resource);
    lease
}

/// As [`lend`], for a caller that has found the pool's slots already.
#[inline(always)]
pub(super) fn lend_in(slots: &[Slot<Resource, SlotExtra>], pool: &conn_pool, slot: SlotToken) -> conn_pool_lease {
    let resource = course::resource(slots, &slot);
    let slot = slot.into_raw();
    let kept = storage::extra(slots, slot).generation();
    // Relaxed, and no read-modify-write: only the slot's owner writes it (I2).
    let generation = kept.load(Relaxed).wrapping_add(1);
    kept.store(generation, Relaxed);
    #[expect(clippy::cast_possible_truncation, reason = "slots are below 4096, and a generation may wrap")]
    conn_pool_lease { pool: ptr::from_ref(pool).cast_mut(), resource, slot: slot as u32, generation: generation as u32 }
}

/// The slot of a valid lease, and its generation. A lease that is not valid is refused, and nothing is changed.
#[inline(always)]
fn check(pool: &conn_pool, lease: &conn_pool_lease) -> Answer<(usize, usize)> {
    let slot = lease.slot as usize;
    if !ptr::eq(lease.pool, pool) || slot >= pool.capacity() {
        return Err(complaint(pool, lease));
    }
    let generation = pool.generation(slot).load(Relaxed);
    #[expect(clippy::cast_possible_truncation, reason = "a generation may wrap")]
    let is_held = generation as u32 == lease.generation && generation & 1 == 1;
    // SAFETY: a lease that is held owns the slot (I2), and the cell has been written (I10).
    if !is_held || unsafe { (*storage::cell_at(pool.slots(), slot)).0 } != lease.resource {
        return Err(complaint(pool, lease));
    }
    Ok((slot, generation))
}

/// Ends a lease whose slot is released next. Returns a number instead of a token, because another thread may have ended
/// a copy of the lease at the same moment.
///
/// It loads and stores the generation: in one step it would cost each lease a read-modify-write more. So two threads
/// that release copies of one lease at the same moment may both pass. The bitmap then refuses the second, unless a
/// third thread has claimed the slot in between, or one of the two discards. The header says so.
#[inline(always)]
fn redeem(pool: &conn_pool, lease: &conn_pool_lease) -> Answer<usize> {
    let (slot, generation) = check(pool, lease)?;
    // An exchange of `redeem_alone` that comes in between stores the same.
    store_plain(pool.generation(slot), generation.wrapping_add(1));
    Ok(slot)
}

/// As [`redeem`], for a caller that does more with the slot than release it: in one step, so that only one of several
/// copies passes.
fn redeem_alone(pool: &conn_pool, lease: &conn_pool_lease) -> Answer<SlotToken> {
    let (slot, generation) = check(pool, lease)?;
    loop {
        // Relaxed: it decides between copies of one lease, and its caller sees what is in the slot already.
        match pool.generation(slot).compare_exchange_weak(generation, generation.wrapping_add(1), Relaxed, Relaxed) {
            // SAFETY: the lease owned the slot (I2), and has just ended.
            Ok(_) => return Ok(unsafe { SlotToken::from_raw(slot) }),
            Err(now) if now == generation => {}
            Err(_) => return Err(complaint(pool, lease)),
        }
    }
}

/// What is wrong with a lease that [`check`] refuses, or that has ended meanwhile.
#[cold]
#[inline(never)]
extern "C" fn complaint(pool: &conn_pool, lease: &conn_pool_lease) -> conn_pool_status {
    pool.counters().misused.add_one();
    if lease.pool.is_null() {
        return CONN_POOL_NOT_HELD;
    }
    if !ptr::eq(lease.pool, pool) {
        return CONN_POOL_WRONG_POOL;
    }
    let slot = lease.slot as usize;
    if slot >= pool.capacity() || lease.generation & 1 == 0 {
        return CONN_POOL_FORGED;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a generation may wrap")]
    let now = pool.generation(slot).load(Relaxed) as u32;
    match now.wrapping_sub(lease.generation) {
        1 => CONN_POOL_NOT_HELD,
        // An earlier one: half of all numbers lie in the past.
        2..=0x7fff_ffff => CONN_POOL_STALE,
        // The present one with another resource, or one that does not exist yet.
        _ => CONN_POOL_FORGED,
    }
}

/// The fast path of release. `None` if a callback has to be called, or the resource's record looked at.
#[inline(always)]
pub(super) fn release_as_it_is(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if !pool.ends_at_once() {
        return None;
    }
    Some(redeem_and_release(pool, lease))
}

#[inline(never)]
extern "C" fn release_another_slot(pool: &conn_pool, slot: usize, lease: &mut conn_pool_lease) -> conn_pool_status {
    release_slot(pool, slot, lease)
}

/// As [`release_as_it_is`], for a resource that may have a mark. `None` if it has, or a callback has to be called.
#[inline(always)]
pub(super) fn release_unmarked(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if !pool.is_present() || pool.shared().has(ON_RETURN) {
        return None;
    }
    let slot = lease.slot as usize;
    // A slot that the pool does not have is refused with the rest of the lease.
    if slot < pool.capacity() && pool.has_remarks(slot) {
        return None;
    }
    Some(redeem_and_release(pool, lease))
}

#[inline(always)]
fn redeem_and_release(pool: &conn_pool, lease: &mut conn_pool_lease) -> conn_pool_status {
    match redeem(pool, lease) {
        // The slot of callers that do not meet. With its number known, nothing has to be computed.
        Ok(0) => release_slot(pool, 0, lease),
        Ok(slot) => release_another_slot(pool, slot, lease),
        Err(status) => status,
    }
}

/// Releases a lease, in full.
#[cold]
pub(super) fn release(pool: &conn_pool, lease: &mut conn_pool_lease) -> Answer {
    let slot = redeem_alone(pool, lease)?;
    let Some(slot) = course::recycle(pool, slot) else {
        // Since the slot was vacated, the pool may be gone.
        *lease = conn_pool_lease::EMPTY;
        return Ok(());
    };
    annotations::released(pool.config(), lease.resource);
    match release_slot(pool, slot.into_raw(), lease) {
        CONN_POOL_OK => Ok(()),
        status => Err(status),
    }
}

/// Once the slot is released, another thread may drain and destroy the pool. So the pool is not touched after that.
#[inline(always)]
fn release_slot(pool: &conn_pool, slot: usize, lease: &mut conn_pool_lease) -> conn_pool_status {
    match pool.engine().release_once(slot) {
        Released::Now => {
            // Not before the exchange, which would have to wait for the write.
            *lease = conn_pool_lease::EMPTY;
            CONN_POOL_OK
        }
        Released::NotYet => release_slot_later(pool, slot, lease),
        // Another thread has just released a copy of the lease.
        Released::Already => complaint(pool, lease),
    }
}

#[cold]
#[inline(never)]
extern "C" fn release_slot_later(pool: &conn_pool, slot: usize, lease: &mut conn_pool_lease) -> conn_pool_status {
    border::status(platform::guard(move || release_slot_locked(pool, slot, lease)))
}

fn release_slot_locked(pool: &conn_pool, slot: usize, lease: &mut conn_pool_lease) -> Answer {
    let (released, wakes) = pool.engine().release_once_locked(slot);
    let to_vacate = released.map_err(|DoubleRelease| complaint(pool, lease))?;
    *lease = conn_pool_lease::EMPTY;
    drop(wakes);
    if let Some((slot, why)) = to_vacate {
        pool.dispose(slot, why);
    }
    Ok(())
}

/// Ends a lease, and destroys its resource.
pub(super) fn discard(pool: &conn_pool, lease: &mut conn_pool_lease) -> Answer {
    let slot = redeem_alone(pool, lease)?;
    annotations::released(pool.config(), lease.resource);
    *lease = conn_pool_lease::EMPTY;
    end(pool, slot, DiscardReason::Discarded);
    Ok(())
}
