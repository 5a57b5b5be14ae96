//! Layer 5 · knows: acquire, drain, fairness, time · must not know: lines, slots
//!
//! Threads wait: each call polls the same future as a task would, and sleeps in a condition variable in between.
//!
//! Durations end at this surface; below it there are deadlines only, so a spurious wake-up never re-arms the full time.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::time::Instant;

use crate::acquire::{Acquire, Place, try_acquire};
use crate::drain::DrainAsync;
use crate::engine::{Refusal, Turn};
use crate::error::{DrainError, PoolError};
use crate::fairness::Fairness;
use crate::guard::{ConnGuard, Handle, Held, claim_any, claim_first};
use crate::line::Kind;
use crate::metrics::Histogram;
use crate::pool::Pool;
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
pub(crate) fn acquire<H: Handle + Copy>(pool: H, patience: Patience) -> Result<usize, Refusal> {
    match claim_first(&pool) {
        Some(slot) => Ok(slot),
        None => acquire_slow(pool, patience),
    }
}

/// As [`acquire`], for a caller who may come again, when it has found the connection unfit or could not connect.
pub(crate) fn acquire_in_place<H: Handle + Copy>(
    pool: H,
    patience: Patience,
    place: &mut Place,
) -> Result<usize, Refusal> {
    let is_new = place.turn == Turn::New;
    if is_new && let Some(slot) = claim_first(&pool) {
        return Ok(slot);
    }
    acquire_in_line(pool, patience, place)
}

#[cold]
#[inline(never)]
fn acquire_slow<H: Handle + Copy>(pool: H, patience: Patience) -> Result<usize, Refusal> {
    acquire_in_line(pool, patience, &mut { Place::NEW })
}

fn acquire_in_line<H: Handle + Copy>(pool: H, patience: Patience, place: &mut Place) -> Result<usize, Refusal> {
    let is_new = place.turn == Turn::New;
    if is_new && let Ok(slot) = claim_any(&pool) {
        return Ok(slot);
    }
    let deadline = match patience.deadline() {
        Deadline::Passed if place.turn == Turn::Pausing => return Err(Refusal::TimedOut),
        Deadline::Passed => return try_for_the_last_time(pool),
        Deadline::Never => None,
        Deadline::At(deadline) => Some(deadline),
    };
    match if is_new { give_way(pool) } else { Err(Refusal::Exhausted) } {
        Err(Refusal::Exhausted) => stand_in_line(pool, deadline, place),
        answer => answer,
    }
}

/// Lets other threads run once, in the hope that one of them gives back what it holds.
///
/// With more threads than processors a holder is often not running. To sleep then would call for a wake-up, which takes
/// longer than a short borrowing; and as a line that is not empty makes the next callers stand in it too, all of them
/// would soon be sleeping and waking by turns. Measured in `docs/benchmarks.md`. Not where the place in line is all that
/// counts.
fn give_way<H: Handle + Copy>(pool: H) -> Result<usize, Refusal> {
    if pool.core().fairness() == Fairness::Fifo {
        return Err(Refusal::Exhausted);
    }
    yield_now();
    try_acquire(pool)
}

fn try_for_the_last_time<H: Handle + Copy>(pool: H) -> Result<usize, Refusal> {
    let answer = try_acquire(pool);
    if answer == Err(Refusal::Exhausted) {
        pool.core().count_timeout();
        return Err(Refusal::TimedOut);
    }
    answer
}

fn stand_in_line<H: Handle>(pool: H, deadline: Option<Instant>, place: &mut Place) -> Result<usize, Refusal> {
    let acquire = pin!(Acquire::in_place(pool, Kind::Thread, place));
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
    acquire.note(place);
    answer
}

/// Sleeps until everything has come back; `false` if the deadline came first.
pub(crate) fn wait_for_drain(drain: Pin<&mut DrainAsync<'_>>, deadline: Option<Instant>) -> bool {
    let mut drain = drain;
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

/// Blocking the calling thread (feature `std`).
impl<C, const N: usize> Pool<C, N> {
    /// Borrows a connection, waiting in line for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`Closed`](PoolError::Closed), at once or as soon as the pool is closed;
    /// [`NoConnections`](PoolError::NoConnections) if `N` is 0.
    ///
    /// # Blocking
    ///
    /// Sleeps in a condition variable. A thread that holds the pool's last connection and asks for another waits for
    /// itself, for ever: borrow once and pass the connection on, or use [`get_timeout`](Self::get_timeout).
    ///
    /// # Fairness
    ///
    /// Threads and tasks stand in one line; see [`Fairness`](crate::Fairness).
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from([0, 0]);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..8 {
    ///         scope.spawn(|| *pool.get().unwrap() += 1);
    ///     }
    /// });
    /// assert_eq!(pool.metrics().borrowed, 8);
    /// ```
    #[inline(always)]
    pub fn get(&self) -> Result<ConnGuard<'_, C, N>, PoolError> {
        Held::from_answer(self, acquire(self, Patience::Forever)).map(ConnGuard)
    }

    /// Borrows a connection, waiting in line for at most `timeout`.
    ///
    /// `Duration::ZERO` tries once, as [`try_get`](Self::try_get); `Duration::MAX` waits for as long as it takes. The
    /// time counts from the call; being woken for nothing does not start it again.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`Timeout`](PoolError::Timeout) when the time is up. If a connection is granted in the
    /// very same moment, the caller gets the connection.
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Pool, PoolError};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::from(["the only one"]);
    /// let held = pool.get()?;
    /// let error = pool.get_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert!(matches!(error, PoolError::Timeout(status) if status.in_use == 1));
    /// # Ok::<(), PoolError>(())
    /// ```
    #[inline(always)]
    pub fn get_timeout(&self, timeout: Duration) -> Result<ConnGuard<'_, C, N>, PoolError> {
        Held::from_answer(self, acquire(self, Patience::For(timeout))).map(ConnGuard)
    }

    /// Borrows a connection, waiting in line until `deadline` at the latest; one that has passed tries once.
    ///
    /// # Errors
    ///
    /// As [`get_timeout`](Self::get_timeout).
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let pool = conn_pool::Pool::from(["a"]);
    /// let deadline = Instant::now() + Duration::from_secs(5);
    /// let connection = pool.get_deadline(deadline)?;
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[inline(always)]
    pub fn get_deadline(&self, deadline: Instant) -> Result<ConnGuard<'_, C, N>, PoolError> {
        Held::from_answer(self, acquire(self, Patience::Until(deadline))).map(ConnGuard)
    }

    /// Closes the pool and waits until every connection has come back and was dropped, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// Says how many connections are still held when the time is up. The pool stays closed, and waiting again is fine.
    ///
    /// # Blocking
    ///
    /// Sleeps in a condition variable. A thread that holds a connection of the pool waits for itself.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = conn_pool::Pool::from(["a", "b"]);
    /// let held = pool.get().unwrap();
    /// assert_eq!(pool.drain(Duration::from_millis(1)).unwrap_err().in_use, 1);
    /// drop(held);
    /// assert_eq!(pool.drain(Duration::from_millis(1)), Ok(()));
    /// ```
    pub fn drain(&self, timeout: Duration) -> Result<(), DrainError> {
        let deadline = Instant::now().checked_add(timeout);
        self.close();
        let drained = wait_for_drain(pin!(DrainAsync::new(self.core())), deadline);
        if drained { Ok(()) } else { Err(DrainError { in_use: self.core().in_use() }) }
    }

    /// How long callers had to wait in line. Takes no lock and stops nobody.
    ///
    /// Measured where there is a clock, hence with the feature `std`.
    #[must_use]
    pub fn wait_times(&self) -> Histogram {
        self.core().wait_times()
    }
}
