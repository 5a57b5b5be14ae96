// knows: bitmap, capacity, layout, ticket, state, token, wait_queue, wake_batch, sync · must not know: how a
// waiter joined, who is granted what
//! Claiming and releasing under the lock, and settling what a hold of the lock has changed.
//!
//! A program that never closes the fast path does not contain any of it: whoever closes it hands the engine the pool's
//! [`SlowPath`], and the fast path calls it by that.

use core::mem::swap;
use core::pin::Pin;
use core::ptr::{self, NonNull};
use core::task::Waker;

use super::bitmap::ClaimError;
use super::capacity::VacateReason;
use super::layout::SHORT_HOLDS;
#[cfg(not(feature = "managed"))]
use super::state::EngineState;
use super::state::{AcquireError, Engine, Locked};
use super::ticket::Position;
use super::token::SlotToken;
use super::wait_queue::Waiter;
use super::wake_batch::WakeBatch;
#[cfg(not(feature = "managed"))]
use crate::sync::PlainPtr;
use crate::sync::{Relaxed, fence};

/// A slot that was to be released is free already.
#[cfg(any(feature = "ffi", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoubleRelease;

/// A slot whose connection has to be ended, and why.
pub(crate) type ToVacate = (SlotToken, VacateReason);

/// The slow halves of a kind of pool's calls. Each takes the start of a pool of that kind, which is alive and shared.
pub(crate) struct SlowPath {
    /// A slot was released while the fast path was closed.
    release: Release,
    /// A slot, if one is free for a newcomer.
    claim: Claim,
    // What the lock's holder calls: with whatever there is to consider, or with waiters only, in programs in which
    // nothing else happens.
    admit: Admit,
    look: Look,
    settle: Settle,
}

impl SlowPath {
    /// Settles whatever there is.
    pub(crate) const fn new(release: Release, claim: Claim) -> Self {
        Self { release, claim, admit: admit_any, look: look_in_order, settle: settle_all }
    }

    /// Settles waiters only.
    #[cfg(not(feature = "managed"))]
    pub(crate) const fn for_waiters(release: Release, claim: Claim) -> Self {
        Self { release, claim, admit: admit_beside_waiters, look: look_only, settle: settle_waiters }
    }
}

type Release = unsafe fn(NonNull<()>);
type Claim = unsafe fn(NonNull<()>) -> Result<SlotToken, AcquireError>;
type Admit = for<'a> fn(Engine<'a>, &mut Locked, Position) -> Result<SlotToken, AcquireError>;
type Look = for<'a> fn(Engine<'a>, Pin<&Waiter>, &Waker, &mut WakeBatch<'a>) -> bool;
type Settle = for<'a> fn(Engine<'a>, &mut Locked, &mut WakeBatch<'a>);

#[cfg(not(feature = "managed"))]
impl EngineState {
    /// From the start that is the pool's slow path.
    pub(crate) const fn settle_all_by(&mut self, slow_path: &'static SlowPath) {
        self.slow_path = PlainPtr::new(ptr::from_ref(slow_path).cast_mut().cast());
    }
}

/// For callers that have found SLOW set.
impl Engine<'_> {
    /// Slow half of release: a caller waits, or the pool is closed or shrinking.
    #[cold]
    #[inline(never)]
    pub(crate) fn release_later(self) {
        let slow_path = self.slow_path();
        // SAFETY: the slow path of this pool's kind (I11); the engine borrows the pool.
        unsafe { (slow_path.release)(self.pool()) };
    }

    /// Slow half of a claim.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim_later(self) -> Result<SlotToken, AcquireError> {
        let slow_path = self.slow_path();
        // SAFETY: as in `release_later`.
        unsafe { (slow_path.claim)(self.pool()) }
    }

    fn slow_path(self) -> &'static SlowPath {
        // O11: pairs with O10, the Release that set SLOW, which the caller has seen; without it the slow path may be
        // seen as null.
        fence!(O11, Acquire);
        let slow_path = self.state().slow_path.load(Relaxed).cast::<SlowPath>();
        // In models too, which are optimised.
        let is_checked = cfg!(any(debug_assertions, conn_pool_loom));
        assert!(!is_checked || !slow_path.is_null(), "the fast path is closed, and there is no slow path");
        // SAFETY: set before SLOW was, and never cleared (I11).
        unsafe { &*slow_path }
    }
}

impl<'a> Engine<'a> {
    /// Whether a claim that has found nothing is certain that no slot is free for a newcomer, without a look at the
    /// lock.
    #[inline(always)]
    pub(crate) fn is_refused(self, missed: ClaimError) -> bool {
        // The only word was without a free slot: at that moment no slot was free.
        missed == ClaimError::NoneSeen && self.map().has_one_word() && !self.connects()
    }

    /// Claims a slot, or answers for certain that none is free for a newcomer: the slow half of `try_get`.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn claim_or_refuse(
        self,
        slow_path: &'static SlowPath,
        batch: &mut WakeBatch<'a>,
    ) -> Result<SlotToken, AcquireError> {
        let is_queue_first = self.state().is_fifo() && !self.connects();
        if is_queue_first && self.state().waiting.get() > 0 && !self.is_closed() {
            // Callers wait, and every slot that comes free is theirs. (In a pool that connects, a vacant slot may be a
            // newcomer's: pausing waiters leave it to others.)
            return Err(AcquireError::Exhausted);
        }
        // A newcomer does not spin: it may have interrupted the lock's holder. Who gets the lock once, gets it again.
        if self.would_spin() {
            return Err(AcquireError::Exhausted);
        }
        let section = |locked: &mut Locked| self.claim_as_newcomer(locked).inspect_err(|_| self.ask_connector(locked));
        // SAFETY: as the caller promises.
        unsafe { self.with_fast_path_closed(slow_path, batch, section) }
    }

    /// As [`claim_or_refuse`](Self::claim_or_refuse), in a pool under `Fairness::Fifo` that is never closed or resized,
    /// with one word: what a look at it finds is exact.
    #[cfg(not(feature = "managed"))]
    pub(crate) fn claim_unless_waited_for(self) -> Result<SlotToken, AcquireError> {
        // A newcomer does not spin: it may have interrupted the lock's holder.
        self.try_hold(|locked| self.admit(locked, Position::Last)).unwrap_or(Err(AcquireError::Exhausted))
    }

    /// Slow half of release: a caller waits, or the pool is closed or shrinking. The slot is free already, so the next
    /// holder of the lock finds it. The caller gets a slot to vacate in a closed pool, and in a pool that connects and
    /// is above its maximum.
    #[must_use = "a slot that is returned has to be vacated"]
    pub(crate) fn release_slow(self, batch: &mut WakeBatch<'a>) -> Option<ToVacate> {
        let done = self.hold_or_mark(|locked| {
            let to_vacate = self.claim_to_vacate(locked, batch);
            self.settle_and_unlock(locked, batch);
            to_vacate
        });
        done.flatten()
    }

    /// The same in a pool that is never closed or resized.
    #[cfg(not(feature = "managed"))]
    pub(crate) fn settle_now(self, batch: &mut WakeBatch<'a>) {
        let _done_by_the_holder = self.hold_or_mark(|locked| self.settle_and_unlock(locked, batch)).is_none();
    }

    /// Releases a slot while the fast path is closed, unless it is free already. The caller gets a slot to vacate as in
    /// [`release_slow`](Self::release_slow).
    ///
    /// All of it happens under the lock, so that a thread that waits for the last slot, and then ends the pool, gets
    /// the lock only after this release. So the pool may be gone when this returns, unless there is a slot to vacate.
    #[cfg(any(feature = "ffi", test))]
    #[must_use = "a slot that is returned has to be vacated"]
    pub(crate) fn release_once_locked(self, slot: usize) -> (Result<Option<ToVacate>, DoubleRelease>, WakeBatch<'a>) {
        self.locked(|locked, batch| {
            if self.map().is_free(slot) {
                return Err(DoubleRelease);
            }
            let slot = SlotToken::new(slot);
            if self.is_closed() {
                return Ok(Some((slot, VacateReason::Closed)));
            }
            let _slow = self.map().release(slot);
            Ok(self.claim_to_vacate(locked, batch))
        })
    }

    /// Whether no slot is in use, no caller waits, no connection is being dropped, and the connector is not called.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) fn is_unused(self) -> bool {
        self.hold(|locked| {
            let is_waited_for = self.state().waiting.get() > 0 || !locked.queue.is_empty();
            self.in_use() == 0 && locked.dropping_surplus == 0 && !is_waited_for && !locked.demand.has_calls()
        })
    }
}

/// Under the lock.
impl<'a> Engine<'a> {
    /// Runs `section` under the lock and settles what it changed. What is left to do after unlocking is done when the
    /// `WakeBatch` is dropped: by then the caller must have put a slot that it got where a panic does not lose it,
    /// because wakers may panic.
    #[inline]
    pub(super) fn locked<R>(self, section: impl FnOnce(&mut Locked, &mut WakeBatch<'a>) -> R) -> (R, WakeBatch<'a>) {
        let mut batch = WakeBatch::new(self);
        let answer = self.hold(|locked| {
            let answer = section(locked, &mut batch);
            self.settle_and_unlock(locked, &mut batch);
            answer
        });
        (answer, batch)
    }

    /// Runs `section` under the lock, while the fast path is closed, and settles what it changed. Where there are many
    /// words, the fast path is closed in one hold of the lock, and opened in another.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool.
    #[inline(always)]
    pub(super) unsafe fn with_fast_path_closed<R>(
        self,
        slow_path: &'static SlowPath,
        batch: &mut WakeBatch<'a>,
        section: impl FnOnce(&mut Locked) -> R,
    ) -> R {
        let is_apart = self.map().passes_are_apart();
        if is_apart {
            // SAFETY: as the caller promises.
            unsafe { self.close_ahead(slow_path) };
        }
        self.hold(|locked| {
            // SAFETY: as the caller promises.
            unsafe { self.close_fast_path(locked, slow_path) };
            let answer = section(locked);
            if is_apart {
                locked.closers -= 1;
            }
            if is_apart || SHORT_HOLDS {
                batch.go_on();
            } else {
                self.settle_and_unlock(locked, batch);
            }
            answer
        })
    }

    /// Closes the fast path for the next hold of the lock.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool.
    #[cold]
    #[inline(never)]
    unsafe fn close_ahead(self, slow_path: &'static SlowPath) {
        self.hold(|locked| {
            locked.closers += 1;
            // SAFETY: as the caller promises.
            unsafe { self.close_fast_path(locked, slow_path) };
        });
    }

    /// Closes the fast path until the lock is released, and longer while there is a reason to.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool.
    pub(super) unsafe fn close_fast_path(self, locked: &mut Locked, slow_path: &'static SlowPath) {
        if !locked.is_fast_path_closed {
            locked.is_fast_path_closed = true;
            // One that settles more stays. Relaxed: seen by whoever sees SLOW, by O10.
            if self.state().slow_path.load(Relaxed).is_null() {
                self.state().slow_path.store(ptr::from_ref(slow_path).cast_mut().cast(), Relaxed);
            }
            self.map().close_fast_path();
        }
    }

    /// From now on that is the pool's slow path, and the fast path is closed.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool, and settles whatever there is.
    pub(super) unsafe fn settle_all_from_now_on(self, locked: &mut Locked, slow_path: &'static SlowPath) {
        let settles_all = ptr::from_ref(slow_path).cast_mut().cast();
        if self.state().slow_path.load(Relaxed) != settles_all {
            self.state().slow_path.store(settles_all, Relaxed);
            // Closed anew, even if it is closed: who releases a slot after that sees the slow path, by O10; and what
            // was released before, the caller finds free.
            locked.is_fast_path_closed = false;
        }
        // SAFETY: as the caller promises.
        unsafe { self.close_fast_path(locked, slow_path) };
    }

    /// A slot to vacate, for a caller who has just released one. A pool that connects ends connections that are set
    /// aside; another pool keeps them.
    pub(super) fn claim_to_vacate(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) -> Option<ToVacate> {
        if self.is_closed() {
            return self.map().claim_locked().map(|slot| (slot, VacateReason::Closed));
        }
        if !self.connects() || self.state().surplus.get() == 0 && locked.set_aside == 0 {
            return None;
        }
        self.go_on_resizing(locked, batch);
        self.claim_set_aside(locked).map(|slot| (slot, VacateReason::Surplus))
    }

    /// A slot for a caller that joins the queue, while the fast path is closed.
    pub(super) fn admit(self, locked: &mut Locked, position: Position) -> Result<SlotToken, AcquireError> {
        (self.slow_path_locked().admit)(self, locked, position)
    }

    /// Whether a waiter, which was queued a moment ago, still is. If so, `waker` is the one to be called from now on.
    pub(super) fn look(self, waiter: Pin<&Waiter>, waker: &Waker, batch: &mut WakeBatch<'a>) -> bool {
        // Its owner has joined the queue, and so seen to it that there is a slow path.
        (self.slow_path_locked().look)(self, waiter, waker, batch)
    }

    /// For callers that the lock, or their own place in the queue, tells that there is one.
    fn slow_path_locked(self) -> &'static SlowPath {
        let slow_path = self.state().slow_path.load(Relaxed).cast::<SlowPath>();
        debug_assert!(!slow_path.is_null(), "the fast path is closed, and there is no slow path");
        // SAFETY: set under the lock before the fast path was closed, and never cleared (I11).
        unsafe { &*slow_path }
    }

    /// The last step before the lock is released (I6): settles, and opens the fast path if nothing keeps it closed.
    pub(super) fn settle_and_unlock(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        if locked.is_fast_path_closed {
            (self.slow_path_locked().settle)(self, locked, batch);
        }
        self.call_connector(locked, batch);
    }

    /// Opens the fast path, if no caller waits or is about to. Where there are many words, in a hold that has not
    /// looked at all of them for a waiter.
    fn open_if_unused(self, locked: &mut Locked, was_empty: bool, batch: &mut WakeBatch<'a>) {
        if !locked.queue.is_empty() || locked.closers > 0 {
            return;
        }
        if was_empty || !SHORT_HOLDS && !self.map().passes_are_apart() {
            locked.is_fast_path_closed = false;
            self.map().open_fast_path();
        } else {
            batch.go_on();
        }
    }
}

fn admit_any(engine: Engine<'_>, locked: &mut Locked, position: Position) -> Result<SlotToken, AcquireError> {
    engine.claim_in_position(locked, position)
}

/// In a pool under `Fairness::Fifo` that is never resized, suspended or closed.
#[cfg(not(feature = "managed"))]
fn admit_beside_waiters(engine: Engine<'_>, locked: &mut Locked, _: Position) -> Result<SlotToken, AcquireError> {
    let slot = if locked.queue.is_empty() { engine.map().claim_locked() } else { None };
    slot.ok_or(AcquireError::Exhausted)
}

/// Under `Fairness::Bounded` a waiter that was woken to compete and finds a free slot has the queue served in order, so
/// that it cannot overtake the waiters before it. Under `Fairness::Fifo` the release has served the queue already. A
/// callback is called when it has its slot, and then callbacks behind it must not be called before the waiters in
/// between.
fn look_in_order<'a>(engine: Engine<'a>, waiter: Pin<&Waiter>, waker: &Waker, batch: &mut WakeBatch<'a>) -> bool {
    // Cloning a waker is user code, and so is dropping one. Both are done without the lock.
    let (mut fresh, mut known) = (Some(waker.clone()), None);
    engine.hold(|locked| {
        if !waiter.is_queued() {
            return false;
        }
        // SAFETY: it is in the queue, the lock is held, and no other reference to the node is in use (I4).
        known = unsafe { waiter.node() }.waker.take();
        if !engine.state().is_fifo() && waiter.kind.competes_when_woken() && engine.may_grant() {
            engine.grant_free(locked, batch);
        }
        let is_queued = waiter.is_queued();
        if is_queued {
            // SAFETY: as above; `grant_free` keeps no reference.
            swap(&mut unsafe { waiter.node() }.waker, &mut fresh);
        }
        if batch.has_room() {
            engine.settle_and_unlock(locked, batch);
        } else {
            batch.go_on();
        }
        is_queued
    })
}

/// In a pool under `Fairness::Fifo` that is never resized, suspended or closed.
#[cfg(not(feature = "managed"))]
fn look_only<'a>(engine: Engine<'a>, waiter: Pin<&Waiter>, waker: &Waker, _: &mut WakeBatch<'a>) -> bool {
    // As in `look_in_order`.
    let mut fresh = Some(waker.clone());
    engine.hold(|_| {
        let is_queued = waiter.is_queued();
        if is_queued {
            // SAFETY: it is in the queue, the lock is held, and no other reference to the node is in use (I4).
            swap(&mut unsafe { waiter.node() }.waker, &mut fresh);
        }
        is_queued
    })
}

/// Settles whatever there is: dismisses the waiters of a closed pool, goes on with a resize, grants free slots to
/// waiters, and opens the fast path if nothing keeps it closed.
fn settle_all<'a>(engine: Engine<'a>, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
    let state = engine.state();
    if state.is_closed() {
        return engine.dismiss(locked, batch);
    }
    if (locked.resize.is_some() || state.surplus.get() > 0) && engine.go_on_resizing(locked, batch) && SHORT_HOLDS {
        return batch.go_on();
    }
    engine.dismiss_due(locked, batch);
    if engine.connects() && !batch.has_room() {
        // Those that were dismissed are woken first: a waiter that is granted a slot has to be woken too.
        return batch.go_on();
    }
    if state.is_suspended() || state.surplus.get() > 0 {
        return;
    }
    let was_empty = locked.queue.is_empty();
    if let Some(limit) = state.overtake_limit() {
        engine.call_to_compete(locked, batch, limit);
    } else {
        engine.grant_free(locked, batch);
    }
    if locked.resize.is_none() {
        engine.open_if_unused(locked, was_empty, batch);
    }
}

/// Settles what there is in a pool under `Fairness::Fifo` that is never resized, suspended or closed.
#[cfg(not(feature = "managed"))]
fn settle_waiters<'a>(engine: Engine<'a>, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
    let was_empty = locked.queue.is_empty();
    engine.grant_free(locked, batch);
    engine.open_if_unused(locked, was_empty, batch);
}
