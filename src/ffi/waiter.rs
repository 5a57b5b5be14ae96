// knows: border, course, lease, platform, pool, status, engine, managed, slot, sync · must not know: how a lease is
// checked
//! From a slot to a lease: at once, by sleeping, or by a callback of a C program that waits.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::offset_of;
use core::pin::Pin;
use core::ptr;
use core::task::{Poll, RawWaker, RawWakerVTable, Waker};

use super::border::rest;
use super::lease::{conn_pool_lease, lend};
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_CLOSED, CONN_POOL_EXHAUSTED, CONN_POOL_NOT_WAITING, CONN_POOL_OK, CONN_POOL_PENDING,
    CONN_POOL_WAITING, CONN_POOL_WRONG_POOL,
};
use super::{course, platform};
use crate::engine::{Joined, Position, SlotToken, Ticket, Waiter, WaiterKind};
use crate::managed::{ManagedParts, ON_RETURN};
use crate::slot::{PoolParts, try_acquire};
use crate::sync::{AtomicUsize, Relaxed, collided, home};

/// The wait of a callback is over. `lease` is to be copied; it is NULL unless `status` is `CONN_POOL_OK`.
pub type conn_pool_ready_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, status: conn_pool_status, lease: *const conn_pool_lease)>;

/// A place in line for a callback, in the caller's memory. Zero it before its first use (`CONN_POOL_WAITER_INIT`), and leave
/// it where it is until its callback was called or it was cancelled; then it can be used again.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct conn_pool_waiter {
    /// The library's own business.
    pub reserved: [u64; 24],
}

/// What is really in a `conn_pool_waiter`.
#[repr(C)]
struct Waiting {
    /// 1 while it is in use, which is from `acquire_async` until it is known how that ends. The first field, and zero in a
    /// waiter that was never used.
    in_line: AtomicUsize,
    pool: Cell<*const conn_pool>,
    on_ready: Cell<conn_pool_ready_fn>,
    user: Cell<*mut c_void>,
    /// Whose turn comes after its own, on the thread that calls it.
    next: Cell<*const Waiting>,
    waiter: Waiter,
}

/// The waiters whose turn has come on one thread, to be called one after the other. A callback may give its lease back and so
/// bring about the next one's turn; if that were called from within, a long line would need a deep stack.
pub(super) struct Turns {
    is_calling: Cell<bool>,
    first: Cell<*const Waiting>,
    last: Cell<*const Waiting>,
}

const _: () = assert!(offset_of!(Waiting, in_line) == 0);
const _: () = assert!(size_of::<Waiting>() <= size_of::<conn_pool_waiter>());
const _: () = assert!(align_of::<Waiting>() <= align_of::<conn_pool_waiter>());

/// A lease on the slot that `slot` finds, which is asked again if the resource turns out unfit.
pub(super) fn acquire(pool: &conn_pool, slot: impl Fn(&mut Ticket) -> Answer<SlotToken>) -> Answer<conn_pool_lease> {
    let mut ticket = Ticket::NEW;
    loop {
        let slot = slot(&mut ticket).inspect_err(|status| count_refusal(pool, *status))?;
        if let Some(slot) = course::prepare(pool, slot)? {
            return Ok(lend(pool, slot));
        }
        ticket.position = Position::Again;
    }
}

fn count_refusal(pool: &conn_pool, status: conn_pool_status) {
    if status == CONN_POOL_EXHAUSTED {
        pool.counters().exhausted.add_one();
    }
}

/// A lease, if one is to be had without calling anybody; `None` if there is more to it.
///
/// Until threads have met in the pool, everybody looks at the first word, and nobody has to ask for the home of a thread:
/// in a shared library that is a call.
#[inline(always)]
pub(super) fn acquire_as_it_is(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    if pool.has_homes() {
        return None;
    }
    acquire_from(|| 0, || {}, pool, lease)
}

/// As [`acquire_as_it_is`], from the home of the thread.
#[inline(always)]
pub(super) fn acquire_at_home(pool: &conn_pool, lease: &mut conn_pool_lease) -> Option<conn_pool_status> {
    // Before anything else is done, so that nothing is kept while it is asked for.
    let home = home();
    if home != 0 {
        pool.use_homes();
    }
    acquire_from(|| home, collided, pool, lease)
}

#[inline(always)]
fn acquire_from(
    home: impl FnOnce() -> usize,
    met: impl FnOnce(),
    pool: &conn_pool,
    lease: &mut conn_pool_lease,
) -> Option<conn_pool_status> {
    if pool.shared().flags() & !ON_RETURN != 0 {
        return None;
    }
    let claimed = pool.engine().claim_first_from(home, met)?;
    *lease = lend(pool, claimed.slot);
    if !claimed.is_peak_due {
        return Some(CONN_POOL_OK);
    }
    Some(rest(|| {
        pool.engine().record_peak();
        Ok(())
    }))
}

pub(super) fn try_slot(pool: &conn_pool) -> Answer<SlotToken> {
    try_acquire(pool).map_err(conn_pool_status::from)
}

/// A lease at once, or a place in line.
///
/// # Safety
///
/// `waiter` is zeroed, or was used before, and stays where it is until its callback was called or it was withdrawn; `lease`
/// may be written.
pub(super) unsafe fn acquire_async(
    pool: &conn_pool,
    waiter: *mut conn_pool_waiter,
    on_ready: conn_pool_ready_fn,
    user: *mut c_void,
    lease: *mut conn_pool_lease,
) -> Answer {
    // SAFETY: the first field, which is zero in a waiter that was never used, as the caller promises.
    if unsafe { &*waiter.cast::<AtomicUsize>() }.load(Relaxed) != 0 {
        return Err(CONN_POOL_WAITING);
    }
    // SAFETY: large enough and aligned (asserted above), and nobody else uses it, as the caller promises: it stands in
    // no line.
    unsafe {
        waiter.cast::<Waiting>().write(Waiting {
            // From now on, since callbacks may come upon it before it stands in line.
            in_line: AtomicUsize::new(1),
            pool: Cell::new(pool),
            on_ready: Cell::new(on_ready),
            user: Cell::new(user),
            next: Cell::new(ptr::null()),
            waiter: Waiter::new(WaiterKind::Callback),
        });
    }
    // SAFETY: just written; it stays there, by the caller's promise.
    let waiting = unsafe { &*waiter.cast::<Waiting>() };
    let answer = waiting.attempt(pool, Position::Last);
    // One that stands in line may have been called, and be gone.
    if !matches!(answer, Ok(None)) {
        waiting.in_line.store(0, Relaxed);
    }
    let own = answer?.ok_or(CONN_POOL_PENDING)?;
    // SAFETY: it may be written, as the caller promises; only now, since callbacks may use it until here.
    unsafe { lease.write(own) };
    Ok(())
}

/// Gives up a place in line.
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
    if !pool.engine().withdraw(waiting.place()) {
        return Err(CONN_POOL_NOT_WAITING);
    }
    waiting.in_line.store(0, Relaxed);
    Ok(())
}

impl Waiting {
    /// A lease, or `None` if it stands in line now.
    fn attempt(&self, pool: &conn_pool, mut position: Position) -> Answer<Option<conn_pool_lease>> {
        while let Some(slot) = self.join(pool, position)? {
            if let Some(slot) = course::prepare(pool, slot)? {
                return Ok(Some(lend(pool, slot)));
            }
            position = Position::Again;
        }
        Ok(None)
    }

    /// A slot, or `None` if it stands in line now.
    fn join(&self, pool: &conn_pool, position: Position) -> Answer<Option<SlotToken>> {
        // SAFETY: it is in no line; it stays alive and in place until it was called, by the caller's promise (I4).
        let (joined, wakes) = unsafe { pool.engine().join(self.place(), self.waker(), position) };
        // If it is queued, it may be called, and be gone, at any moment.
        drop(wakes);
        match joined {
            Joined::Granted(slot) => Ok(Some(slot)),
            Joined::Queued => Ok(None),
            Joined::Closed => Err(CONN_POOL_CLOSED),
            // Somebody was told that it is too late to cancel, and waits for the call.
            Joined::CancelledLate | Joined::QueueFull => Err(CONN_POOL_EXHAUSTED),
        }
    }

    fn place(&self) -> Pin<&Waiter> {
        // SAFETY: it stays where it is for as long as it stands in line, by the caller's promise.
        unsafe { Pin::new_unchecked(&self.waiter) }
    }

    fn waker(&self) -> Waker {
        // SAFETY: the table's functions take what they are given here; a waiter in line outlives its waker (I4).
        unsafe { Waker::from_raw(raw(ptr::from_ref(self).cast())) }
    }

    /// Its turn has come, or the pool was closed.
    fn fire(&self) {
        // SAFETY: a pool with somebody in line is not ended (I10).
        let pool = unsafe { &*self.pool.get() };
        let answer = match self.pick_up(pool) {
            // The others will be called by whoever called this one.
            Ok(None) => return,
            Ok(Some(lease)) => Ok(lease),
            Err(status) => Err(status),
        };
        let (on_ready, user) = (self.on_ready.get(), self.user.get());
        // It may be used again from here on, by the callback for one.
        self.in_line.store(0, Relaxed);
        let Some(on_ready) = on_ready else { return };
        match answer {
            // SAFETY: a callback, which the program has named for this.
            Ok(lease) => unsafe { on_ready(user, CONN_POOL_OK, &raw const lease) },
            // SAFETY: as above.
            Err(status) => unsafe { on_ready(user, status, ptr::null()) },
        }
    }

    /// The lease that was waited for; `None` if it had to stand in line anew.
    fn pick_up(&self, pool: &conn_pool) -> Answer<Option<conn_pool_lease>> {
        let (seen, wakes) = pool.engine().check(self.place(), Waker::noop());
        drop(wakes);
        let Poll::Ready(slot) = seen else { return Ok(None) };
        let slot = slot.ok_or(CONN_POOL_CLOSED)?;
        match course::prepare(pool, slot)? {
            Some(slot) => Ok(Some(lend(pool, slot))),
            None => self.attempt(pool, Position::Again),
        }
    }
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self { is_calling: Cell::new(false), first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    /// Calls a waiter, and those whose turn comes meanwhile; or leaves that to the caller further down the stack.
    ///
    /// # Safety
    ///
    /// It was in line and was not called yet.
    unsafe fn call(&self, waiting: *const Waiting) {
        // SAFETY: as the caller promises.
        unsafe { self.append(waiting) };
        if self.is_calling.replace(true) {
            return;
        }
        let calling = Calling { turns: self, stamp: platform::present_stamp() };
        while let Some(waiting) = calling.next() {
            // SAFETY: it is the caller's, or of a call from within: in either case its turn has come, as the caller promises.
            unsafe { &*waiting }.fire();
        }
    }

    /// # Safety
    ///
    /// As for [`call`](Self::call).
    unsafe fn append(&self, waiting: *const Waiting) {
        // SAFETY: alive until it was called, as the caller promises.
        unsafe { &*waiting }.next.set(ptr::null());
        let last = self.last.replace(waiting);
        if last.is_null() {
            self.first.set(waiting);
        } else {
            // SAFETY: not called yet, so it is alive, as whoever appended it promised: the caller promises the same.
            unsafe { &*last }.next.set(waiting);
        }
    }

    fn take(&self) -> Option<*const Waiting> {
        let waiting = self.first.get();
        // SAFETY: not called yet, so it is alive, as was promised when it was appended.
        let next = unsafe { waiting.as_ref() }?.next.get();
        self.first.set(next);
        if next.is_null() {
            self.last.set(ptr::null());
        }
        Some(waiting)
    }
}

/// Somebody calls whose turn comes; until it is dropped, whatever happens.
struct Calling<'a> {
    turns: &'a Turns,
    stamp: usize,
}

impl Calling<'_> {
    /// The next one; none in a fork's child, whose parent calls them.
    fn next(&self) -> Option<*const Waiting> {
        if platform::present_stamp() != self.stamp {
            self.turns.first.set(ptr::null());
            self.turns.last.set(ptr::null());
        }
        self.turns.take()
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.turns.is_calling.set(false);
    }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(raw, fire, fire, forget);

const fn raw(waiting: *const ()) -> RawWaker {
    RawWaker::new(waiting, &TABLE)
}

/// # Safety
///
/// It is the address of a waiter that was in line and was not called yet.
unsafe fn fire(waiting: *const ()) {
    // SAFETY: as the caller promises.
    platform::with_turns(|turns| unsafe { turns.call(waiting.cast()) });
}

const fn forget(_: *const ()) {}
