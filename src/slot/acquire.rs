// knows: parts, release, slow_path, engine, sync · must not know: who polls it, how a thread sleeps
//! One attempt to get a slot: at once, or by waiting. Tasks poll it from their executor, threads from their own loop
//! (`park`); the wait queue does not tell them apart.

use core::cell::Cell;
use core::pin::Pin;
use core::task::{Poll, Waker};

use super::parts::PoolParts;
use super::release::{release_on_unwind, release_unused};
use super::slow_path::try_acquire_slow;
use crate::engine::{
    AcquireError, ClaimError, Claimed, HAS_HOMES, Joined, LeaveReason, Left, Position, SlotToken, Ticket, Waiter,
    WaiterKind, WakeBatch,
};
use crate::sync::const_fn;

/// Claims the first slot of the calling thread's home, without the lock: the fast path.
///
/// Where there are no homes, and so in most pools one word, any free slot is found as fast, and [`claim_any`] need not
/// follow.
#[inline(always)]
pub(crate) fn claim_first<P: PoolParts + ?Sized>(pool: &P) -> Option<SlotToken> {
    if !HAS_HOMES {
        return claim_any(pool).ok();
    }
    Some(with_peak(pool, pool.engine().claim_first()?))
}

/// Claims any free slot, without the lock: when [`claim_first`] found none.
#[inline]
pub(crate) fn claim_any<P: PoolParts + ?Sized>(pool: &P) -> Result<SlotToken, ClaimError> {
    Ok(with_peak(pool, pool.engine().claim_any()?))
}

/// Claims a free slot behind `last`, without the lock.
pub(crate) fn claim_after<P: PoolParts + ?Sized>(pool: &P, last: usize) -> Result<SlotToken, ClaimError> {
    Ok(with_peak(pool, pool.engine().claim_after(last)?))
}

#[inline(always)]
fn with_peak<P: PoolParts + ?Sized>(pool: &P, claimed: Claimed) -> SlotToken {
    if claimed.is_peak_due {
        record_peak(pool);
    }
    claimed.slot
}

#[cold]
#[inline(never)]
fn record_peak<P: PoolParts + ?Sized>(pool: &P) {
    pool.engine().record_peak();
}

/// A slot if one is free now.
#[inline(always)]
pub(crate) fn try_acquire<P: PoolParts + ?Sized>(pool: &P) -> Result<SlotToken, AcquireError> {
    if !HAS_HOMES {
        return claim_any(pool).or_else(|missed| refuse(pool, missed));
    }
    match claim_first(pool) {
        Some(slot) => Ok(slot),
        None => try_acquire_any(pool),
    }
}

#[cold]
#[inline(never)]
fn try_acquire_any<P: PoolParts + ?Sized>(pool: &P) -> Result<SlotToken, AcquireError> {
    claim_any(pool).or_else(|missed| refuse(pool, missed))
}

#[inline]
fn refuse<P: PoolParts + ?Sized>(pool: &P, missed: ClaimError) -> Result<SlotToken, AcquireError> {
    let engine = pool.engine();
    match missed {
        _ if engine.states().len() == 0 => Err(AcquireError::NoSlots),
        _ if engine.is_refused(missed) => Err(AcquireError::Exhausted),
        // Who has closed the fast path has said how to go on.
        ClaimError::SlowPath => engine.claim_later(),
        // Several words, or slots to connect in: only the lock's holder can tell.
        ClaimError::NoneSeen => try_acquire_slow(pool),
    }
}

/// A wait for a slot, from the first look to the last; leaves the queue when it is dropped.
pub(crate) struct Acquire<'a, P: PoolParts + ?Sized> {
    pool: &'a P,
    waiter: Waiter,
    position: Position,
    progress: Cell<Progress>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Fresh,
    /// The caller has just looked for a free slot, and found none.
    #[cfg(feature = "managed")]
    Looked,
    /// The waiter is queued, or was granted a slot that it has not picked up, or was dismissed.
    Waiting,
    Done,
}

impl<'a, P: PoolParts + ?Sized> Acquire<'a, P> {
    const_fn! {
        pub(crate) const fn new(pool: &'a P, kind: WaiterKind) -> Self {
            Self::with_ticket(pool, kind, &Ticket::NEW)
        }
    }

    const_fn! {
        /// As [`new`](Self::new), for a caller that may have had a slot already, whose connection was unfit or could
        /// not be made.
        pub(crate) const fn with_ticket(pool: &'a P, kind: WaiterKind, ticket: &Ticket) -> Self {
            let waiter = Waiter::with_number(kind, ticket.number);
            #[cfg(feature = "managed")]
            let waiter = waiter.if_it_waits_forever(ticket.waits_forever);
            Self { pool, waiter, position: ticket.position, progress: Cell::new(Progress::Fresh) }
        }
    }

    /// As [`with_ticket`](Self::with_ticket), for a caller that has just looked: it joins the queue without another
    /// look before.
    #[cfg(feature = "managed")]
    #[inline(always)]
    pub(crate) fn after_miss(pool: &'a P, kind: WaiterKind, ticket: &Ticket) -> Self {
        let mut acquire = Self::with_ticket(pool, kind, ticket);
        *acquire.progress.get_mut() = Progress::Looked;
        acquire
    }

    /// Notes the waiter's number, for the caller's next wait.
    pub(crate) const fn note_number(&self, ticket: &mut Ticket) {
        ticket.number = self.waiter.number();
    }

    #[inline]
    pub(crate) fn poll(self: Pin<&Self>, waker: &Waker) -> Poll<Result<SlotToken, AcquireError>> {
        match self.progress.get() {
            Progress::Fresh => match claim_first(self.pool) {
                Some(slot) => self.end(Ok(slot)),
                None => self.wait(waker),
            },
            #[cfg(feature = "managed")]
            Progress::Looked => self.wait(waker),
            Progress::Waiting => match self.pool.engine().outcome(self.waiter()) {
                Some(outcome) => self.end(outcome.into_slot().ok_or_else(|| self.pool.engine().why_dismissed())),
                None => self.wait(waker),
            },
            Progress::Done => panic!("a future of a connection was polled after it had finished"),
        }
    }

    pub(crate) const fn pool(&self) -> &'a P {
        self.pool
    }

    /// Joins the queue, or looks how the waiter stands in it.
    #[cold]
    #[inline(never)]
    fn wait(self: Pin<&Self>, waker: &Waker) -> Poll<Result<SlotToken, AcquireError>> {
        let progress = self.progress.get();
        if HAS_HOMES
            && progress == Progress::Fresh
            && let Ok(slot) = claim_any(self.pool)
        {
            return self.end(Ok(slot));
        }
        let engine = self.pool.engine();
        if engine.states().len() == 0 {
            return self.end(Err(AcquireError::NoSlots));
        }
        let (mut batch, mut fresh) = (engine.batch(), None);
        let answer = if progress == Progress::Waiting {
            let seen = engine.check(self.waiter(), waker, &mut batch);
            seen.map(|slot| slot.ok_or_else(|| engine.why_dismissed()))
        } else {
            fresh = Some(waker.clone());
            self.join(&mut fresh, &mut batch)
        };
        let Poll::Ready(answer) = answer else { return Poll::Pending };
        self.end(release_on_unwind(self.pool, answer, || {
            fresh = None;
            batch.finish();
        }))
    }

    #[inline]
    fn join(
        self: Pin<&Self>,
        waker: &mut Option<Waker>,
        batch: &mut WakeBatch<'a>,
    ) -> Poll<Result<SlotToken, AcquireError>> {
        // SAFETY: the waiter is fresh, hence in no queue; it is pinned, and `drop` leaves the queue before it goes
        // (I4). The slow path is this pool's.
        let joined =
            unsafe { self.pool.engine().join(self.waiter(), waker, self.position, self.pool.waiting_path(), batch) };
        Poll::Ready(match joined {
            Joined::Queued => {
                self.progress.set(Progress::Waiting);
                return Poll::Pending;
            }
            Joined::Granted(slot) => Ok(slot),
            Joined::QueueFull => Err(AcquireError::QueueFull),
            Joined::Closed => Err(AcquireError::Closed),
            // Only callbacks are cancelled late.
            #[cfg(any(feature = "ffi", test))]
            Joined::CancelledLate => Err(AcquireError::Closed),
        })
    }

    /// Leaves the queue because the deadline has passed; a slot that was granted by then is taken all the same.
    #[cfg(feature = "std")]
    pub(crate) fn give_up(self: Pin<&Self>) -> Result<SlotToken, AcquireError> {
        let reason = if self.position.is_pausing() { LeaveReason::Uncounted } else { LeaveReason::TimedOut };
        let mut batch = self.pool.engine().batch();
        let answer = match self.pool.engine().leave(self.waiter(), reason, &mut batch) {
            Left::Granted(slot) => Ok(slot),
            Left::Dismissed => Err(self.pool.engine().why_dismissed()),
            Left::Unserved => Err(AcquireError::TimedOut),
        };
        self.progress.set(Progress::Done);
        release_on_unwind(self.pool, answer, || batch.finish())
    }

    /// Ends the wait, for a caller that gives up: it leaves the queue. One that does not wait has nothing to leave.
    #[cfg(feature = "managed")]
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(self: Pin<&Self>) {
        if self.progress.replace(Progress::Done) == Progress::Waiting {
            self.leave_queue();
        }
    }

    #[inline]
    fn leave_queue(self: Pin<&Self>) {
        // Dropped last, also if the release panics.
        let mut batch = self.pool.engine().batch();
        let reason = if self.pool.counts_callers() { LeaveReason::Uncounted } else { LeaveReason::Cancelled };
        let left = self.pool.engine().leave(self.waiter(), reason, &mut batch);
        if let Left::Granted(slot) = left {
            // A slot that was granted goes to the next waiter.
            release_unused(self.pool, slot);
        }
    }

    #[inline(always)]
    fn end(&self, answer: Result<SlotToken, AcquireError>) -> Poll<Result<SlotToken, AcquireError>> {
        self.progress.set(Progress::Done);
        Poll::Ready(answer)
    }

    fn waiter(self: Pin<&Self>) -> Pin<&Waiter> {
        // SAFETY: the waiter is pinned with the whole: nothing moves it out, and `drop` does not either.
        unsafe { self.map_unchecked(|this| &this.waiter) }
    }
}

impl<P: PoolParts + ?Sized> Drop for Acquire<'_, P> {
    #[inline]
    fn drop(&mut self) {
        if self.progress.get() == Progress::Waiting {
            // SAFETY: a queued waiter is pinned since it joined (I4), and not moved before it is dropped.
            unsafe { Pin::new_unchecked(&*self) }.leave_queue();
        }
    }
}
