// knows: shared · must not know: managers, slots, what the future does
//! A pool's future in the process that made it: a fork's child has a copy, which it neither runs nor drops.

use core::future::Future;
use core::mem::ManuallyDrop;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::shared::Shared;

/// In a fork's child it ends with nothing done, and what it owns is lost: a lock may be locked for ever there.
pub(super) struct OwnProcess<'a, F> {
    shared: &'a Shared,
    future: ManuallyDrop<F>,
}

impl<'a, F> OwnProcess<'a, F> {
    pub(super) const fn new(shared: &'a Shared, future: F) -> Self {
        Self { shared, future: ManuallyDrop::new(future) }
    }
}

impl<F: Future<Output: Default>> Future for OwnProcess<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.shared.is_forked() {
            return Poll::Ready(F::Output::default());
        }
        // SAFETY: the future is pinned with the whole: nothing moves it out, and it is dropped in its place.
        unsafe { self.map_unchecked_mut(|this| &mut *this.future) }.poll(context)
    }
}

impl<F> Drop for OwnProcess<'_, F> {
    fn drop(&mut self) {
        if !self.shared.is_forked() {
            // SAFETY: `self` is being dropped: the future is never used or dropped again.
            unsafe { ManuallyDrop::drop(&mut self.future) };
        }
    }
}
