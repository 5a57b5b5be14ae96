// knows: slow_path, state, token, wait_queue, wake_batch, ticket · must not know: who is granted what
//! Joining the wait queue, looking, and leaving it.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Poll, Waker};

use super::slow_path::SlowPath;
use super::state::{AcquireError, Engine, Locked};
use super::ticket::Position;
use super::token::SlotToken;
use super::wait_queue::{self, Call, Outcome, Waiter, WaiterKind};
use super::wake_batch::WakeBatch;

/// What came of joining the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// A slot was free after all; it is the caller's.
    Granted(SlotToken),
    Queued,
    Closed,
    /// As many callers wait as `max_waiting` allows.
    QueueFull,
    /// It was cancelled while it was not queued, so it must not join again.
    #[cfg(any(feature = "ffi", test))]
    CancelledLate,
}

/// How a wait has ended that a waiter ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The slot is the caller's.
    Granted(SlotToken),
    Dismissed,
    /// It was still queued.
    Unserved,
}

/// Why a waiter leaves the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    TimedOut,
    /// Its future was dropped.
    Cancelled,
    /// Its pause is over; or its future was dropped, and the pool counts that itself.
    Uncounted,
}

impl<'a> Engine<'a> {
    /// For what is left to do after unlocking.
    #[inline(always)]
    pub(crate) const fn batch(self) -> WakeBatch<'a> {
        WakeBatch::new(self)
    }

    /// Takes a free slot, or joins the queue. The waker is left where it is if it is not needed: its destructor is user
    /// code.
    ///
    /// # Safety
    ///
    /// The waiter is in no queue. If it is queued, it stays alive until [`check`](Self::check) has answered `Ready` or
    /// [`leave`](Self::leave) has returned. `slow_path` is that of this pool.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn join(
        self,
        waiter: Pin<&Waiter>,
        waker: &mut Option<Waker>,
        position: Position,
        slow_path: &'static SlowPath,
        batch: &mut WakeBatch<'a>,
    ) -> Joined {
        waiter.set_since(self.state().wait_times.start());
        let section = |locked: &mut Locked| {
            #[cfg(any(feature = "ffi", test))]
            if waiter.cancelled_late.get() {
                return Joined::CancelledLate;
            }
            if position == Position::Last {
                // Even if it need not wait: what it gets may be unfit, and other callers may arrive until that is
                // known.
                waiter.set_number(locked.demand.next_number());
            }
            match self.admit(locked, position) {
                Ok(slot) => Joined::Granted(slot),
                Err(AcquireError::Closed) => Joined::Closed,
                // A caller that keeps its place is not refused: it was admitted before.
                Err(_) if position == Position::Last && self.is_queue_full() => Joined::QueueFull,
                Err(_) => {
                    // SAFETY: the lock is held (I4), and the caller promises the rest.
                    unsafe { self.enqueue(locked, waiter, waker, position) };
                    Joined::Queued
                }
            }
        };
        // SAFETY: as the caller promises.
        unsafe { self.with_fast_path_closed(slow_path, batch, section) }
    }

    /// How a wait has ended, if it has: without the lock, and once.
    #[inline]
    pub(crate) fn outcome(self, waiter: Pin<&Waiter>) -> Option<Outcome> {
        let outcome = waiter.take_outcome()?;
        match outcome {
            Outcome::Granted(_) => self.record_wait(waiter, true),
            Outcome::Dismissed => self.count_dismissed(waiter),
        }
        Some(outcome)
    }

    /// Looks at how a waiter stands. `Ready` is the end of its wait, as in [`outcome`](Self::outcome). Otherwise
    /// `waker` is the one to be called.
    #[cold]
    #[inline(never)]
    pub(crate) fn check(
        self,
        waiter: Pin<&Waiter>,
        waker: &Waker,
        batch: &mut WakeBatch<'a>,
    ) -> Poll<Option<SlotToken>> {
        while self.look(waiter, waker, batch) {
            if !batch.goes_on() {
                return Poll::Pending;
            }
            // Others were served first, and there is more: perhaps for this one.
            batch.finish();
        }
        Poll::Ready(self.outcome(waiter).and_then(Outcome::into_slot))
    }

    /// Ends a wait early, and answers how it has ended. A slot that had been granted is not lost: it is the caller's.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(self, waiter: Pin<&Waiter>, reason: LeaveReason, batch: &mut WakeBatch<'a>) -> Left {
        let mut waker = None;
        let was_queued = self.hold(|locked| {
            let was_queued = waiter.is_queued();
            if reason == LeaveReason::Cancelled {
                self.state().counters.cancelled.add(1);
            }
            if was_queued {
                // SAFETY: it is in the queue, and the lock is held (I4).
                waker = unsafe { self.step_out(locked, waiter) };
                if reason == LeaveReason::TimedOut {
                    self.state().counters.timed_out.add(1);
                }
                self.settle_and_unlock(locked, batch);
            }
            was_queued
        });
        drop(waker);
        if was_queued {
            self.record_wait(waiter, false);
            return Left::Unserved;
        }
        self.outcome(waiter).and_then(Outcome::into_slot).map_or(Left::Dismissed, Left::Granted)
    }

    /// Why a waiter has left the queue without a slot.
    pub(crate) fn why_dismissed(self) -> AcquireError {
        if self.is_closed() { AcquireError::Closed } else { AcquireError::Dismissed }
    }

    /// Takes a waiter out of the queue if it is still in it; if not, it cannot join again.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) fn withdraw(self, waiter: Pin<&Waiter>) -> bool {
        let mut waker = None;
        let (was_queued, batch) = self.locked(|locked, _| {
            let is_queued = waiter.is_queued();
            waiter.cancelled_late.set(!is_queued);
            if is_queued {
                // SAFETY: it is in the queue, and the lock is held (I4).
                waker = unsafe { self.step_out(locked, waiter) };
            }
            is_queued
        });
        drop(batch);
        was_queued
    }

    /// Counts a caller whose deadline passed before it could join the queue.
    #[cfg(feature = "statistics")]
    pub(crate) fn count_timeout(self) {
        self.hold(|_| self.state().counters.timed_out.add(1));
    }

    /// Counts a caller of a managed pool that gave up.
    #[cfg(feature = "managed")]
    pub(crate) fn count_cancelled(self) {
        self.hold(|_| self.state().counters.cancelled.add(1));
    }

    /// # Safety
    ///
    /// The lock is held, the waiter is in no queue, and it stays alive until it has left this one.
    unsafe fn enqueue(self, locked: &mut Locked, waiter: Pin<&Waiter>, waker: &mut Option<Waker>, position: Position) {
        let state = self.state();
        let is_last = position == Position::Last;
        let joined_at = match locked.queue.head() {
            // Counted as overtaken as often as the head, so that no waiter counts as overtaken less often than those
            // behind it.
            // SAFETY: a queued waiter is alive, the lock is held, and it is another node than this one (I4).
            Some(head) if !is_last => unsafe { wait_queue::node(head) }.joined_at,
            _ => state.overtakes.get(),
        };
        let call = Call {
            waker: waker.take(),
            #[cfg(feature = "managed")]
            is_pausing: position.is_pausing() || state.connects.spares_callbacks && waiter.kind.is_callback(),
            joined_at,
        };
        if waiter.kind == WaiterKind::Thread {
            state.threads.add(1);
        }
        let waiter = NonNull::from(waiter.get_ref());
        if is_last {
            // SAFETY: as the caller promises.
            unsafe { locked.queue.push(waiter, call) };
        } else {
            // SAFETY: as the caller promises.
            unsafe { locked.queue.push_by_number(waiter, call) };
        }
        state.waiting.add(1);
        self.count_wait(position);
    }

    /// Takes a waiter out of the queue whose wait ends early. Its waker has to be dropped after unlocking.
    ///
    /// # Safety
    ///
    /// The lock is held and the waiter is in the queue.
    unsafe fn step_out(self, locked: &mut Locked, waiter: Pin<&Waiter>) -> Option<Waker> {
        // SAFETY: the lock is held and no other reference to the node is alive (I4).
        let waker = unsafe { waiter.node() }.waker.take();
        // SAFETY: as the caller promises.
        unsafe { self.unlink(locked, NonNull::from(waiter.get_ref())) };
        waker
    }

    /// # Safety
    ///
    /// The lock is held and the waiter is in the queue.
    pub(super) unsafe fn unlink(self, locked: &mut Locked, waiter: NonNull<Waiter>) {
        self.state().waiting.sub(1);
        // SAFETY: a queued waiter is alive (I4), and its kind never changes.
        if unsafe { waiter.as_ref() }.kind == WaiterKind::Thread {
            self.state().threads.sub(1);
        }
        // SAFETY: as the caller promises.
        unsafe { locked.queue.remove(waiter) };
    }

    /// A dismissed callback counts as waiting until it is called: see `dismiss`.
    fn count_dismissed(self, waiter: Pin<&Waiter>) {
        if waiter.kind.is_callback() {
            self.hold(|locked| {
                self.state().waiting.sub(1);
                locked.demand.remove_dismissed();
            });
        }
    }

    #[inline]
    fn record_wait(self, waiter: Pin<&Waiter>, is_served: bool) {
        if let Some(since) = waiter.take_since() {
            self.state().wait_times.record(&since, is_served);
        }
    }
}
