//! Layer 2 · part of the engine · knows: line, bitmap · must not know: the policies
//!
//! Suspending the pool, closing it, and waiting until everything has come back.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::Waker;

use super::{Aftermath, Core, Emptied, Shared};
use crate::line::{self, Kind, Stage, Waiter};
use crate::sync::Relaxed;

impl<'a> Core<'a> {
    /// Closes the pool: nobody gets a connection from now on, and all who wait are sent away.
    pub(crate) fn close(self) -> Aftermath<'a> {
        self.locked(|shared, _| {
            self.attend(shared);
            self.engine.closed.store(true, Relaxed);
        })
        .1
    }

    /// From now on nothing is lent, until [`resume`](Self::resume); who comes waits in line.
    pub(crate) fn suspend(self) {
        self.engine.lock.with(|shared| {
            self.attend(shared);
            self.engine.suspended.store(true, Relaxed);
        });
    }

    /// Lends again, to those in line first.
    pub(crate) fn resume(self) -> Aftermath<'a> {
        self.locked(|_, _| self.engine.suspended.store(false, Relaxed)).1
    }

    /// Whatever anybody did under the lock before, the caller sees from now on; and whoever takes it later sees what the caller did.
    pub(crate) fn synchronize(self) {
        self.engine.lock.with(|_| ());
    }

    /// Claims a connection of a closed pool that nobody holds, for the caller to drop.
    pub(crate) fn claim_closed(self) -> Option<(usize, Emptied)> {
        debug_assert!(self.engine.is_closed());
        self.engine.lock.with(|shared| match self.map.claim_attended() {
            Some(slot) => Some((slot, Emptied::Closed)),
            None => self.claim_set_aside(shared).map(|slot| (slot, Emptied::SetAside)),
        })
    }

    /// Waits for the last connection of a closed pool to come back: `true` if that has happened, else the waiter is
    /// queued.
    ///
    /// # Safety
    ///
    /// As for [`join`](Self::join).
    pub(crate) unsafe fn join_drainers(self, waiter: Pin<&Waiter>, waker: Waker) -> bool {
        let mut waker = Some(waker);
        self.engine.lock.with(|shared| {
            if self.is_drained(shared) {
                return true;
            }
            // SAFETY: the lock is held (I4), and the node is in no line.
            unsafe { waiter.node() }.waker = waker.take();
            // SAFETY: the lock is held (I4), and the caller promises the rest.
            unsafe { shared.line.push(NonNull::from(waiter.get_ref())) };
            false
        })
    }

    /// As [`check`](Self::check), for one who waits for the drain.
    pub(crate) fn check_drainer(self, waiter: Pin<&Waiter>, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.engine.lock.with(|_| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.stage == Stage::Queued {
                core::mem::swap(&mut node.waker, &mut waker);
                return false;
            }
            node.stage = Stage::Outside;
            true
        })
    }

    /// As [`leave`](Self::leave), for one who waits for the drain.
    pub(crate) fn leave_drainers(self, waiter: Pin<&Waiter>) {
        let mut waker = None;
        self.engine.lock.with(|shared| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.stage == Stage::Queued {
                waker = node.waker.take();
                // SAFETY: it is in the line, and the lock is held (I4).
                unsafe { shared.line.remove(NonNull::from(waiter.get_ref()), Stage::Outside) };
            }
        });
    }

    /// Sends everybody in line away, and the drainers at its end once everything has come back.
    pub(super) fn dismiss(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        while let Some(waiter) = shared.line.head()
            && !aftermath.is_full()
        {
            // SAFETY: it is in the line, whose lock is held, and no other reference to its node is in use (I4).
            let node = unsafe { line::node(waiter) };
            let drains = node.kind == Kind::Drainer;
            if drains && !self.is_drained(shared) {
                return;
            }
            aftermath.wake(node.waker.take());
            // A callback waits until it was told: it may be called later, and the pool must not be ended before.
            if drains || node.kind.is_callback() {
                // SAFETY: it is in the line, and the lock is held (I4).
                unsafe { shared.line.remove(waiter, Stage::Dismissed) };
            } else {
                // SAFETY: it is in the line, and the lock is held (I4).
                unsafe { self.unlink(shared, waiter, Stage::Dismissed) };
            }
        }
    }

    /// Whether a closed pool has no connection left anywhere.
    fn is_drained(self, shared: &Shared) -> bool {
        let engine = self.engine;
        engine.is_closed()
            && engine.max_size.get() + engine.surplus.get() == engine.vacant.get()
            && shared.shedding == 0
            && shared.set_aside == 0
    }
}
