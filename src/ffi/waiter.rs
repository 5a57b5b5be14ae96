// knows: annotations, asking, caller, course, lease, pool, status, due_calls, wait, engine, slot, sync · must not know:
// threads, how a lease is checked
//! A wait that ends with a callback instead of a return.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::offset_of;
use core::pin::Pin;
use core::ptr;
use core::task::{Poll, RawWaker, RawWakerVTable, Waker};

use super::annotations;
use super::asking;
use super::caller::OwnWork;
use super::course;
use super::due_calls::{DueCall, call_when_due};
use super::lease::{conn_pool_lease, lend, lend_to_callback};
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_ALREADY_WAITING, CONN_POOL_CLOSED, CONN_POOL_EXHAUSTED, CONN_POOL_NOT_WAITING, CONN_POOL_OK,
    CONN_POOL_PENDING, CONN_POOL_WRONG_POOL,
};
use super::wait::Limit;
use crate::engine::{Joined, Position, SlotToken, Waiter, WaiterKind};
use crate::slot::{PoolParts, slow_path};
use crate::sync::{AtomicUsize, Relaxed};

/// Called once when an asynchronous wait is over. With `CONN_POOL_OK`, `lease` points to the lease, to be copied; with
/// any other status it is NULL.
pub type conn_pool_ready_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, status: conn_pool_status, lease: *const conn_pool_lease)>;

/// A place in the wait queue for a callback, in the caller's memory.
///
/// Zero it before its first use (`CONN_POOL_WAITER_INIT`). While it is in use it must neither move nor be freed: from
/// `conn_pool_acquire_async` until its callback is called or it is cancelled. Then it can be used again.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct conn_pool_waiter {
    /// Private to the library.
    pub reserved: [u64; 24],
}

/// What is really in a [`conn_pool_waiter`].
#[repr(C)]
struct Waiting {
    /// 1 while it is in use: from `acquire_async` until it is known how that ends. The first field, and zero in a
    /// waiter that was never used.
    in_use: AtomicUsize,
    pool: Cell<*const conn_pool>,
    on_ready: Cell<conn_pool_ready_fn>,
    user: Cell<*mut c_void>,
    /// The callback that is due after this one on the thread that calls both.
    next: Cell<*const Waiting>,
    waiter: Waiter,
}

const _: () = assert!(offset_of!(Waiting, in_use) == 0);
const _: () = assert!(size_of::<Waiting>() <= size_of::<conn_pool_waiter>());
const _: () = assert!(align_of::<Waiting>() <= align_of::<conn_pool_waiter>());

/// Whether it is a waiter, and is not in use.
///
/// # Safety
///
/// It is NULL, zeroed, or was used before.
#[inline(always)]
pub(super) unsafe fn may_wait(waiter: *const conn_pool_waiter) -> bool {
    // SAFETY: the first field, which is zero in a waiter that was never used, as the caller promises.
    unsafe { waiter.cast::<AtomicUsize>().as_ref() }.is_some_and(|in_use| in_use.load(Relaxed) == 0)
}

/// A lease at once, or a place in the wait queue.
///
/// # Safety
///
/// `waiter` is zeroed, or was used before, and stays where it is until its callback was called or it was withdrawn;
/// `lease` may be written.
pub(super) unsafe fn acquire_async(
    pool: &conn_pool,
    waiter: *mut conn_pool_waiter,
    on_ready: conn_pool_ready_fn,
    user: *mut c_void,
    lease: *mut conn_pool_lease,
) -> Answer {
    // SAFETY: as the caller promises.
    if !unsafe { may_wait(waiter) } {
        return Err(CONN_POOL_ALREADY_WAITING);
    }
    // SAFETY: large enough and aligned (asserted above), and in no queue, so nothing else uses it, as the caller
    // promises.
    unsafe {
        waiter.cast::<Waiting>().write(Waiting {
            // Already now: a callback of `attempt` may try to use it before it is queued.
            in_use: AtomicUsize::new(1),
            pool: Cell::new(pool),
            on_ready: Cell::new(on_ready),
            user: Cell::new(user),
            next: Cell::new(ptr::null()),
            waiter: Waiter::new(WaiterKind::Callback),
        });
    }
    // SAFETY: just written; it stays there, by the caller's promise.
    let waiting = unsafe { &*waiter.cast::<Waiting>() };
    // What the caller has prepared comes before its callback.
    annotations::released(pool.config(), waiter.cast());
    let mut none = Limit::of(0);
    let answer = waiting.attempt(pool, Position::Last, Position::Again, &OwnWork::new(&mut none));
    // One that is queued may have been called, and freed.
    if !matches!(answer, Ok(None)) {
        waiting.in_use.store(0, Relaxed);
    }
    let slot = answer?.ok_or(CONN_POOL_PENDING)?;
    // SAFETY: it may be written, as the caller promises. Not before: callbacks may use it until here.
    unsafe { lease.write(lend(pool, slot, ptr::null())) };
    Ok(())
}

/// Takes a waiter out of the queue.
///
/// # Safety
///
/// `waiter` is zeroed, or was used before.
pub(super) unsafe fn cancel(pool: &conn_pool, waiter: *mut conn_pool_waiter) -> Answer {
    // SAFETY: the first field, which is zero in a waiter that was never used, as the caller promises.
    if unsafe { &*waiter.cast::<AtomicUsize>() }.load(Relaxed) == 0 {
        return Err(CONN_POOL_NOT_WAITING);
    }
    // SAFETY: used before, since it is not zero, as the caller promises.
    let waiting = unsafe { &*waiter.cast::<Waiting>() };
    if !ptr::eq(waiting.pool.get(), pool) {
        return Err(CONN_POOL_WRONG_POOL);
    }
    if !pool.engine().withdraw(waiting.node()) {
        return Err(CONN_POOL_NOT_WAITING);
    }
    waiting.in_use.store(0, Relaxed);
    Ok(())
}

impl Waiting {
    /// A slot with a fit resource, or `None` if it is queued now.
    fn attempt(
        &self,
        pool: &conn_pool,
        mut position: Position,
        again: Position,
        work: &OwnWork<'_, Limit>,
    ) -> Answer<Option<SlotToken>> {
        while let Some(slot) = self.join(pool, position)? {
            if let Some(slot) = course::prepare(pool, slot, work)? {
                return Ok(Some(slot));
            }
            position = again;
        }
        Ok(None)
    }

    /// A slot, or `None` if it is queued now.
    fn join(&self, pool: &conn_pool, position: Position) -> Answer<Option<SlotToken>> {
        let (mut batch, mut waker) = (pool.engine().batch(), Some(self.waker()));
        // SAFETY: it is in no queue; it stays alive and in place until it was called, by the caller's promise (I4).
        let joined =
            unsafe { pool.engine().join(self.node(), &mut waker, position, slow_path::<conn_pool>(), &mut batch) };
        // From here on, a queued one may be called and freed at any moment.
        drop(batch);
        match joined {
            Joined::Granted(slot) => Ok(Some(slot)),
            Joined::Queued => Ok(None),
            Joined::Closed => Err(CONN_POOL_CLOSED),
            // `cancel` has answered that it is too late and the callback will be called: so it must not be queued
            // again.
            Joined::CancelledLate | Joined::QueueFull => Err(CONN_POOL_EXHAUSTED),
        }
    }

    fn node(&self) -> Pin<&Waiter> {
        // SAFETY: it stays where it is for as long as it is queued, by the caller's promise.
        unsafe { Pin::new_unchecked(&self.waiter) }
    }

    fn waker(&self) -> Waker {
        // SAFETY: the table's functions take what they are given here; a queued waiter outlives its waker (I4).
        unsafe { Waker::from_raw(raw(ptr::from_ref(self).cast())) }
    }

    /// The lease that was waited for; `None` if it had to queue again.
    fn pick_up(&self, pool: &conn_pool) -> Answer<Option<conn_pool_lease>> {
        let mut wakes = pool.engine().batch();
        let seen = pool.engine().check(self.node(), Waker::noop(), &mut wakes);
        drop(wakes);
        let Poll::Ready(slot) = seen else { return Ok(None) };
        let slot = slot.ok_or_else(|| asking::dismissed(pool))?;
        let mut none = Limit::of(0);
        let work = OwnWork::on_behalf(&mut none);
        let slot = match course::prepare(pool, slot, &work)? {
            Some(slot) => Some(slot),
            // Only for what is idle: this is another caller's thread.
            None => self.attempt(pool, Position::Pausing, Position::Pausing, &work)?,
        };
        Ok(slot.map(|slot| lend_to_callback(pool, slot)))
    }
}

impl DueCall for Waiting {
    fn next(&self) -> &Cell<*const Self> {
        &self.next
    }

    /// The waiter was granted a slot, or the pool was closed.
    fn fire(&self) {
        // SAFETY: a pool with a queued waiter is not ended (I10).
        let pool = unsafe { &*self.pool.get() };
        let answer = match self.pick_up(pool) {
            // Queued again: it will be due another time.
            Ok(None) => return,
            Ok(Some(lease)) => Ok(lease),
            Err(status) => Err(status),
        };
        annotations::acquired(pool.config(), ptr::from_ref(self).cast());
        let (on_ready, user) = (self.on_ready.get(), self.user.get());
        // From here on the waiter may be used again, or freed: for one, by the callback.
        self.in_use.store(0, Relaxed);
        let Some(on_ready) = on_ready else { return };
        match answer {
            // SAFETY: a callback, which the program has named for this.
            Ok(lease) => unsafe { on_ready(user, CONN_POOL_OK, &raw const lease) },
            // SAFETY: as above.
            Err(status) => unsafe { on_ready(user, status, ptr::null()) },
        }
    }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(raw, wake, wake, forget);

const fn raw(waiting: *const ()) -> RawWaker {
    RawWaker::new(waiting, &TABLE)
}

/// # Safety
///
/// It is the address of a waiter that was queued and was not called yet.
unsafe fn wake(waiting: *const ()) {
    // SAFETY: as the caller promises; a `Waiting` as always.
    unsafe { call_when_due(waiting.cast::<Waiting>()) };
}

const fn forget(_: *const ()) {}
