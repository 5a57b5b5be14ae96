// knows: engine, sync · must not know: connections, how a thread sleeps
//! Waiting for the last connection of a closed pool.

use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::engine::{Engine, Waiter, WaiterKind};
use crate::sync::{const_fn, process};

/// Waits until every connection of a closed pool was released and dropped: from
/// [`Pool::drain_async`](crate::Pool::drain_async).
///
/// # Cancel safety
///
/// It may be dropped at any moment; the pool stays closed.
#[must_use = "a future does nothing until it is polled"]
pub struct Drain<'a> {
    engine: Engine<'a>,
    waiter: Waiter,
    is_queued: Cell<bool>,
    /// The only process in which it waits, or 0. In a fork's child of it, it is over: a lock may be locked for ever.
    process: usize,
}

impl<'a> Drain<'a> {
    const_fn! {
        pub(crate) const fn new(engine: Engine<'a>) -> Self {
            Self { engine, waiter: Waiter::new(WaiterKind::Drainer), is_queued: Cell::new(false), process: 0 }
        }
    }

    /// As [`new`](Self::new), for a pool that is that process's alone; 0: it is nobody's yet.
    #[allow(dead_code, reason = "a plain pool is the child's too")]
    pub(crate) fn in_process(engine: Engine<'a>, process: usize) -> Self {
        let mut drain = Self::new(engine);
        drain.process = process;
        drain
    }

    fn is_forked(&self) -> bool {
        self.process != 0 && self.process != process()
    }

    pub(crate) fn poll_drained(self: Pin<&Self>, waker: &Waker) -> Poll<()> {
        if self.is_forked() {
            return Poll::Ready(());
        }
        // SAFETY: the waiter is pinned with the whole: nothing moves it out, and `drop` does not either.
        let waiter = unsafe { self.map_unchecked(|this| &this.waiter) };
        let is_drained = if self.is_queued.get() {
            self.engine.check_drainer(waiter, waker)
        } else {
            // SAFETY: it is in no queue, it is pinned, and `drop` leaves the queue before it goes (I4).
            unsafe { self.engine.join_drainers(waiter, waker.clone()) }
        };
        self.is_queued.set(!is_drained);
        if is_drained { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Future for Drain<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.into_ref().poll_drained(context.waker())
    }
}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        if self.is_queued.get() && !self.is_forked() {
            // SAFETY: a queued waiter is pinned since it joined (I4), and not moved before it is dropped.
            self.engine.leave_drainers(unsafe { Pin::new_unchecked(&self.waiter) });
        }
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("in_use", &self.engine.in_use()).finish_non_exhaustive()
    }
}
