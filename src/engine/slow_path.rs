// knows: bitmap, capacity, state, token, wake_batch, fairness · must not know: how a waiter joined, who is granted what
//! Claiming and releasing under the lock, and settling what a hold of the lock has changed.

use super::bitmap::ClaimError;
use super::capacity::VacateReason;
use super::state::{AcquireError, Engine, Locked};
use super::token::SlotToken;
use super::wake_batch::WakeBatch;
use crate::fairness::Fairness;

/// A slot that was to be released is free already.
#[cfg(any(feature = "ffi", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoubleRelease;

/// A slot whose connection has to be ended, and why.
pub(crate) type ToVacate = (SlotToken, VacateReason);

impl<'a> Engine<'a> {
    /// Claims a slot, or answers for certain that none is free for a newcomer: the slow half of `try_get`.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim_or_refuse(
        self,
        missed: ClaimError,
    ) -> (Result<SlotToken, AcquireError>, Option<WakeBatch<'a>>) {
        if missed == ClaimError::NoneSeen && self.map.has_one_word() && !self.state.connects() {
            // The only word was without a free slot: at that moment no slot was free.
            return (Err(AcquireError::Exhausted), None);
        }
        let is_queue_first = self.state.fairness == Fairness::Fifo && !self.state.connects();
        if is_queue_first && self.state.waiting.get() > 0 && !self.is_closed() {
            // Callers wait, and every slot that comes free is theirs. (In a pool that connects, a vacant slot may be a
            // newcomer's: pausing waiters leave it to others.)
            return (Err(AcquireError::Exhausted), None);
        }
        let (answer, batch) = self.locked(|locked, batch| {
            self.close_fast_path(locked);
            self.settle(locked, batch);
            self.claim_as_newcomer(locked).inspect_err(|_| self.ask_connector(locked))
        });
        (answer, Some(batch))
    }

    /// Slow half of release: a caller waits, or the pool is closed or shrinking. The slot is free already, so the next
    /// holder of the lock finds it. The caller gets a slot to vacate in a closed pool, and in a pool that connects and
    /// is above its maximum.
    #[must_use = "a slot that is returned has to be vacated"]
    pub(crate) fn release_slow(self) -> (Option<ToVacate>, WakeBatch<'a>) {
        self.locked(|locked, batch| self.claim_to_vacate(locked, batch))
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
            if self.map.is_free(slot) {
                return Err(DoubleRelease);
            }
            let slot = SlotToken::new(slot);
            if self.is_closed() {
                return Ok(Some((slot, VacateReason::Closed)));
            }
            let _slow = self.map.release(slot);
            Ok(self.claim_to_vacate(locked, batch))
        })
    }

    /// Whether no slot is in use, no caller waits, and no connection is being dropped.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) fn is_unused(self) -> bool {
        self.state.lock.with(|locked| {
            let is_waited_for = self.state.waiting.get() > 0 || !locked.queue.is_empty();
            self.in_use() == 0 && locked.dropping_surplus == 0 && !is_waited_for
        })
    }
}

/// Under the lock.
impl<'a> Engine<'a> {
    /// Runs `section` under the lock and settles what it changed. What is left to do after unlocking is done when the
    /// `WakeBatch` is dropped: by then the caller must have put a slot that it got where a panic does not lose it,
    /// because wakers may panic.
    pub(super) fn locked<R>(self, section: impl FnOnce(&mut Locked, &mut WakeBatch<'a>) -> R) -> (R, WakeBatch<'a>) {
        let mut batch = WakeBatch::new(self);
        let answer = self.state.lock.with(|locked| {
            let answer = section(locked, &mut batch);
            self.settle_and_unlock(locked, &mut batch);
            answer
        });
        (answer, batch)
    }

    /// Closes the fast path until the lock is released, and longer while there is a reason to.
    pub(super) fn close_fast_path(self, locked: &mut Locked) {
        if !locked.is_fast_path_closed {
            locked.is_fast_path_closed = true;
            self.map.close_fast_path();
        }
    }

    /// A slot to vacate, for a caller who has just released one. A pool that connects ends connections that are set
    /// aside; another pool keeps them.
    pub(super) fn claim_to_vacate(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) -> Option<ToVacate> {
        if self.is_closed() {
            return self.map.claim_locked().map(|slot| (slot, VacateReason::Closed));
        }
        if !self.state.connects() || self.state.surplus.get() == 0 && locked.set_aside == 0 {
            return None;
        }
        self.settle(locked, batch);
        self.claim_set_aside(locked).map(|slot| (slot, VacateReason::Surplus))
    }

    /// Restores the invariants after a change: grants free slots to waiters, retires surplus slots, dismisses the
    /// waiters of a closed pool.
    pub(super) fn settle(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        if self.is_closed() {
            self.dismiss(locked, batch);
            return;
        }
        self.retire_surplus(locked);
        self.dismiss_due(locked, batch);
        match self.state.fairness {
            Fairness::Fifo => self.grant_free(locked, batch),
            Fairness::Bounded(limit) => self.call_to_compete(locked, batch, limit),
        }
    }

    /// The last step before the lock is released (I6): settles, and opens the fast path if nothing keeps it closed.
    pub(super) fn settle_and_unlock(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        if !locked.is_fast_path_closed {
            self.call_connector(locked, batch);
            return;
        }
        self.settle(locked, batch);
        self.call_connector(locked, batch);
        let is_open = !self.is_closed() && !self.state.is_suspended();
        if is_open && locked.queue.is_empty() && self.state.surplus.get() == 0 {
            locked.is_fast_path_closed = false;
            self.map.open_fast_path();
        }
    }
}
