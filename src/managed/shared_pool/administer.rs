// knows: clock, config, config_error, defaults, handle, loan, manager, metrics, observe, operations, parts,
// reconfigure, report, shared_error, times, upkeep, error, slot, stats · must not know: records, who connects
//! What an operator does with a shared pool, and sees of it.

use core::mem::forget;
use core::pin::pin;
use core::time::Duration;
use std::time::Instant;
use std::vec::Vec;

use super::defaults;
use super::handle::SharedPool;
use crate::error::{InsertError, ResizeError};
use crate::managed::clock::{Clock, SystemClock};
use crate::managed::config::Config;
use crate::managed::config_error::ConfigError;
use crate::managed::error::DrainError;
use crate::managed::loan::attended::until;
use crate::managed::loan::current::{self, loans};
use crate::managed::loan::insert::insert;
use crate::managed::loan::prepare;
use crate::managed::manager::Lifecycle;
use crate::managed::metrics::Metrics;
#[cfg(feature = "metrics")]
use crate::managed::observe;
use crate::managed::operations;
use crate::managed::parts::ManagedParts;
use crate::managed::reconfigure;
use crate::managed::report::{IdleInfo, Loan, PoolReport};
use crate::managed::shared_error::SharedError;
use crate::managed::times::Times;
use crate::managed::upkeep::crew;
use crate::slot::{Drain, PoolParts, wait_for_drain};
use crate::stats::{Retained, Status};

/// Filling, emptying, resizing, suspending.
impl<M: Lifecycle> SharedPool<M> {
    /// Puts in a connection that was made elsewhere. It is the pool's from then on, as if it had connected.
    ///
    /// # Errors
    ///
    /// Hands the connection back if no slot is vacant, or the pool is closed.
    ///
    /// # Panics
    ///
    /// If a waiter's waker does.
    pub fn insert(&self, connection: M::Connection) -> Result<(), InsertError<M::Connection>> {
        let owner = self.owner();
        insert(&*owner, connection)
    }

    /// As [`managed::Pool::retain`](crate::managed::Pool::retain).
    ///
    /// # Panics
    ///
    /// If `keep` does (that connection is discarded, the rest is not visited), or the manager's `on_discard`.
    pub fn retain(&self, mut keep: impl FnMut(&mut M::Connection) -> bool) -> Retained {
        operations::retain(self.block(), |connection, _| keep(connection))
    }

    /// As [`managed::Pool::retain_with`](crate::managed::Pool::retain_with).
    ///
    /// # Panics
    ///
    /// As [`retain`](Self::retain).
    pub fn retain_with(&self, keep: impl FnMut(&mut M::Connection, IdleInfo) -> bool) -> Retained {
        operations::retain(self.block(), keep)
    }

    /// As [`managed::Pool::extract_if`](crate::managed::Pool::extract_if).
    ///
    /// # Panics
    ///
    /// If `pick` does: that connection is discarded, the rest is not visited, and what was taken out is dropped.
    pub fn extract_if(&self, pick: impl FnMut(&mut M::Connection, IdleInfo) -> bool) -> Vec<M::Connection> {
        operations::extract_if(self.block(), pick)
    }

    /// As [`managed::Pool::evict_all`](crate::managed::Pool::evict_all).
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` does, after the rest was done all the same.
    #[allow(clippy::must_use_candidate, reason = "it does something")]
    pub fn evict_all(&self) -> usize {
        operations::evict_all(self.block())
    }

    /// As [`managed::Pool::resize`](crate::managed::Pool::resize), up to [`capacity`](Config::capacity).
    ///
    /// # Errors
    ///
    /// If `max_size` is more than the capacity; nothing is changed then.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` does, after the rest was done all the same.
    pub fn resize(&self, max_size: usize) -> Result<(), ResizeError> {
        operations::resize(self.block(), max_size)
    }

    /// As [`managed::Pool::suspend`](crate::managed::Pool::suspend).
    pub fn suspend(&self) {
        operations::suspend(self.block());
    }

    /// As [`managed::Pool::resume`](crate::managed::Pool::resume).
    ///
    /// # Panics
    ///
    /// If a waiter's waker does.
    pub fn resume(&self) {
        operations::resume(self.block());
    }
}

/// Closing.
impl<M: Lifecycle> SharedPool<M> {
    /// Closes the pool for good, for all handles: new callers and all waiters get
    /// [`GetError::Closed`](crate::managed::GetError::Closed). Idle connections are discarded now, those in use when
    /// they are released. Closing it again does nothing.
    ///
    /// # Blocking
    ///
    /// In a pool that threads maintain these end the connections, and the call waits for that for 40 ms at most. Else
    /// it takes as long as the manager takes to end them.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` or a waiter's waker does, after the rest was done all the same.
    pub fn close(&self) {
        operations::close(self.block());
        crew::await_discards(self.block());
    }

    /// As [`managed::Pool::abandon`](crate::managed::Pool::abandon): forgets this handle in a fork's child.
    pub fn abandon(self) {
        forget(self);
    }

    /// Whether [`close`](Self::close) was called. A `false` may be out of date by the time it is read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.block().engine().is_closed()
    }

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
        self.close();
        if self.block().shared().is_forked() {
            return Err(DrainError { report: self.report() });
        }
        let is_drained =
            wait_for_drain(pin!(Drain::in_process(self.block().engine(), self.block().shared().process())), deadline);
        if is_drained { Ok(()) } else { Err(DrainError { report: self.report() }) }
    }

    /// As [`drain`](Self::drain), as a task.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment. The pool is closed when it is polled first.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    pub async fn drain_async(&self, timeout: Duration) -> Result<(), DrainError> {
        // The threads of the pool may take their time to end connections: nothing waits for them here.
        operations::close(self.block());
        if self.block().shared().is_forked() {
            return Err(DrainError { report: self.report() });
        }
        let is_drained = until(
            Drain::in_process(self.block().engine(), self.block().shared().process()),
            Some(SystemClock.sleep(timeout)),
        )
        .await
        .is_some();
        if is_drained { Ok(()) } else { Err(DrainError { report: self.report() }) }
    }
}

/// Looking at it.
impl<M: Lifecycle> SharedPool<M> {
    /// How full the pool is: see [`managed::Pool::status`](crate::managed::Pool::status).
    #[must_use]
    pub fn status(&self) -> Status {
        self.block().engine().status()
    }

    /// What the pool has counted. Takes no lock.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.block().shared().counters().read(self.block().engine().metrics())
    }

    /// Starts the high-water marks anew; see [`Pool::reset_peaks`](crate::Pool::reset_peaks).
    pub fn reset_peaks(&self) {
        self.block().engine().reset_peaks();
    }

    /// How long things took: waiting and acquiring (of a sample, unless [`Config::wait_times`] says otherwise),
    /// connecting, and the loans. Takes no lock.
    #[must_use]
    pub fn times(&self) -> Times {
        self.block().time_recorders().read(self.block().shared().config().wait_times, self.block().engine().acquired())
    }

    /// The connections in use: where each was acquired, and for how long it has been held. Takes no lock and stops no
    /// caller, so a connection that is acquired or released meanwhile may be missed.
    pub fn loans(&self) -> impl Iterator<Item = Loan> {
        loans(self.block())
    }

    /// The pool's name, its status and the longest loan, as an error has them.
    #[must_use]
    pub fn report(&self) -> PoolReport {
        current::report(self.block())
    }

    /// Why no connection can be made, if the last connect has failed. Takes a lock for a moment.
    ///
    /// `None` again when that is longer ago than twice the longest pause between connects, 10 s by default, and none is
    /// under way: no caller has asked for a connection since, and the next one has another attempt made. So a service
    /// that takes no requests while this is `Some` takes some again, and finds out.
    #[must_use]
    pub fn connect_error(&self) -> Option<SharedError> {
        prepare::connect_error(self.block())
    }

    /// The pool's options as they are now, with the defaults of a shared pool filled in: a copy.
    #[must_use]
    pub fn config(&self) -> Config {
        operations::config(self.block())
    }

    /// Changes options while the pool runs, as [`managed::Pool::reconfigure`](crate::managed::Pool::reconfigure): which
    /// ones, and from when on, is said there.
    ///
    /// What `change` leaves unset is at the default of a shared pool afterwards, so it may answer a configuration that
    /// was read anew. The pool keeps its `capacity` if that says nothing of it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Fixed`] with the name of an option that cannot be changed, and whatever [`Config::check`] finds.
    /// Nothing is changed then.
    ///
    /// # Panics
    ///
    /// If `change` does: nothing is changed then. If a waker or the manager's `on_discard` does, after the rest was
    /// done all the same.
    pub fn reconfigure(&self, change: impl Fn(Config) -> Config) -> Result<(), ConfigError> {
        reconfigure::reconfigure(self.block(), true, |present| defaults::changed(&present, &change))
    }

    /// The manager.
    #[must_use]
    pub fn manager(&self) -> &M {
        self.block().manager()
    }

    /// Tells the recorder of the `metrics` facade what the pool has counted: see
    /// [`managed::Pool::publish_metrics`](crate::managed::Pool::publish_metrics).
    ///
    /// # Panics
    ///
    /// If the recorder does.
    #[cfg(feature = "metrics")]
    pub fn publish_metrics(&self) {
        observe::publish(self.block());
    }
}
