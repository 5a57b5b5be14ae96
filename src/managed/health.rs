// knows: clock, manager, pool, upkeep, sync · must not know: what a pass does
//! Maintenance by a thread.

use std::{fmt, io};

use super::clock::Clock;
use super::manager::Manager;
use super::pool::Pool;
use super::upkeep::thread::Maintainers;
use crate::sync::Arc;

/// A thread that maintains a managed pool, and the threads that connect for it: from [`Pool::health_check`]. Dropping
/// it ends them, and then callers connect themselves again.
///
/// # Blocking
///
/// The drop waits for the threads to end, for at most 40 ms. A thread whose call of the manager hangs ends when the
/// call does: the drop does not wait for that.
#[must_use = "maintenance ends when it is dropped"]
pub struct HealthCheck(Maintainers);

impl<M, const N: usize, K> Pool<M, N, K>
where
    M: Manager<Connection: Send> + Send + Sync + 'static,
    K: Clock + Send + Sync + 'static,
{
    /// Starts a thread that [maintains](Self::maintain) the pool as often as is needed, until the handle is dropped,
    /// the pool is closed, or the last other `Arc` of the pool is dropped.
    ///
    /// While it runs, a release need not read the clock, and an acquire reads it once for
    /// [`validate_after`](super::Config::validate_after) or [`validate_every`](super::Config::validate_every), else
    /// never. While the pool is not used the thread sleeps until something is due.
    ///
    /// It calls nothing of the manager's itself. Threads of its own do that, which it starts on demand, and which end
    /// when they have had nothing to do for 5 s: they connect, up to [`max_connecting`](super::Config::max_connecting)
    /// at a time, check, and end connections. So while it runs:
    ///
    /// - a caller that finds nothing idle waits, and gets what comes first: a connection that is released, or one that
    ///   is made. A connect outlives the caller for which it was begun, and serves the next one;
    /// - a caller's deadline is kept, whatever the manager does;
    /// - a failed connect is tried again, after a pause ([`Config::retry`](super::Config::retry)), until the callers'
    ///   deadlines; see [`Config::fail_fast`](super::Config::fail_fast);
    /// - a call of the manager that hangs keeps its thread and its slot, and nothing else. A panic of the manager ends
    ///   nothing.
    ///
    /// If the process was stopped, or the thread is late for another reason, acquires see by that reading that its
    /// marks are old, and tell ages by the clock until it marks again. A suspension of the machine is seen by the
    /// thread, on Linux, in its next pass ([`Clock::suspended`]): a caller that comes before that may get a connection
    /// unchecked that was in use shortly before the machine was suspended.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Lifecycle, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = (); type Error = (); }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> Result<(), ()> { Ok(()) } }
    /// use std::sync::Arc;
    ///
    /// let pool = Arc::new(Pool::<_, 8>::new(Server, Config::new().min_idle(2))?);
    /// let health = pool.health_check()?;
    /// // ... serve ...
    /// drop(health);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn health_check(self: &Arc<Self>) -> io::Result<HealthCheck> {
        Maintainers::start(Arc::downgrade(self), self).map(HealthCheck)
    }

    /// [`health_check`](Self::health_check) for a pool that is a `static`.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Lifecycle, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = (); type Error = (); }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> Result<(), ()> { Ok(()) } }
    /// static POOL: Pool<Server, 8> = Pool::const_new(Server, Config::new().min_idle(2));
    ///
    /// let health = POOL.static_health_check()?;
    /// // ... serve ...
    /// drop(health);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn static_health_check(&'static self) -> io::Result<HealthCheck> {
        Maintainers::start(self, self).map(HealthCheck)
    }
}

impl HealthCheck {
    /// Whether the thread is running: it ends by itself when the pool was closed or dropped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.is_running()
    }
}

impl Drop for HealthCheck {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheck").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}
