//! Layer 7 · part of ffi · knows: engine · must not know: leases, who waits
//!
//! Resources come and go: the callbacks, each called without a lock, and what becomes of the slot afterwards.
//!
//! A callback of C cannot unwind, so nothing here has to survive a panic.

use core::ffi::{c_int, c_void};
use core::future::Future;
use core::pin::pin;
use core::ptr;
use core::task::{Context, Waker};

use super::border::Answer;
use super::config::{conn_pool_check_fn, conn_pool_event};
use super::conn_pool_status::{CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED};
use super::pool::conn_pool;
use crate::drain::DrainAsync;
use crate::engine::Emptied;

/// The rest of giving a slot back while somebody must be attended to.
#[cold]
#[inline(never)]
pub(super) fn attend_to_others(pool: &conn_pool) {
    let (to_empty, aftermath) = pool.core().attend_to_others();
    drop(aftermath);
    if let Some((slot, why)) = to_empty {
        empty(pool, slot, why);
    }
}

/// Makes sure that there is a fit resource in a slot, which the caller owns. If there cannot be, the slot has been
/// passed on, and `Ok(false)` says that another one may do.
pub(super) fn prepare(pool: &conn_pool, slot: usize) -> Answer<bool> {
    let is_filled = pool.core().books().get(slot).is_filled();
    if is_filled && is_fit(pool, slot) {
        return Ok(true);
    }
    if pool.config().create.is_none() {
        empty(pool, slot, Emptied::Discarded);
        return Ok(false);
    }
    if is_filled {
        destroy(pool, slot);
        if !pool.core().begin_anew(slot) {
            drop(pool.core().vacate(slot, Emptied::Discarded));
            return Ok(false);
        }
    }
    create(pool, slot).map(|()| true)
}

fn is_fit(pool: &conn_pool, slot: usize) -> bool {
    let code = check(pool, pool.config().validate, slot);
    if code != 0 {
        pool.counts().invalid.add_one();
        tell(pool, conn_pool_event::CONN_POOL_EVENT_INVALID, resource(pool, slot), code);
    }
    code == 0
}

/// Brings a resource that comes back into a clean state; `false` if that failed.
pub(super) fn reset(pool: &conn_pool, slot: usize) -> bool {
    let code = check(pool, pool.config().reset, slot);
    if code != 0 {
        pool.counts().reset_failed.add_one();
        tell(pool, conn_pool_event::CONN_POOL_EVENT_RESET_FAILED, resource(pool, slot), code);
    }
    code == 0
}

fn check(pool: &conn_pool, check: conn_pool_check_fn, slot: usize) -> c_int {
    // SAFETY: a callback, which the program has named for this, and the resource is one of the pool's.
    check.map_or(0, |check| unsafe { check(pool.config().user, resource(pool, slot)) })
}

/// Fills a slot that was lent to be connected in, or puts it down.
fn create(pool: &conn_pool, slot: usize) -> Answer {
    let Some(create) = pool.config().create else { return Err(CONN_POOL_CREATE_FAILED) };
    let mut made = ptr::null_mut();
    // SAFETY: a callback, which the program has named for this.
    let code = unsafe { create(pool.config().user, &raw mut made) };
    if code != 0 {
        pool.counts().create_failed.add_one();
        tell(pool, conn_pool_event::CONN_POOL_EVENT_CREATE_FAILED, ptr::null_mut(), code);
        drop(pool.core().vacate(slot, Emptied::NotConnected));
        return Err(CONN_POOL_CREATE_FAILED);
    }
    pool.counts().created.add_one();
    fill(pool, slot, made);
    tell(pool, conn_pool_event::CONN_POOL_EVENT_CREATED, made, 0);
    drop(pool.core().connected(slot));
    if pool.core().is_closed() {
        empty(pool, slot, Emptied::Closed);
        return Err(CONN_POOL_CLOSED);
    }
    Ok(())
}

/// Puts a resource into a slot that the caller owns.
pub(super) fn fill(pool: &conn_pool, slot: usize, resource: *mut c_void) {
    // SAFETY: the slot's owner alone touches its cell (I2).
    let pointer = unsafe { &raw mut (*pool.cell(slot)).pointer };
    // SAFETY: as above.
    unsafe { pointer.write(resource) };
    pool.core().books().get(slot).set_filled();
}

/// The resource in a slot that the caller owns.
#[inline(always)]
pub(super) fn resource(pool: &conn_pool, slot: usize) -> *mut c_void {
    // SAFETY: the slot's owner alone touches its cell (I2), which is initialised.
    unsafe { (*pool.cell(slot)).pointer }
}

/// Ends the resource of a slot, which the caller owns and passes on.
pub(super) fn empty(pool: &conn_pool, slot: usize, why: Emptied) {
    destroy(pool, slot);
    drop(pool.core().vacate(slot, why));
}

fn destroy(pool: &conn_pool, slot: usize) {
    let gone = resource(pool, slot);
    pool.core().books().get(slot).set_empty();
    pool.counts().destroyed.add_one();
    tell(pool, conn_pool_event::CONN_POOL_EVENT_DESTROYED, gone, 0);
    if let Some(destroy) = pool.config().destroy {
        // SAFETY: a callback, which the program has named for this, and the resource is in no slot any more.
        unsafe { destroy(pool.config().user, gone) };
    }
}

fn tell(pool: &conn_pool, event: conn_pool_event, resource: *mut c_void, code: c_int) {
    if let Some(on_event) = pool.config().on_event {
        // SAFETY: a callback, which the program has named for this.
        unsafe { on_event(pool.config().user, event, resource, code) };
    }
}

/// Ends what a resize has set aside, and says how many resources that were.
pub(super) fn drop_surplus(pool: &conn_pool) -> usize {
    core::iter::from_fn(|| pool.core().claim_surplus()).map(|slot| empty(pool, slot, Emptied::SetAside)).count()
}

/// Ends every idle resource that its check finds unfit, and says how many they were.
pub(super) fn check_idle(pool: &conn_pool) -> usize {
    let mut ended = 0;
    for slot in 0..pool.capacity() {
        if !pool.core().claim_slot(slot) {
            continue;
        }
        if is_fit(pool, slot) {
            if pool.core().give_back(slot) {
                attend_to_others(pool);
            }
        } else {
            ended += 1;
            empty(pool, slot, Emptied::Discarded);
        }
    }
    ended
}

/// Whether everything has come back to a closed pool.
pub(super) fn is_drained(pool: &conn_pool) -> bool {
    pin!(DrainAsync::new(pool.core())).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Sends everybody in line away, and ends what is idle.
pub(super) fn close(pool: &conn_pool) {
    drop(pool.core().close());
    while let Some((slot, why)) = pool.core().claim_closed() {
        empty(pool, slot, why);
    }
}
