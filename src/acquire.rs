//! Layer 4 · knows: guard, engine · must not know: who polls it, how a thread sleeps
//!
//! One attempt to get a connection: at once, or by standing in line. Tasks poll it from their executor, threads from
//! their own loop (`blocking`); the line does not tell them apart.

use core::cell::Cell;
use core::pin::Pin;
use core::task::{Poll, Waker};

use crate::bitmap::Missed;
use crate::engine::{Aftermath, GaveUp, Joined, Refusal, Turn};
use crate::error::PoolError;
use crate::guard::{Handle, Held, claim_any, claim_first, keep_during, pass_on};
use crate::line::{Arrival, Kind, Waiter};

/// A slot if one is free now.
///
/// Takes a handle that is a reference, by value, so that the slow path needs no handle in memory to point to.
#[inline(always)]
pub(crate) fn try_acquire<H: Handle + Copy>(pool: H) -> Result<usize, Refusal> {
    match claim_first(&pool) {
        Some(slot) => Ok(slot),
        None => try_acquire_any(pool),
    }
}

#[cold]
#[inline(never)]
fn try_acquire_any<H: Handle + Copy>(pool: H) -> Result<usize, Refusal> {
    match claim_any(&pool) {
        Ok(slot) => Ok(slot),
        Err(missed) => try_acquire_slow(pool, missed),
    }
}

#[cold]
#[inline(never)]
fn try_acquire_slow<H: Handle + Copy>(pool: H, missed: Missed) -> Result<usize, Refusal> {
    let core = pool.core();
    if core.books().len() == 0 {
        return Err(Refusal::NoSlots);
    }
    let (answer, aftermath) = core.claim_or_refuse(missed);
    keep_during(&pool, answer, || drop(aftermath))
}

/// A caller's place in the order of those who came, which it keeps from one wait to the next.
pub(crate) struct Place {
    pub(crate) turn: Turn,
    pub(crate) arrival: Arrival,
}

impl Place {
    /// Behind everybody.
    pub(crate) const NEW: Self = Self { turn: Turn::New, arrival: None };
}

/// A wait for a connection, from the first look to the last; leaves the line when it is dropped.
pub(crate) struct Acquire<H: Handle> {
    pool: H,
    waiter: Waiter,
    turn: Turn,
    progress: Cell<Progress>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Fresh,
    /// The waiter may be in the line, or out of it with a grant that nobody has picked up.
    InLine,
    Done,
}

impl<H: Handle> Acquire<H> {
    pub(crate) const fn new(pool: H, kind: Kind) -> Self {
        Self::in_place(pool, kind, &Place::NEW)
    }

    /// As [`new`](Self::new), for a caller who may have had a slot already, and found its connection unfit or could not
    /// connect.
    pub(crate) const fn in_place(pool: H, kind: Kind, place: &Place) -> Self {
        let waiter = Waiter::arrived(kind, place.arrival);
        Self { pool, waiter, turn: place.turn, progress: Cell::new(Progress::Fresh) }
    }

    /// Writes down where it stood, for when it comes again.
    pub(crate) const fn note(&self, place: &mut Place) {
        place.arrival = self.waiter.arrival();
    }

    #[inline]
    pub(crate) fn poll(self: Pin<&Self>, waker: &Waker) -> Poll<Result<usize, Refusal>> {
        match self.progress.get() {
            Progress::Fresh => match claim_first(&self.pool) {
                Some(slot) => self.end(Ok(slot)),
                None => self.join(waker),
            },
            Progress::InLine => self.look(waker),
            Progress::Done => panic!("a future of a connection was polled after it had finished"),
        }
    }

    /// Brings the answer of [`poll`](Self::poll) to the surface.
    #[inline]
    pub(crate) fn held(&self, answer: Result<usize, Refusal>) -> Result<Held<H>, PoolError> {
        Held::from_answer(self.pool.clone(), answer)
    }

    #[cold]
    #[inline(never)]
    fn join(self: Pin<&Self>, waker: &Waker) -> Poll<Result<usize, Refusal>> {
        if let Ok(slot) = claim_any(&self.pool) {
            return self.end(Ok(slot));
        }
        let core = self.pool.core();
        if core.books().len() == 0 {
            return self.end(Err(Refusal::NoSlots));
        }
        // SAFETY: the waiter is fresh, hence in no line; it is pinned, and `drop` leaves the line before it goes (I4).
        let (joined, aftermath) = unsafe { core.join(self.waiter(), waker.clone(), self.turn) };
        match joined {
            Joined::Queued => {
                self.progress.set(Progress::InLine);
                drop(aftermath);
                Poll::Pending
            }
            Joined::Granted(slot) => self.end_after(Ok(slot), aftermath),
            Joined::QueueFull => self.end_after(Err(Refusal::QueueFull), aftermath),
            // Nobody withdraws one of these.
            Joined::Closed | Joined::Barred => self.end_after(Err(Refusal::Closed), aftermath),
        }
    }

    #[cold]
    #[inline(never)]
    fn look(self: Pin<&Self>, waker: &Waker) -> Poll<Result<usize, Refusal>> {
        let (seen, aftermath) = self.pool.core().check(self.waiter(), waker);
        match seen {
            Poll::Pending => {
                drop(aftermath);
                Poll::Pending
            }
            Poll::Ready(slot) => self.end_after(slot.ok_or(Refusal::Closed), aftermath),
        }
    }

    /// Leaves the line because the deadline has passed; a connection that was granted by then is taken all the same.
    #[cfg(feature = "std")]
    pub(crate) fn give_up(self: Pin<&Self>) -> Result<usize, Refusal> {
        let gave_up = if self.turn == Turn::Pausing { GaveUp::Cancelled } else { GaveUp::TimedOut };
        let (answer, aftermath) = self.pool.core().leave(self.waiter(), gave_up);
        self.progress.set(Progress::Done);
        keep_during(&self.pool, answer, || drop(aftermath))
    }

    fn end_after(&self, answer: Result<usize, Refusal>, aftermath: Aftermath<'_>) -> Poll<Result<usize, Refusal>> {
        self.progress.set(Progress::Done);
        Poll::Ready(keep_during(&self.pool, answer, || drop(aftermath)))
    }

    #[inline(always)]
    fn end(&self, answer: Result<usize, Refusal>) -> Poll<Result<usize, Refusal>> {
        self.progress.set(Progress::Done);
        Poll::Ready(answer)
    }

    fn waiter(self: Pin<&Self>) -> Pin<&Waiter> {
        // SAFETY: the waiter is pinned with the whole: nothing moves it out, and `drop` does not either.
        unsafe { self.map_unchecked(|this| &this.waiter) }
    }
}

impl<H: Handle> Drop for Acquire<H> {
    fn drop(&mut self) {
        if self.progress.get() != Progress::InLine {
            return;
        }
        let core = self.pool.core();
        // SAFETY: a waiter in the line is pinned since it joined (I4), and not moved before it is dropped.
        let waiter = unsafe { Pin::new_unchecked(&self.waiter) };
        let (left, aftermath) = core.leave(waiter, GaveUp::Cancelled);
        // A connection that had been granted goes on to the next in line.
        let _aftermath = aftermath;
        if let Ok(slot) = left {
            pass_on(&self.pool, slot);
        }
    }
}
