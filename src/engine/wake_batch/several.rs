// knows: nothing · must not know: why a waiter is woken
//! Room for several wakers. A waker is user code and may take its time, so where threads wait, several waiters are
//! served before one is called.

use core::task::Waker;

use heapless::Deque;

/// The most wakers that are collected in one hold of the lock.
const MOST: usize = 8;

pub(super) struct Wakers(Deque<Waker, MOST>);

impl Wakers {
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(Deque::new())
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.0.is_full()
    }

    #[inline]
    pub(super) fn push(&mut self, waker: Waker) {
        let pushed = self.0.push_back(waker);
        debug_assert!(pushed.is_ok(), "the batch was full");
    }

    pub(super) fn pop(&mut self) -> Option<Waker> {
        self.0.pop_front()
    }
}
