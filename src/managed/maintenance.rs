// knows: clock, jobs, loan, manager, own_process, parts, pool, report, upkeep · must not know: what a pass does
//! Maintenance by the user's own loop or task.

use core::time::Duration;

use super::clock::{CanSleep, Clock, Millis, assert_can_sleep};
use super::jobs::Attendant;
use super::loan::caller::{Async, NoWait, at_once};
use super::manager::Manager;
use super::manager::local::Awaited;
use super::own_process::OwnProcess;
use super::parts::ManagedParts;
use super::pool::Pool;
use super::report::MaintenanceReport;
use super::upkeep::connector::Attendance;
use super::upkeep::pass::maintain;
use super::upkeep::task::maintain_until_closed;

/// Maintenance by a loop of your own.
impl<M: Manager, const N: usize, K: Clock> Pool<M, N, K> {
    /// Runs one pass of maintenance: discards connections that are too old, or idle for too long beyond `min_idle`;
    /// checks those that were not used for as long as `keepalive`; makes new ones up to `min_idle`; reports leaks.
    ///
    /// `now` is the time by the pool's [clock](Clock). Call it again after [`MaintenanceReport::next`], or whenever it
    /// suits you: what is late is done late, and acquires read the clock themselves meanwhile. If another
    /// pass is running, nothing is done. With `std` there are `health_check` and, for tasks,
    /// [`run_maintenance`](Self::run_maintenance), which call it as often as is needed, so that a release need not read
    /// the clock, and an acquire no more than once.
    ///
    /// # Blocking
    ///
    /// As long as the manager takes. A connection is withheld from callers only while it is being checked, discarded or
    /// made.
    ///
    /// # Panics
    ///
    /// If the manager does; nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Clock, Config, Lifecycle, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = (); type Error = (); }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> Result<(), ()> { Ok(()) } }
    /// let pool = Pool::<_, 8>::new(Server, Config::new().min_idle(2)).unwrap();
    /// let done = pool.maintain(pool.clock().now());
    /// assert_eq!((done.connected, pool.status().idle), (2, 2));
    /// ```
    pub fn maintain(&self, now: Duration) -> MaintenanceReport {
        at_once(maintain(self, &NoWait, Millis::at(now)))
    }
}

/// Maintenance by a task of your own.
impl<M: Awaited, const N: usize, K: Clock> Pool<M, N, K> {
    /// As [`maintain`](Self::maintain), for a manager that awaits.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment: a connect ends, a connection that was being checked is discarded.
    ///
    /// # Panics
    ///
    /// As [`maintain`](Self::maintain).
    pub async fn maintain_async(&self, now: Duration) -> MaintenanceReport {
        OwnProcess::new(self.shared(), maintain(self, &Async::of_pool(self.clock()), Millis::at(now))).await
    }

    /// Maintains the pool as often as is needed, until it is closed: a future to spawn, for clocks that [can
    /// sleep](CanSleep).
    ///
    /// While it runs, a release need not read the clock, and an acquire reads it once for
    /// [`validate_after`](super::Config::validate_after) or [`validate_every`](super::Config::validate_every), else
    /// never: to see that the future was polled in time. If it was not, ages are told by the clock until it is.
    ///
    /// The future connects, up to [`max_connecting`](super::Config::max_connecting) at a time, and checks idle
    /// connections, all of it side by side (without the feature `alloc` one after the other). So:
    ///
    /// - a caller that finds nothing idle waits, and gets what comes first: a connection that is released, or one that
    ///   is made. A connect outlives the caller for which it was begun, and serves the next one;
    /// - a failed connect is tried again, after a pause ([`Config::retry`](super::Config::retry)), until the callers'
    ///   deadlines; see [`Config::fail_fast`](super::Config::fail_fast).
    ///
    /// Each connect and each check allocates.
    ///
    /// # Blocking
    ///
    /// The future must be polled for callers to get new connections: a [`get`](Self::get) on the thread that polls it
    /// would wait for itself. What the manager does without awaiting ([`on_discard`](super::Lifecycle::on_discard),
    /// [`reset`](super::Lifecycle::reset)) is done by whoever releases or finds the connection, and must not block.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment, and begun anew: connects end, and callers connect themselves.
    ///
    /// # Panics
    ///
    /// If the manager does: maintenance then stops, until it is begun anew.
    pub fn run_maintenance(&self) -> impl Future<Output = ()>
    where
        K: CanSleep,
    {
        const { assert_can_sleep::<K>() };
        maintain_until_closed(self, self.clock(), Attendance::new(self, Attendant::Task))
    }
}
