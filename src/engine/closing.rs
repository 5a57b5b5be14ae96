// knows: capacity, slow_path, state, wait_queue, wake_batch, sync · must not know: the policies
//! Closing the pool, and waiting until it is drained.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::Waker;

use super::capacity::VacateReason;
use super::slow_path::{SlowPath, ToVacate};
use super::state::{Engine, Locked};
use super::wait_queue::{Call, Outcome, Waiter, WaiterKind};
use super::wake_batch::WakeBatch;
use crate::sync::Relaxed;

impl<'a> Engine<'a> {
    /// Closes the pool: from now on no caller gets a slot, and all waiters are dismissed.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool, and settles whatever there is.
    pub(crate) unsafe fn close(self, slow_path: &'static SlowPath) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            // SAFETY: as the caller promises.
            unsafe { self.settle_all_from_now_on(locked, slow_path) };
            self.state().closed.store(true, Relaxed);
        })
        .1
    }

    /// Claims a slot of a closed pool that is idle or set aside, for the caller to vacate.
    pub(crate) fn claim_closed(self) -> Option<ToVacate> {
        debug_assert!(self.is_closed());
        self.hold(|locked| match self.map().claim_locked() {
            Some(slot) => Some((slot, VacateReason::Closed)),
            None => self.claim_set_aside(locked).map(|slot| (slot, VacateReason::Surplus)),
        })
    }

    /// Waits until a closed pool is drained: `true` if it is, else the waiter is queued.
    ///
    /// # Safety
    ///
    /// As for [`join`](Self::join).
    pub(crate) unsafe fn join_drainers(self, waiter: Pin<&Waiter>, waker: Waker) -> bool {
        let mut waker = Some(waker);
        self.hold(|locked| {
            if self.is_drained(locked) {
                return true;
            }
            let call = Call::of_drainer(waker.take());
            // SAFETY: the lock is held (I4), and the caller promises the rest.
            unsafe { locked.queue.push(NonNull::from(waiter.get_ref()), call) };
            false
        })
    }

    /// As [`check`](Self::check), for a drainer.
    pub(crate) fn check_drainer(self, waiter: Pin<&Waiter>, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.hold(|_| {
            let is_queued = waiter.is_queued();
            if is_queued {
                // SAFETY: it is in the queue, the lock is held, and no other reference to the node is alive (I4).
                core::mem::swap(&mut unsafe { waiter.node() }.waker, &mut waker);
            }
            !is_queued
        })
    }

    /// As [`leave`](Self::leave), for a drainer.
    pub(crate) fn leave_drainers(self, waiter: Pin<&Waiter>) {
        let mut waker = None;
        self.hold(|locked| {
            if waiter.is_queued() {
                // SAFETY: it is in the queue, the lock is held, and no other reference to the node is alive (I4).
                waker = unsafe { waiter.node() }.waker.take();
                // SAFETY: it is in the queue, and the lock is held (I4).
                unsafe { locked.queue.remove(NonNull::from(waiter.get_ref())) };
            }
        });
    }

    /// Dismisses all waiters of a closed pool, and the drainers at the end of the queue once the pool is drained.
    pub(super) fn dismiss(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        while let Some(waiter) = locked.queue.head()
            && !batch.is_full()
        {
            // SAFETY: a queued waiter is alive (I4), and its kind never changes.
            let kind = unsafe { waiter.as_ref() }.kind;
            if kind == WaiterKind::Drainer && !self.is_drained(locked) {
                return;
            }
            // SAFETY: it is in the queue, and the lock is held (I4).
            unsafe { self.dismiss_one(locked, waiter, batch) };
        }
    }

    /// Ends a wait without a slot.
    ///
    /// # Safety
    ///
    /// The lock is held and the waiter is in the queue.
    pub(super) unsafe fn dismiss_one(self, locked: &mut Locked, waiter: NonNull<Waiter>, batch: &mut WakeBatch<'a>) {
        // SAFETY: a queued waiter is alive (I4), and its kind never changes.
        let kind = unsafe { waiter.as_ref() }.kind;
        // A callback counts as waiting until it was called, which may be later: the pool must not be ended before that.
        // A drainer never counts.
        if kind.is_callback() || kind == WaiterKind::Drainer {
            self.state().waiting.add(1);
        }
        if kind.is_callback() {
            locked.demand.add_dismissed();
        }
        // SAFETY: as the caller promises.
        unsafe { self.end_wait(locked, waiter, Outcome::Dismissed, batch) };
    }

    /// Whether a closed pool has no connection left, and calls its connector no more.
    fn is_drained(self, locked: &Locked) -> bool {
        let state = self.state();
        self.is_closed()
            && self.max_size() + state.surplus.get() == self.vacant()
            && locked.dropping_surplus == 0
            && locked.set_aside == 0
            && !locked.demand.has_calls()
    }
}
