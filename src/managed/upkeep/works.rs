// knows: sync · must not know: what the work is
//! Pieces of work that run side by side within one task.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

use crate::sync::survive;

/// Futures that are polled together, each in an allocation of its own; without the feature `alloc` one at a time. There
/// are no more than the pool has slots, since each has one.
pub(crate) struct Works<F> {
    /// A panic in one leaves the others alone.
    #[cfg(feature = "alloc")]
    survives: bool,
    #[cfg(feature = "alloc")]
    works: Vec<Pin<Box<F>>>,
    #[cfg(not(feature = "alloc"))]
    work: Option<F>,
}

#[cfg(feature = "alloc")]
impl<F: Future<Output = ()>> Works<F> {
    pub(crate) const fn new(survives: bool) -> Self {
        Self { survives, works: Vec::new() }
    }

    /// Whether there is room for another.
    #[expect(clippy::unused_self, reason = "the shape of the twin that has room for one")]
    pub(crate) const fn has_room(&self) -> bool {
        true
    }

    /// Adds a piece of work, which begins when it is polled.
    pub(crate) fn add(self: Pin<&mut Self>, work: F) {
        // The futures are pinned where they were allocated, so the list itself may be moved.
        self.get_mut().works.push(Box::pin(work));
    }

    /// Polls each, and drops those that have ended. Answers whether one has.
    pub(crate) fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool {
        let Self { survives, works } = self.get_mut();
        let before = works.len();
        works.retain_mut(|work| run_job(*survives, || work.as_mut().poll(context)) == Some(Poll::Pending));
        works.len() < before
    }
}

#[cfg(not(feature = "alloc"))]
impl<F: Future<Output = ()>> Works<F> {
    /// There is no other that a panic could end.
    pub(crate) const fn new(_survives: bool) -> Self {
        Self { work: None }
    }

    pub(crate) const fn has_room(&self) -> bool {
        self.work.is_none()
    }

    pub(crate) fn add(self: Pin<&mut Self>, work: F) {
        self.slot().set(Some(work));
    }

    pub(crate) fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> bool {
        let mut slot = self.slot();
        let has_ended = slot.as_mut().as_pin_mut().is_some_and(|work| work.poll(context) == Poll::Ready(()));
        if has_ended {
            slot.set(None);
        }
        has_ended
    }

    fn slot(self: Pin<&mut Self>) -> Pin<&mut Option<F>> {
        // SAFETY: the future is pinned with the whole: nothing moves it out.
        unsafe { self.map_unchecked_mut(|works| &mut works.work) }
    }
}

/// Runs a piece of work, or a part; `None` if it has panicked, and that is survived.
pub(super) fn run_job<T>(survives: bool, work: impl FnOnce() -> T) -> Option<T> {
    if survives { survive(work) } else { Some(work()) }
}
