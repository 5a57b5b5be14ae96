//! Layer 2 · part of the engine · knows: wakers · must not know: why they are called
//!
//! What is left to do when the lock has been released.

use core::task::Waker;

use heapless::Deque;

use super::Core;
use crate::sync::run_to_end;

/// Wakers called per hold of the lock; a larger crowd is woken in several goes.
const BATCH: usize = 8;

/// What is left to do when the lock has been released: calling wakers, and looking again if there were more of them
/// than fit into one batch. Done on drop, whatever panics.
#[must_use = "waiters are woken when it is dropped"]
pub(crate) struct Aftermath<'a> {
    core: Core<'a>,
    wakers: Deque<Waker, BATCH>,
    /// A waker that was not needed; to be dropped, which is user code too.
    pub(super) leftover: Option<Waker>,
    /// The batch was full, so somebody may still be waiting to be served.
    more: bool,
}

impl<'a> Aftermath<'a> {
    pub(super) const fn new(core: Core<'a>) -> Self {
        Self { core, wakers: Deque::new(), leftover: None, more: false }
    }

    /// Whether no more may be woken in this go; asking is what remembers to go on.
    pub(super) fn is_full(&mut self) -> bool {
        self.more |= self.wakers.is_full();
        self.wakers.is_full()
    }

    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            let pushed = self.wakers.push_back(waker);
            debug_assert!(pushed.is_ok(), "the batch was full");
        }
    }

    fn next(&mut self) -> Option<Waker> {
        while self.wakers.is_empty() && self.more {
            self.more = false;
            let core = self.core;
            core.engine.lock.with(|shared| core.settle_and_leave(shared, self));
        }
        self.wakers.pop_front()
    }
}

impl Drop for Aftermath<'_> {
    #[inline]
    fn drop(&mut self) {
        // Usual, and so there is no more to do either: that shows by a full batch only.
        if self.wakers.is_empty() {
            return;
        }
        run_to_end(|| self.next().map(Waker::wake).is_some());
    }
}
