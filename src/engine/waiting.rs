//! Layer 2 · part of the engine · knows: line · must not know: who is served when
//!
//! Joining the line, looking, and leaving it.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Poll, Waker};

use super::{Aftermath, Core, Refusal, Shared};
use crate::fairness::Fairness;
use crate::line::{self, Kind, Node, Stage, Waiter};
use crate::sync::Stamp;

/// What came of joining the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// There was a free slot after all; it is the caller's.
    Granted(usize),
    Queued,
    Closed,
    /// As many wait already as may.
    QueueFull,
    /// It was withdrawn when it was not in line, so it must not go back there.
    Barred,
}

/// Which place in the line a caller has a right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The last.
    New,
    /// Before all who came later: its turn had come, and what it was given turned out unfit.
    Again,
    /// As `Again`, for a connection only: it has failed to connect, and pauses before it tries that again.
    Pausing,
}

/// Why a waiter leaves the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GaveUp {
    TimedOut,
    /// Its future was dropped, or its pause is over.
    Cancelled,
}

enum Seen {
    Granted(usize),
    Dismissed,
    Queued,
    NeedsWaker,
}

impl<'a> Core<'a> {
    /// Takes a free slot, or stands in line for one.
    ///
    /// # Safety
    ///
    /// The waiter is in no line. If it is queued, it stays alive until [`check`](Self::check) has answered `Ready` or
    /// [`leave`](Self::leave) has returned.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn join(self, waiter: Pin<&Waiter>, waker: Waker, turn: Turn) -> (Joined, Aftermath<'a>) {
        let since = Stamp::now();
        // Outside the section, which must not drop it: that is user code.
        let mut waker = Some(waker);
        let (joined, mut aftermath) = self.locked(|shared, aftermath| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.is_barred {
                return Joined::Barred;
            }
            if turn == Turn::New {
                // Even if it need not wait: what it gets may be unfit, and others may have come until that is known.
                waiter.arrive(shared.line.count_arrival());
            }
            self.attend(shared);
            self.settle(shared, aftermath);
            let claimed = match turn {
                Turn::New => self.claim_as_newcomer(shared),
                Turn::Again => self.claim_as_head(),
                Turn::Pausing => self.claim_as_pausing(),
            };
            match claimed {
                Ok(slot) => Joined::Granted(slot),
                Err(Refusal::Closed) => Joined::Closed,
                // Whoever comes again has been in before.
                Err(_) if turn == Turn::New && self.is_line_full() => Joined::QueueFull,
                Err(_) => {
                    // SAFETY: the lock is held (I4), and the caller promises the rest.
                    unsafe { self.enqueue(shared, waiter, waker.take(), since, turn) };
                    Joined::Queued
                }
            }
        });
        aftermath.leftover = waker;
        (joined, aftermath)
    }

    /// Looks at how a waiter stands. `Ready` is the end of its wait: with a slot, which is then the caller's, or without
    /// one, because the pool closed. Otherwise `waker` is the one to be called.
    #[cold]
    #[inline(never)]
    pub(crate) fn check(self, waiter: Pin<&Waiter>, waker: &Waker) -> (Poll<Option<usize>>, Aftermath<'a>) {
        let mut fresh: Option<Waker> = None;
        loop {
            let mut aftermath = Aftermath::new(self);
            let seen = self.engine.lock.with(|shared| {
                // SAFETY: the lock is held and no other reference to the node is in use (I4).
                let node = unsafe { waiter.node() };
                let known = node.waker.take();
                // A waiter that was called to compete and finds a free slot has the line served in order, so that it
                // cannot overtake the waiters before it. Under Fifo whoever brought a slot has served the line. A callback
                // is called when it has its slot, and then those behind it must not be called before the ones in between.
                let competes = matches!(self.engine.fairness, Fairness::Bounded(_)) && node.kind.comes_when_called();
                if competes {
                    self.serve(shared, &mut aftermath);
                }
                // SAFETY: as above; `serve` keeps no reference.
                let seen = self.look(unsafe { waiter.node() }, known, waker, &mut fresh, &mut aftermath);
                if competes {
                    self.settle_and_leave(shared, &mut aftermath);
                }
                seen
            });
            match seen {
                // Cloning a waker is user code: done here, without the lock. Until it is registered in the next round
                // the waiter looks as if it had been called, and that is how it behaves: it comes and looks.
                Seen::NeedsWaker => fresh = Some(waker.clone()),
                Seen::Granted(slot) => return (Poll::Ready(Some(slot)), aftermath),
                Seen::Dismissed => return (Poll::Ready(None), aftermath),
                Seen::Queued => return (Poll::Pending, aftermath),
            }
        }
    }

    /// Reads a node whose waker was taken out, and puts one back if it has to wait on: the known one if it would wake
    /// the same task as `waker`, else a fresh clone of that. A waker that is not needed goes into the aftermath.
    fn look(
        self,
        node: &mut Node,
        known: Option<Waker>,
        waker: &Waker,
        fresh: &mut Option<Waker>,
        aftermath: &mut Aftermath<'a>,
    ) -> Seen {
        aftermath.leftover = known;
        match node.stage {
            Stage::Granted(slot) => {
                self.end_wait(node);
                Seen::Granted(slot)
            }
            Stage::Dismissed | Stage::Outside => {
                self.end_dismissal(node);
                Seen::Dismissed
            }
            Stage::Queued => {
                let is_known = aftermath.leftover.as_ref().is_some_and(|known| known.will_wake(waker));
                node.waker = if is_known { aftermath.leftover.take() } else { fresh.take() };
                if node.waker.is_some() { Seen::Queued } else { Seen::NeedsWaker }
            }
        }
    }

    /// Ends a wait early. A slot that had been granted is not lost: it is the caller's.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(self, waiter: Pin<&Waiter>, gave_up: GaveUp) -> (Result<usize, Refusal>, Aftermath<'a>) {
        let mut waker = None;
        let (left, mut aftermath) = self.locked(|shared, _| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            match node.stage {
                Stage::Granted(slot) => {
                    self.end_wait(node);
                    Ok(slot)
                }
                Stage::Dismissed | Stage::Outside => {
                    self.end_dismissal(node);
                    Err(Refusal::Closed)
                }
                Stage::Queued => {
                    // SAFETY: it is in the line, and the lock is held (I4).
                    waker = unsafe { self.step_out(shared, waiter) };
                    if gave_up == GaveUp::TimedOut {
                        self.engine.counters.timed_out.add(1);
                    }
                    Err(Refusal::TimedOut)
                }
            }
        });
        aftermath.leftover = waker;
        (left, aftermath)
    }

    /// Takes a waiter out of the line if it is still in it; if not, it cannot go back there.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) fn withdraw(self, waiter: Pin<&Waiter>) -> bool {
        let (was_queued, aftermath) = self.locked(|shared, aftermath| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            let is_queued = node.stage == Stage::Queued;
            node.is_barred = !is_queued;
            if is_queued {
                // SAFETY: it is in the line, and the lock is held (I4).
                aftermath.leftover = unsafe { self.step_out(shared, waiter) };
            }
            is_queued
        });
        drop(aftermath);
        was_queued
    }

    /// Counts a caller whose deadline was up before it could join the line.
    pub(crate) fn count_timeout(self) {
        self.engine.lock.with(|_| self.engine.counters.timed_out.add(1));
    }

    /// # Safety
    ///
    /// The lock is held, the waiter is in no line, and it stays alive until it has left this one.
    unsafe fn enqueue(self, shared: &mut Shared, waiter: Pin<&Waiter>, waker: Option<Waker>, since: Stamp, turn: Turn) {
        let counters = &self.engine.counters;
        // SAFETY: the lock is held and no other reference to the node is alive (I4).
        let node = unsafe { waiter.node() };
        node.waker = waker;
        node.since = Some(since);
        node.is_pausing = turn == Turn::Pausing;
        node.joined_at = match (turn, shared.line.head()) {
            (Turn::New, _) | (_, None) => counters.overtakes.get(),
            // Overtaken as often as the one behind it, at least: nobody is overtaken less often than those behind.
            // SAFETY: a waiter in the line is alive, the lock is held, and it is another node than this one (I4).
            (_, Some(head)) => unsafe { line::node(head) }.joined_at,
        };
        if node.kind == Kind::Thread {
            self.engine.threads.add(1);
        }
        let waiter = NonNull::from(waiter.get_ref());
        match turn {
            // SAFETY: as the caller promises.
            Turn::New => unsafe { shared.line.push(waiter) },
            // SAFETY: as the caller promises.
            Turn::Again | Turn::Pausing => unsafe { shared.line.push_again(waiter) },
        }
        self.engine.waiting.add(1);
        if turn != Turn::Pausing {
            counters.waited.add(1);
        }
        counters.peak_waiting.raise(self.engine.waiting.get());
        counters.peak_in_use.raise(self.in_use());
    }

    fn is_line_full(self) -> bool {
        self.engine.waiting.get() >= self.engine.max_waiting as usize
    }

    /// Takes a waiter out of the line that wants to wait no longer; its waker is to be dropped without the lock.
    ///
    /// # Safety
    ///
    /// The lock is held and the waiter is in the line.
    unsafe fn step_out(self, shared: &mut Shared, waiter: Pin<&Waiter>) -> Option<Waker> {
        // SAFETY: the lock is held and no other reference to the node is alive (I4).
        let node = unsafe { waiter.node() };
        let waker = node.waker.take();
        self.record_wait(node);
        // SAFETY: as the caller promises.
        unsafe { self.unlink(shared, NonNull::from(waiter.get_ref()), Stage::Outside) };
        waker
    }

    /// # Safety
    ///
    /// The lock is held and the waiter is in the line.
    pub(super) unsafe fn unlink(self, shared: &mut Shared, waiter: NonNull<Waiter>, stage: Stage) {
        self.engine.waiting.sub(1);
        // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
        if unsafe { line::node(waiter) }.kind == Kind::Thread {
            self.engine.threads.sub(1);
        }
        // SAFETY: as the caller promises.
        unsafe { shared.line.remove(waiter, stage) };
    }

    /// A waiter knows that it was sent away.
    fn end_dismissal(self, node: &mut Node) {
        if node.stage == Stage::Dismissed && node.kind.is_callback() {
            self.engine.waiting.sub(1);
        }
        node.stage = Stage::Outside;
    }

    /// The wait of a granted waiter is over.
    fn end_wait(self, node: &mut Node) {
        node.stage = Stage::Outside;
        self.record_wait(node);
    }

    fn record_wait(self, node: &mut Node) {
        if let Some(waited) = node.since.take().and_then(|since| since.elapsed()) {
            self.engine.wait_times.record(waited);
        }
    }
}
