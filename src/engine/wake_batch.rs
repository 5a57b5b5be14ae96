// knows: state, sync · must not know: why a waiter is woken
//! What is left to do after unlocking.

use core::task::Waker;

use heapless::Deque;

use super::state::Engine;
use crate::sync::run_to_end;

/// Wakers called per hold of the lock; a larger crowd is woken in several holds.
const BATCH: usize = 8;

/// Wakers to call after unlocking. If they were more than fit, the queue is served again for the rest. Done on drop,
/// whatever panics.
#[must_use = "waiters are woken when it is dropped"]
pub(crate) struct WakeBatch<'a> {
    engine: Engine<'a>,
    wakers: Deque<Waker, BATCH>,
    /// A waker that was not needed, to be dropped after unlocking: that is user code too.
    pub(super) leftover: Option<Waker>,
    /// The batch was full, so another waiter may still be due.
    more: bool,
}

impl<'a> WakeBatch<'a> {
    pub(super) const fn new(engine: Engine<'a>) -> Self {
        Self { engine, wakers: Deque::new(), leftover: None, more: false }
    }

    /// Whether this hold of the lock may wake no more waiters. To ask is to schedule another hold.
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
            let engine = self.engine;
            engine.state.lock.with(|locked| engine.settle_and_unlock(locked, self));
        }
        self.wakers.pop_front()
    }
}

impl Drop for WakeBatch<'_> {
    #[inline]
    fn drop(&mut self) {
        // The usual case. More than a batch is left only if the batch is full.
        if self.wakers.is_empty() {
            return;
        }
        run_to_end(|| self.next().map(Waker::wake).is_some());
    }
}
