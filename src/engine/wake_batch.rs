// knows: state, sync · must not know: why a waiter is woken
//! What is left to do after unlocking.

use core::task::Waker;

use super::state::Engine;
use crate::sync::run_to_end;

#[cfg(feature = "std")]
#[path = "wake_batch/several.rs"]
mod wakers;
#[cfg(not(feature = "std"))]
#[path = "wake_batch/one.rs"]
mod wakers;

use wakers::Wakers;

/// Wakers to call after unlocking, and whether the queue is to be served again then. All of it happens on drop, even if
/// a waker panics.
///
/// It may be large, so who holds the lock often makes it in place and passes it on by reference.
#[must_use = "waiters are woken when it is dropped"]
pub(crate) struct WakeBatch<'a> {
    engine: Engine<'a>,
    /// If more waiters are due, further holds follow.
    wakers: Wakers,
    /// Another hold has to follow.
    more: bool,
}

impl<'a> WakeBatch<'a> {
    #[inline(always)]
    pub(super) const fn new(engine: Engine<'a>) -> Self {
        Self { engine, wakers: Wakers::new(), more: false }
    }

    /// Whether this hold of the lock can wake another waiter.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        !self.wakers.is_full()
    }

    /// Whether this hold of the lock may wake no more waiters, though one is due. If so, another hold follows.
    pub(super) fn is_full(&mut self) -> bool {
        self.more |= self.wakers.is_full();
        self.wakers.is_full()
    }

    /// Another hold of the lock follows: there is more to do than one should.
    pub(super) const fn go_on(&mut self) {
        self.more = true;
    }

    /// Whether another hold of the lock follows.
    pub(super) const fn goes_on(&self) -> bool {
        self.more
    }

    #[inline]
    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.wakers.push(waker);
        }
    }

    /// Holds the lock again until nothing more is to be done, or the batch is full, and calls the first waker, which
    /// may take its time. `false` if there is none.
    fn step(&mut self) -> bool {
        while self.more && self.has_room() {
            self.more = false;
            let engine = self.engine;
            engine.hold(|locked| engine.settle_and_unlock(locked, self));
        }
        self.wakers.pop().map(Waker::wake).is_some()
    }
}

impl WakeBatch<'_> {
    /// Does all of it now.
    #[inline]
    pub(crate) fn finish(&mut self) {
        if self.more || !self.wakers.is_empty() {
            run_to_end(|| self.step());
        }
    }
}

impl Drop for WakeBatch<'_> {
    #[inline]
    fn drop(&mut self) {
        self.finish();
    }
}
