// knows: state, sync · must not know: why a waiter is woken
//! The wakers to call after unlocking.

use core::task::Waker;

use heapless::Deque;

use super::state::Engine;
use crate::sync::run_to_end;

/// The most wakers that are collected in one hold of the lock. If more waiters are due, further holds follow.
const BATCH: usize = 8;

/// Wakers to call after unlocking. If the batch was full, the queue is served again for the rest. All of it happens on
/// drop, even if a waker panics.
#[must_use = "waiters are woken when it is dropped"]
pub(crate) struct WakeBatch<'a> {
    engine: Engine<'a>,
    wakers: Deque<Waker, BATCH>,
    /// A waker that was not needed. It is dropped after unlocking too, since its destructor is user code.
    pub(super) leftover: Option<Waker>,
    /// The batch was full, so another waiter may still be due.
    more: bool,
}

impl<'a> WakeBatch<'a> {
    pub(super) const fn new(engine: Engine<'a>) -> Self {
        Self { engine, wakers: Deque::new(), leftover: None, more: false }
    }

    /// Whether this hold of the lock may wake no more waiters. If so, another hold follows.
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
