// knows: acquire, parts, drain, engine, fairness, sync · must not know: which pool it is
//! Threads that wait: each polls the same future as a task would, and sleeps in a condition variable in between.
//!
//! A duration is turned into a deadline once, before the wait, so a spurious wake-up never starts the time again.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::time::Instant;

use super::acquire::{Acquire, claim_any, claim_first, try_acquire};
use super::drain::Drain;
use super::parts::PoolParts;
use crate::engine::{AcquireError, Position, SlotToken, Ticket, WaiterKind};
use crate::fairness::Fairness;
use crate::sync::{Parker, with_parker, yield_now};

/// How long a caller is willing to wait.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    Forever,
    For(Duration),
    Until(Instant),
}

/// The same, once waiting has begun.
enum Deadline {
    Never,
    At(Instant),
    Passed,
}

impl Patience {
    fn deadline(self) -> Deadline {
        let at = match self {
            Self::Forever => return Deadline::Never,
            Self::For(Duration::ZERO) => return Deadline::Passed,
            // A sum beyond what the clock can express never comes.
            Self::For(wait) => return Instant::now().checked_add(wait).map_or(Deadline::Never, Deadline::At),
            Self::Until(at) => at,
        };
        if at <= Instant::now() { Deadline::Passed } else { Deadline::At(at) }
    }
}

#[inline(always)]
pub(crate) fn acquire<P: PoolParts>(pool: &P, patience: Patience) -> Result<SlotToken, AcquireError> {
    match claim_first(pool) {
        Some(slot) => Ok(slot),
        None => acquire_slow(pool, patience),
    }
}

/// As [`acquire`], for a caller that waits again if the connection is unfit or cannot be made.
pub(crate) fn acquire_with<P: PoolParts>(
    pool: &P,
    patience: Patience,
    ticket: &mut Ticket,
) -> Result<SlotToken, AcquireError> {
    if ticket.position == Position::Last
        && let Some(slot) = claim_first(pool)
    {
        return Ok(slot);
    }
    acquire_queued(pool, patience, ticket)
}

#[cold]
#[inline(never)]
fn acquire_slow<P: PoolParts>(pool: &P, patience: Patience) -> Result<SlotToken, AcquireError> {
    acquire_queued(pool, patience, &mut { Ticket::NEW })
}

fn acquire_queued<P: PoolParts>(pool: &P, patience: Patience, ticket: &mut Ticket) -> Result<SlotToken, AcquireError> {
    let is_new = ticket.position == Position::Last;
    if is_new && let Ok(slot) = claim_any(pool) {
        return Ok(slot);
    }
    let deadline = match patience.deadline() {
        Deadline::Passed if ticket.position == Position::Pausing => return Err(AcquireError::TimedOut),
        Deadline::Passed => return try_at_deadline(pool),
        Deadline::Never => None,
        Deadline::At(deadline) => Some(deadline),
    };
    match if is_new { yield_once(pool) } else { Err(AcquireError::Exhausted) } {
        Err(AcquireError::Exhausted) => wait_in_queue(pool, deadline, ticket),
        answer => answer,
    }
}

/// Lets other threads run once, in the hope that one of them releases its slot. Not under `Fifo`, where callers that
/// arrive meanwhile would be queued before this one.
///
/// With more threads than processors, a thread that has a connection is often not running. Sleeping at once would cost
/// a wake-up, which takes longer than a short loan. And while the queue is not empty, later callers join it too, so
/// soon each acquire would cost a sleep and a wake-up. Measured in `docs/benchmarks.md`.
fn yield_once<P: PoolParts>(pool: &P) -> Result<SlotToken, AcquireError> {
    if pool.engine().fairness() == Fairness::Fifo {
        return Err(AcquireError::Exhausted);
    }
    yield_now();
    try_acquire(pool)
}

fn try_at_deadline<P: PoolParts>(pool: &P) -> Result<SlotToken, AcquireError> {
    let answer = try_acquire(pool);
    if answer == Err(AcquireError::Exhausted) {
        pool.engine().count_timeout();
        return Err(AcquireError::TimedOut);
    }
    answer
}

fn wait_in_queue<P: PoolParts>(
    pool: &P,
    deadline: Option<Instant>,
    ticket: &mut Ticket,
) -> Result<SlotToken, AcquireError> {
    let acquire = pin!(Acquire::with_ticket(pool, WaiterKind::Thread, ticket));
    let acquire = acquire.into_ref();
    let answer = with_parker(|parker, waker| {
        loop {
            if let Poll::Ready(answer) = acquire.poll(waker) {
                return answer;
            }
            if !parker.park(deadline) {
                return acquire.give_up();
            }
        }
    });
    acquire.note_number(ticket);
    answer
}

/// Sleeps until the pool is drained; `false` if the deadline came first.
pub(crate) fn wait_for_drain(mut drain: Pin<&mut Drain<'_>>, deadline: Option<Instant>) -> bool {
    with_parker(|parker: &Parker, waker| {
        let mut context = Context::from_waker(waker);
        loop {
            if drain.as_mut().poll(&mut context).is_ready() {
                return true;
            }
            if !parker.park(deadline) {
                return false;
            }
        }
    })
}
