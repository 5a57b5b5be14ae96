// knows: state, token, wait_queue, wake_batch, fairness, sync · must not know: who is granted what
//! Joining the wait queue, looking, and leaving it.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Poll, Waker};

use super::state::{AcquireError, Engine, Locked};
use super::token::SlotToken;
use super::wait_queue::{self, Node, TicketNumber, Waiter, WaiterKind, WaiterState};
use super::wake_batch::WakeBatch;
use crate::fairness::Fairness;
use crate::sync::Stamp;

/// A caller's place in the order of service, which it keeps from one wait to the next.
pub(crate) struct Ticket {
    pub(crate) number: TicketNumber,
    pub(crate) position: Position,
    /// It waits without a deadline, in a pool that may end its wait.
    pub(crate) waits_forever: bool,
}

impl Ticket {
    /// Of a caller that has not waited yet: behind all others.
    pub(crate) const NEW: Self = Self { number: None, position: Position::Last, waits_forever: false };
}

/// Which position in the queue a caller has a right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// The end.
    Last,
    /// Before all callers that arrived later: it was granted a slot, and the slot's connection was unfit.
    Again,
    /// As `Again`, for a connection only: its connect has failed, and it pauses before it connects again.
    Pausing,
}

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
    CancelledLate,
}

/// Why a waiter leaves the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaveReason {
    TimedOut,
    /// Its future was dropped, or its pause is over.
    Cancelled,
}

enum Seen {
    Granted(SlotToken),
    Dismissed,
    Queued,
    NeedsWaker,
}

impl<'a> Engine<'a> {
    /// Takes a free slot, or joins the queue.
    ///
    /// # Safety
    ///
    /// The waiter is in no queue. If it is queued, it stays alive until [`check`](Self::check) has answered `Ready` or
    /// [`leave`](Self::leave) has returned.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn join(self, waiter: Pin<&Waiter>, waker: Waker, position: Position) -> (Joined, WakeBatch<'a>) {
        let since = Stamp::now();
        // Kept outside the section, which must not drop it: a waker's destructor is user code.
        let mut waker = Some(waker);
        let (joined, mut batch) = self.locked(|locked, batch| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.cancelled_late {
                return Joined::CancelledLate;
            }
            if position == Position::Last {
                // Even if it need not wait: what it gets may be unfit, and other callers may arrive until that is
                // known.
                waiter.set_number(locked.queue.next_number());
            }
            self.close_fast_path(locked);
            self.settle(locked, batch);
            let claimed = match position {
                Position::Last => self.claim_as_newcomer(locked),
                Position::Again => self.claim_as_head(),
                Position::Pausing => self.claim_as_pausing(),
            };
            match claimed {
                Ok(slot) => Joined::Granted(slot),
                Err(AcquireError::Closed) => Joined::Closed,
                // A caller that keeps its place is not refused: it was admitted before.
                Err(_) if position == Position::Last && self.is_queue_full() => Joined::QueueFull,
                Err(_) => {
                    // SAFETY: the lock is held (I4), and the caller promises the rest.
                    unsafe { self.enqueue(locked, waiter, waker.take(), since, position) };
                    Joined::Queued
                }
            }
        });
        batch.leftover = waker;
        (joined, batch)
    }

    /// Looks at how a waiter stands. `Ready` is the end of its wait: with a slot, which is then the caller's, or
    /// without one, because the pool was closed. Otherwise `waker` is the one to be called.
    #[cold]
    #[inline(never)]
    pub(crate) fn check(self, waiter: Pin<&Waiter>, waker: &Waker) -> (Poll<Option<SlotToken>>, WakeBatch<'a>) {
        let mut fresh: Option<Waker> = None;
        loop {
            let mut batch = WakeBatch::new(self);
            let seen = self.state.lock.with(|locked| {
                // SAFETY: the lock is held and no other reference to the node is in use (I4).
                let node = unsafe { waiter.node() };
                let known = node.waker.take();
                // A waiter that was woken to compete and finds a free slot has the queue served in order, so that it
                // cannot overtake the waiters before it. Under Fifo the release has served the queue already. A
                // callback is called when it has its slot, and then callbacks behind it must not be called before the
                // waiters in between.
                let is_bounded = matches!(self.state.fairness, Fairness::Bounded(_));
                let competes = is_bounded && node.kind.competes_when_woken();
                if competes {
                    self.grant_free(locked, &mut batch);
                }
                // SAFETY: as above; `grant_free` keeps no reference.
                let seen = self.look(unsafe { waiter.node() }, known, waker, &mut fresh, &mut batch);
                if competes {
                    self.settle_and_unlock(locked, &mut batch);
                }
                seen
            });
            match seen {
                // Cloning a waker is user code: done here, without the lock. Until the next round registers it, the
                // waiter seems to have been woken. That is harmless, since the next round looks as a woken waiter
                // would.
                Seen::NeedsWaker => fresh = Some(waker.clone()),
                Seen::Granted(slot) => return (Poll::Ready(Some(slot)), batch),
                Seen::Dismissed => return (Poll::Ready(None), batch),
                Seen::Queued => return (Poll::Pending, batch),
            }
        }
    }

    /// Reads a node whose waker was taken out, and puts one back if the waiter is still queued: the known one if it
    /// would wake the same task as `waker`, else a fresh clone of `waker`. A waker that is not needed goes into the
    /// batch.
    fn look(
        self,
        node: &mut Node,
        known: Option<Waker>,
        waker: &Waker,
        fresh: &mut Option<Waker>,
        batch: &mut WakeBatch<'a>,
    ) -> Seen {
        batch.leftover = known;
        if node.state == WaiterState::Queued {
            let is_known = batch.leftover.as_ref().is_some_and(|known| known.will_wake(waker));
            node.waker = if is_known { batch.leftover.take() } else { fresh.take() };
            return if node.waker.is_some() { Seen::Queued } else { Seen::NeedsWaker };
        }
        self.end_wait(node).map_or(Seen::Dismissed, Seen::Granted)
    }

    /// Ends a wait early. A slot that had been granted is not lost: it is the caller's.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(
        self,
        waiter: Pin<&Waiter>,
        reason: LeaveReason,
    ) -> (Result<SlotToken, AcquireError>, WakeBatch<'a>) {
        let mut waker = None;
        let (left, mut batch) = self.locked(|locked, _| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.state != WaiterState::Queued {
                return self.end_wait(node).ok_or_else(|| self.why_dismissed());
            }
            // SAFETY: it is in the queue, and the lock is held (I4).
            waker = unsafe { self.step_out(locked, waiter) };
            if reason == LeaveReason::TimedOut {
                self.state.counters.timed_out.add(1);
            }
            Err(AcquireError::TimedOut)
        });
        batch.leftover = waker;
        (left, batch)
    }

    /// Why a waiter has left the queue without a slot.
    pub(crate) fn why_dismissed(self) -> AcquireError {
        if self.is_closed() { AcquireError::Closed } else { AcquireError::Dismissed }
    }

    /// Takes a waiter out of the queue if it is still in it; if not, it cannot join again.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) fn withdraw(self, waiter: Pin<&Waiter>) -> bool {
        let (was_queued, batch) = self.locked(|locked, batch| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            let is_queued = node.state == WaiterState::Queued;
            node.cancelled_late = !is_queued;
            if is_queued {
                // SAFETY: it is in the queue, and the lock is held (I4).
                batch.leftover = unsafe { self.step_out(locked, waiter) };
            }
            is_queued
        });
        drop(batch);
        was_queued
    }

    /// Counts a caller whose deadline passed before it could join the queue.
    pub(crate) fn count_timeout(self) {
        self.state.lock.with(|_| self.state.counters.timed_out.add(1));
    }

    /// # Safety
    ///
    /// The lock is held, the waiter is in no queue, and it stays alive until it has left this one.
    unsafe fn enqueue(
        self,
        locked: &mut Locked,
        waiter: Pin<&Waiter>,
        waker: Option<Waker>,
        since: Stamp,
        position: Position,
    ) {
        let counters = &self.state.counters;
        // SAFETY: the lock is held and no other reference to the node is alive (I4).
        let node = unsafe { waiter.node() };
        node.waker = waker;
        node.since = Some(since);
        node.is_pausing = position == Position::Pausing;
        node.joined_at = match (position, locked.queue.head()) {
            (Position::Last, _) | (_, None) => counters.overtakes.get(),
            // Counted as overtaken as often as the head, so that no waiter counts as overtaken less often than those
            // behind it.
            // SAFETY: a queued waiter is alive, the lock is held, and it is another node than this one (I4).
            (_, Some(head)) => unsafe { wait_queue::node(head) }.joined_at,
        };
        if node.kind == WaiterKind::Thread {
            self.state.threads.add(1);
        }
        let waiter = NonNull::from(waiter.get_ref());
        match position {
            // SAFETY: as the caller promises.
            Position::Last => unsafe { locked.queue.push(waiter) },
            // SAFETY: as the caller promises.
            Position::Again | Position::Pausing => unsafe { locked.queue.push_by_number(waiter) },
        }
        self.state.waiting.add(1);
        if position != Position::Pausing {
            counters.waited.add(1);
        }
        counters.peak_waiting.raise(self.state.waiting.get());
        counters.peak_in_use.raise(self.in_use());
    }

    /// A caller that a connection may be made for is not one too many, also if a connector makes it.
    fn is_queue_full(self) -> bool {
        let state = self.state;
        let to_be_made = if self.has_connector() { state.vacant.get() + state.connecting.get() } else { 0 };
        state.waiting.get() >= (state.max_waiting as usize).saturating_add(to_be_made)
    }

    /// Takes a waiter out of the queue whose wait ends early. Its waker has to be dropped after unlocking.
    ///
    /// # Safety
    ///
    /// The lock is held and the waiter is in the queue.
    unsafe fn step_out(self, locked: &mut Locked, waiter: Pin<&Waiter>) -> Option<Waker> {
        // SAFETY: the lock is held and no other reference to the node is alive (I4).
        let node = unsafe { waiter.node() };
        let waker = node.waker.take();
        self.record_wait(node);
        // SAFETY: as the caller promises.
        unsafe { self.unlink(locked, NonNull::from(waiter.get_ref()), WaiterState::Outside) };
        waker
    }

    /// # Safety
    ///
    /// The lock is held and the waiter is in the queue.
    pub(super) unsafe fn unlink(self, locked: &mut Locked, waiter: NonNull<Waiter>, state: WaiterState) {
        self.state.waiting.sub(1);
        // SAFETY: a queued waiter is alive; the lock is held and no other reference to its node is alive (I4).
        if unsafe { wait_queue::node(waiter) }.kind == WaiterKind::Thread {
            self.state.threads.sub(1);
        }
        // SAFETY: as the caller promises.
        unsafe { locked.queue.remove(waiter, state) };
    }

    /// A waiter that is not queued learns how its wait has ended: with its slot, or without one.
    fn end_wait(self, node: &mut Node) -> Option<SlotToken> {
        match core::mem::replace(&mut node.state, WaiterState::Outside) {
            WaiterState::Granted(slot) => {
                self.record_wait(node);
                return Some(slot);
            }
            // A dismissed callback counts as waiting until it was called: see `dismiss`.
            WaiterState::Dismissed if node.kind.is_callback() => self.state.waiting.sub(1),
            WaiterState::Dismissed | WaiterState::Outside | WaiterState::Queued => {}
        }
        None
    }

    fn record_wait(self, node: &mut Node) {
        if let Some(waited) = node.since.take().and_then(|since| since.elapsed()) {
            self.state.wait_times.record(waited);
        }
    }
}
