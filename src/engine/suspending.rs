// knows: slow_path, state, wake_batch, sync · must not know: the policies
//! Suspending the pool, and being seen by those who claim.

use super::slow_path::SlowPath;
use super::state::Engine;
use super::wake_batch::WakeBatch;
use crate::sync::Relaxed;

impl<'a> Engine<'a> {
    /// From now on no slot is granted, until [`resume`](Self::resume); callers wait.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool, and settles whatever there is.
    pub(crate) unsafe fn suspend(self, slow_path: &'static SlowPath) {
        self.hold(|locked| {
            // SAFETY: as the caller promises.
            unsafe { self.settle_all_from_now_on(locked, slow_path) };
            self.state().suspended.store(true, Relaxed);
        });
    }

    /// Grants slots again, to the waiters first.
    pub(crate) fn resume(self) -> WakeBatch<'a> {
        self.locked(|_, _| self.state().suspended.store(false, Relaxed)).1
    }

    /// Takes the lock and releases it: the caller sees everything that was done under the lock before, and later
    /// holders of the lock see what the caller did.
    pub(crate) fn synchronize(self) {
        self.hold(|_| ());
    }

    /// A claim that comes later sees what the caller did before; of one that came earlier the caller sees that the slot
    /// is not idle.
    pub(crate) fn publish_to_claims(self) {
        self.map().publish();
    }
}
