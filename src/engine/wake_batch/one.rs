// knows: nothing · must not know: why a waiter is woken
//! Room for one waker: where a hold of the lock masks interrupts, it is to be short.

use core::mem::ManuallyDrop;
use core::task::Waker;

/// The batch empties it before it is dropped.
pub(super) struct Wakers(ManuallyDrop<Option<Waker>>);

impl Wakers {
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(ManuallyDrop::new(None))
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(super) fn push(&mut self, waker: Waker) {
        debug_assert!(self.0.is_none(), "the batch was full");
        *self.0 = Some(waker);
    }

    pub(super) fn pop(&mut self) -> Option<Waker> {
        self.0.take()
    }
}
