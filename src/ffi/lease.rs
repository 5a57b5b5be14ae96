// knows: border, course, pool, status, engine, managed, slot, sync · must not know: who waits
//! Leases: what a guard is in Rust, made of plain values and checked when it is given back.

use core::ffi::c_void;
use core::ptr;

use super::border::rest;
use super::course;
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_FORGED, CONN_POOL_NOT_HELD, CONN_POOL_OK, CONN_POOL_STALE, CONN_POOL_WRONG_POOL,
};
use crate::engine::{DoubleRelease, Released, SlotToken};
use crate::managed::{DiscardReason, ManagedParts, ON_RETURN, SELF_TIMED, discard as end, recycle};
use crate::slot::{PoolParts, storage};
use crate::sync::Relaxed;

/// A resource on loan. A plain value: zero means "none", a copy is the same lease and not another one.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct conn_pool_lease {
    /// The pool that it is of; NULL in an empty lease.
    pub pool: *mut conn_pool,
    /// What was borrowed: what `create` made, or what `conn_pool_add` was given.
    pub resource: *mut c_void,
    /// Its slot; the library's own business.
    pub slot: u32,
    /// Tells this lease from the slot's earlier and later ones; the library's own business.
    pub generation: u32,
}

impl conn_pool_lease {
    pub(super) const EMPTY: Self = Self { pool: ptr::null_mut(), resource: ptr::null_mut(), slot: 0, generation: 0 };
}

/// Makes the lease of a filled slot.
#[inline(always)]
pub(super) fn lend(pool: &conn_pool, slot: SlotToken) -> conn_pool_lease {
    let resource = course::resource(pool, &slot);
    let slot = slot.into_raw();
    // Relaxed, and no read-modify-write: only the slot's owner writes it (I2).
    let generation = pool.generation(slot).load(Relaxed).wrapping_add(1);
    pool.generation(slot).store(generation, Relaxed);
    #[expect(clippy::cast_possible_truncation, reason = "slots are below 4096, and a generation may wrap")]
    conn_pool_lease { pool: ptr::from_ref(pool).cast_mut(), resource, slot: slot as u32, generation: generation as u32 }
}

/// The slot of a lease that is in order, and its generation. What is not in order is refused, and nothing is changed.
#[inline(always)]
fn check(pool: &conn_pool, lease: &conn_pool_lease) -> Answer<(usize, usize)> {
    let slot = lease.slot as usize;
    if !ptr::eq(lease.pool, pool) || slot >= pool.capacity() {
        return Err(complaint(pool, lease));
    }
    let generation = pool.generation(slot).load(Relaxed);
    #[expect(clippy::cast_possible_truncation, reason = "a generation may wrap")]
    let is_out = generation as u32 == lease.generation && generation & 1 == 1;
    // SAFETY: a lease that is out is the slot's owner (I2), and the cell has been written (I10).
    if !is_out || unsafe { (*storage::cell_at(pool.slots(), slot)).0 } != lease.resource {
        return Err(complaint(pool, lease));
    }
    Ok((slot, generation))
}

/// Takes a lease back that is to be released as it is. Answers a number and not a token, because another thread may have
/// given a copy of the lease back at the same moment.
///
/// A load and a store: one step would be a read-modify-write more for each lease. So two threads that give copies of one
/// lease back at the same moment may both get through here; the bitmap then refuses the second, unless a third has
/// borrowed the slot in between, or one of them discards. The header says so.
#[inline(always)]
fn redeem(pool: &conn_pool, lease: &conn_pool_lease) -> Answer<usize> {
    let (slot, generation) = check(pool, lease)?;
    pool.generation(slot).store(generation.wrapping_add(1), Relaxed);
    Ok(slot)
}

/// As [`redeem`], for a caller that does more with the slot than release it: one step, so that of several copies one gets
/// through.
fn redeem_alone(pool: &conn_pool, lease: &conn_pool_lease) -> Answer<SlotToken> {
    let (slot, generation) = check(pool, lease)?;
    loop {
        // Relaxed: it decides between copies of one lease, whose holder has the slot's contents already.
        match pool.generation(slot).compare_exchange_weak(generation, generation.wrapping_add(1), Relaxed, Relaxed) {
            // SAFETY: the lease was the ownership of the slot (I2), and has just ended.
            Ok(_) => return Ok(unsafe { SlotToken::from_raw(slot) }),
            Err(now) if now == generation => {}
            Err(_) => return Err(complaint(pool, lease)),
        }
    }
}

/// What is wrong with a lease.
#[cold]
#[inline(never)]
fn complaint(pool: &conn_pool, lease: &conn_pool_lease) -> conn_pool_status {
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
        // ClaimedSlot before: half of all numbers lie in the past.
        2..=0x7fff_ffff => CONN_POOL_STALE,
        // It is the one that is out, but for the resource; or one that there has not been yet.
        _ => CONN_POOL_FORGED,
    }
}

/// Gives a lease back if there is no callback to call first; `None` if there is.
#[inline(always)]
pub(super) fn release_as_it_is(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if pool.shared().has(ON_RETURN | SELF_TIMED) {
        return None;
    }
    Some(match redeem(pool, lease) {
        Ok(slot) => release_slot(pool, slot, lease),
        Err(status) => status,
    })
}

/// Gives a lease back.
#[cold]
pub(super) fn release(pool: &conn_pool, lease: &mut conn_pool_lease) -> Answer {
    let slot = redeem_alone(pool, lease)?;
    let Some(slot) = recycle(pool, slot) else {
        // From the moment the slot was vacated, the pool may be gone.
        *lease = conn_pool_lease::EMPTY;
        return Ok(());
    };
    match release_slot(pool, slot.into_raw(), lease) {
        CONN_POOL_OK => Ok(()),
        status => Err(status),
    }
}

/// From the moment the slot is released, the pool may be gone: drained and destroyed by another thread. So nothing of it
/// is touched then.
#[inline(always)]
fn release_slot(pool: &conn_pool, slot: usize, lease: &mut conn_pool_lease) -> conn_pool_status {
    match pool.engine().release_once(slot) {
        Released::Now => {
            // After the exchange, which would have to wait for what is written before it.
            *lease = conn_pool_lease::EMPTY;
            CONN_POOL_OK
        }
        Released::NotYet => rest(|| release_slot_locked(pool, slot, lease)),
        Released::Already => rest(|| Err(returned_twice(pool))),
    }
}

fn release_slot_locked(pool: &conn_pool, slot: usize, lease: &mut conn_pool_lease) -> Answer {
    let (released, wakes) = pool.engine().release_once_locked(slot);
    let to_vacate = released.map_err(|DoubleRelease| returned_twice(pool))?;
    *lease = conn_pool_lease::EMPTY;
    drop(wakes);
    if let Some((slot, why)) = to_vacate {
        pool.dispose(slot, why);
    }
    Ok(())
}

/// Another thread has just given a copy of the lease back.
fn returned_twice(pool: &conn_pool) -> conn_pool_status {
    pool.counters().misused.add_one();
    CONN_POOL_NOT_HELD
}

/// Gives a lease back whose resource is unfit: it is destroyed.
pub(super) fn discard(pool: &conn_pool, lease: &mut conn_pool_lease) -> Answer {
    let slot = redeem_alone(pool, lease)?;
    *lease = conn_pool_lease::EMPTY;
    end(pool, slot, DiscardReason::Discarded);
    Ok(())
}
