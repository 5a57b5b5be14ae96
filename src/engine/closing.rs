// knows: capacity, slow_path, state, wait_queue, wake_batch, sync · must not know: the policies
//! Suspending the pool, closing it, and waiting until it is drained.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::Waker;

use super::capacity::VacateReason;
use super::slow_path::ToVacate;
use super::state::{Engine, Locked};
use super::wait_queue::{self, Waiter, WaiterKind, WaiterState};
use super::wake_batch::WakeBatch;
use crate::sync::Relaxed;

impl<'a> Engine<'a> {
    /// Closes the pool: from now on no caller gets a slot, and all waiters are dismissed.
    pub(crate) fn close(self) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            self.close_fast_path(locked);
            self.state.closed.store(true, Relaxed);
        })
        .1
    }

    /// From now on no slot is granted, until [`resume`](Self::resume); callers wait.
    pub(crate) fn suspend(self) {
        self.state.lock.with(|locked| {
            self.close_fast_path(locked);
            self.state.suspended.store(true, Relaxed);
        });
    }

    /// Grants slots again, to the waiters first.
    pub(crate) fn resume(self) -> WakeBatch<'a> {
        self.locked(|_, _| self.state.suspended.store(false, Relaxed)).1
    }

    /// Takes the lock and releases it: the caller sees everything that was done under the lock before, and later
    /// holders of the lock see what the caller did.
    pub(crate) fn synchronize(self) {
        self.state.lock.with(|_| ());
    }

    /// A claim that comes later sees what the caller did before; of one that came earlier the caller sees that the slot
    /// is not idle.
    pub(crate) fn publish_to_claims(self) {
        self.map.publish();
    }

    /// Claims a slot of a closed pool that is idle or set aside, for the caller to vacate.
    pub(crate) fn claim_closed(self) -> Option<ToVacate> {
        debug_assert!(self.is_closed());
        self.state.lock.with(|locked| match self.map.claim_locked() {
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
        self.state.lock.with(|locked| {
            if self.is_drained(locked) {
                return true;
            }
            // SAFETY: the lock is held (I4), and the node is in no queue.
            unsafe { waiter.node() }.waker = waker.take();
            // SAFETY: the lock is held (I4), and the caller promises the rest.
            unsafe { locked.queue.push(NonNull::from(waiter.get_ref())) };
            false
        })
    }

    /// As [`check`](Self::check), for a drainer.
    pub(crate) fn check_drainer(self, waiter: Pin<&Waiter>, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.state.lock.with(|_| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.state == WaiterState::Queued {
                core::mem::swap(&mut node.waker, &mut waker);
                return false;
            }
            node.state = WaiterState::Outside;
            true
        })
    }

    /// As [`leave`](Self::leave), for a drainer.
    pub(crate) fn leave_drainers(self, waiter: Pin<&Waiter>) {
        let mut waker = None;
        self.state.lock.with(|locked| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.state == WaiterState::Queued {
                waker = node.waker.take();
                // SAFETY: it is in the queue, and the lock is held (I4).
                unsafe { locked.queue.remove(NonNull::from(waiter.get_ref()), WaiterState::Outside) };
            }
        });
    }

    /// Dismisses all waiters of a closed pool, and the drainers at the end of the queue once the pool is drained.
    pub(super) fn dismiss(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        while let Some(waiter) = locked.queue.head()
            && !batch.is_full()
        {
            // SAFETY: it is in the queue, whose lock is held, and no other reference to its node is in use (I4).
            let node = unsafe { wait_queue::node(waiter) };
            let is_drainer = node.kind == WaiterKind::Drainer;
            if is_drainer && !self.is_drained(locked) {
                return;
            }
            batch.wake(node.waker.take());
            // A callback counts as waiting until it was called, which may be later: the pool must not be ended before
            // that.
            if is_drainer || node.kind.is_callback() {
                // SAFETY: it is in the queue, and the lock is held (I4).
                unsafe { locked.queue.remove(waiter, WaiterState::Dismissed) };
            } else {
                // SAFETY: it is in the queue, and the lock is held (I4).
                unsafe { self.unlink(locked, waiter, WaiterState::Dismissed) };
            }
        }
    }

    /// Whether a closed pool has no connection left.
    fn is_drained(self, locked: &Locked) -> bool {
        let state = self.state;
        self.is_closed()
            && state.max_size.get() + state.surplus.get() == state.vacant.get()
            && locked.dropping_surplus == 0
            && locked.set_aside == 0
    }
}
