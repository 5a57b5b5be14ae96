//! Layer 4 · knows: engine · must not know: connections, how a thread sleeps
//!
//! Waiting for the last connection of a closed pool to come back.

use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::engine::Core;
use crate::line::{Kind, Waiter};

/// Waits until every connection of a closed pool has come back and was dropped: from
/// [`Pool::drain_async`](crate::Pool::drain_async).
///
/// # Cancel safety
///
/// It may be dropped at any moment; the pool stays closed.
#[must_use = "a future does nothing until it is polled"]
pub struct DrainAsync<'a> {
    core: Core<'a>,
    waiter: Waiter,
    in_line: Cell<bool>,
}

impl<'a> DrainAsync<'a> {
    pub(crate) const fn new(core: Core<'a>) -> Self {
        Self { core, waiter: Waiter::new(Kind::Drainer), in_line: Cell::new(false) }
    }

    pub(crate) fn poll_drained(self: Pin<&Self>, waker: &Waker) -> Poll<()> {
        // SAFETY: the waiter is pinned with the whole: nothing moves it out, and `drop` does not either.
        let waiter = unsafe { self.map_unchecked(|this| &this.waiter) };
        let drained = if self.in_line.get() {
            self.core.check_drainer(waiter, waker)
        } else {
            // SAFETY: it is in no line, it is pinned, and `drop` leaves the line before it goes (I4).
            unsafe { self.core.join_drainers(waiter, waker.clone()) }
        };
        self.in_line.set(!drained);
        if drained { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Future for DrainAsync<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.into_ref().poll_drained(context.waker())
    }
}

impl Drop for DrainAsync<'_> {
    fn drop(&mut self) {
        if self.in_line.get() {
            // SAFETY: a waiter in the line is pinned since it joined (I4), and not moved before it is dropped.
            self.core.leave_drainers(unsafe { Pin::new_unchecked(&self.waiter) });
        }
    }
}

impl fmt::Debug for DrainAsync<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainAsync").field("in_use", &self.core.in_use()).finish_non_exhaustive()
    }
}
