// knows: clock, get, guard, loan, manager, parts, pool, times, engine, error, slot · must not know: wait queues,
// records
//! The calls that block the thread (feature `std`).

use core::panic::Location;
use core::pin::pin;
use core::time::Duration;
use std::time::Instant;

use super::clock::Clock;
use super::error::DrainError;
use super::get::Got;
use super::guard::ConnGuard;
use super::loan::acquire::{FirstTry, Site, acquire_first, first_try, lend, tracked_thread};
use super::loan::blocking::Blocking;
use super::loan::caller::at_once;
use super::loan::search::{Search, acquire};
use super::manager::{Lifecycle, Manager};
use super::parts::ManagedParts;
use super::pool::Pool;
use super::times::Times;
use crate::engine::SlotToken;
use crate::slot::{Patience, PoolParts, RawGuard, wait_for_drain};

/// Blocking the calling thread (feature `std`).
impl<M: Manager, const N: usize, K: Clock> Pool<M, N, K> {
    /// Acquires a connection, and waits for as long as it takes, or as
    /// [`wait_timeout`](super::Config::wait_timeout) allows.
    ///
    /// While `health_check` or [`run_maintenance`](Self::run_maintenance) runs: an idle one, or the first that comes
    /// free or is made. The thread does not connect itself. Otherwise: an idle one, or one that the thread makes now,
    /// or the first that comes free.
    ///
    /// # Errors
    ///
    /// [`Connect`](super::GetError::Connect) if the pool has no connection, and connecting fails with an error that
    /// [ends all waits](super::Config::fail_fast), or has failed for as long as
    /// [`connect_timeout`](super::Config::connect_timeout); without a connector if the thread has connected, and that
    /// failed ([`Retry::attempts`](super::Retry::attempts) sets how often it is tried again before);
    /// [`Closed`](super::GetError::Closed); [`QueueFull`](super::GetError::QueueFull);
    /// [`Nested`](super::GetError::Nested) if the thread would wait for itself;
    /// [`NoConnections`](super::GetError::NoConnections) if `N` is 0.
    ///
    /// # Blocking
    ///
    /// Sleeps in a condition variable while it waits. While a `health_check` runs, its threads connect and check. The
    /// caller waits for a check for 100 ms at most, and then looks for another connection.
    ///
    /// While `run_maintenance` runs, its task connects, and the caller checks on its own thread. **A thread that polls
    /// this task must not call this**: on an executor of one thread the call would wait for a connect that nothing
    /// polls.
    ///
    /// Otherwise the thread connects and checks itself.
    ///
    /// # Panics
    ///
    /// If the manager does; no slot is lost by that.
    ///
    /// # Fairness
    ///
    /// Threads and tasks wait in one queue; see [`Fairness`](crate::Fairness).
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Got<ConnGuard<'_, M, N, K>, M> {
        self.get_within(Self::patience, Location::caller())
    }

    /// [`get`](Self::get), within `timeout`: one budget for waiting, connecting and checking.
    ///
    /// While a `health_check` runs, the deadline is kept however long connects and checks take. A connect that takes
    /// longer serves the next caller. While `run_maintenance` runs, that holds for connects. Where the thread calls the
    /// manager itself, the manager is told how much of the time is left (`within`), and one that ignores that may
    /// exceed it.
    ///
    /// `Duration::ZERO` takes an idle connection that needs no check, or nothing; `Duration::MAX` waits for as long as
    /// it takes.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`Timeout`](super::GetError::Timeout) when the time is up, which tells how full the
    /// pool is and which loan is the longest. If it is up while connecting fails, the error is
    /// [`Connect`](super::GetError::Connect), with the cause; only an error that [ends all
    /// waits](super::Config::fail_fast) comes before. It is [`Invalid`](super::GetError::Invalid) if an idle connection
    /// has failed its check, and there was no time for another. If a connection is granted at the very same moment, the
    /// caller gets the connection.
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[inline]
    #[track_caller]
    pub fn get_timeout(&self, timeout: Duration) -> Got<ConnGuard<'_, M, N, K>, M> {
        self.get_within(|_| Patience::For(timeout), Location::caller())
    }

    /// [`get_timeout`](Self::get_timeout), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// As [`get_timeout`](Self::get_timeout).
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    #[inline]
    #[track_caller]
    pub fn get_deadline(&self, deadline: Instant) -> Got<ConnGuard<'_, M, N, K>, M> {
        self.get_within(|_| Patience::Until(deadline), Location::caller())
    }

    /// How long a call waits that names no time.
    fn patience(&self) -> Patience {
        self.shared().settings().wait_timeout().map_or(Patience::Forever, Patience::For)
    }

    #[inline(always)]
    fn get_within(&self, patience: impl FnOnce(&Self) -> Patience, site: Site) -> Got<ConnGuard<'_, M, N, K>, M> {
        match acquire_first(self, site, true) {
            Ok(slot) => Ok(ConnGuard(RawGuard::new(self, slot))),
            Err(at_hand) => {
                self.get_slow(patience(self), site, at_hand).map(|slot| ConnGuard(RawGuard::new(self, slot)))
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn get_slow(&self, patience: Patience, site: Site, at_hand: Option<SlotToken>) -> Got<SlotToken, M> {
        let thread = tracked_thread(self);
        match first_try(self, site, thread, at_hand) {
            FirstTry::Done(slot) => Ok(slot),
            FirstTry::Work(at_hand) => {
                let caller = Blocking::new(patience, thread);
                at_once(acquire(Search::new(self, caller, at_hand))).map(|found| lend(self, found, site, thread))
            }
        }
    }
}

/// Draining, and the times measured (feature `std`).
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// Closes the pool and waits until every connection was released and discarded, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`DrainError`], with the number of connections that are still in use and the longest loan, when the time is up;
    /// [`loans`](Self::loans) lists all of them. The pool stays closed, and waiting again is fine.
    ///
    /// # Blocking
    ///
    /// Sleeps in a condition variable. A thread that holds a connection of the pool waits for itself.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    pub fn drain(&self, timeout: Duration) -> Result<(), DrainError> {
        let deadline = Instant::now().checked_add(timeout);
        // A fork's child does not wait for its parent's connections.
        let is_drained = !self.shared().is_forked() && wait_for_drain(pin!(self.drain_async()), deadline);
        if is_drained { Ok(()) } else { Err(DrainError { report: self.report() }) }
    }

    /// How long things took: waiting and acquiring (if [`Config::wait_times`](super::Config::wait_times) is set),
    /// connecting, and the loans. Takes no lock.
    #[must_use]
    pub fn times(&self) -> Times {
        self.time_recorders().read(self.shared().config().wait_times, self.engine().acquired())
    }
}
