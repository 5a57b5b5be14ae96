// knows: clock, loan, manager, parts, pool, upkeep, sync · must not know: what a pass does
//! Maintenance by a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{fmt, format, io};

use super::clock::Clock;
use super::loan::caller::{NoWait, at_once};
use super::manager::Manager;
use super::parts::ManagedParts;
use super::pool::Pool;
use super::upkeep::marking::{Marker, pause_marking, stop_marking};
use super::upkeep::pass::maintain;
use crate::sync::{Arc, AtomicBool, Lock, Relaxed, Weak, with_parker};

/// A thread that maintains a managed pool: from [`Pool::health_check`]. Dropping it stops the thread and waits until it
/// has ended.
///
/// # Blocking
///
/// The drop takes as long as the call of the manager that the thread is in.
#[must_use = "the thread is stopped when it is dropped"]
pub struct HealthCheck {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

struct Signal {
    is_stopped: AtomicBool,
    waker: Lock<Option<Waker>>,
}

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
    /// never. While the pool is not used the thread sleeps until something is due. A panic of the manager does not end
    /// it.
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
        let signal = Arc::new(Signal { is_stopped: AtomicBool::new(false), waker: Lock::new(None) });
        let (pool, told) = (Arc::downgrade(self), Arc::clone(&signal));
        let thread =
            thread::Builder::new().name(thread_name(self.config().name.as_str())).spawn(move || run(&pool, &told))?;
        Ok(HealthCheck { signal, thread: Some(thread) })
    }
}

fn thread_name(pool: &str) -> String {
    // `spawn` panics if the name has a zero byte in it.
    format!("conn_pool {}", pool.replace('\0', " "))
}

fn run<M: Manager, const N: usize, K: Clock>(pool: &Weak<Pool<M, N, K>>, signal: &Signal) {
    with_parker(|parker, waker| {
        let mut marker = Marker::new();
        signal.listen(waker);
        while let Some(pool) = pool.upgrade()
            && !signal.is_stopped.load(Relaxed)
            && !pool.is_closed()
        {
            pause_marking(&*pool);
            let began = pool.coarse();
            // A panic was reported through the panic hook.
            let _panic = catch_unwind(AssertUnwindSafe(|| at_once(maintain(&*pool, &NoWait, began))));
            let until = Instant::now() + marker.mark(&*pool, began, waker);
            drop(pool);
            parker.park(Some(until));
        }
        if let Some(pool) = pool.upgrade() {
            stop_marking(&*pool);
        }
    });
}

impl Signal {
    fn listen(&self, waker: &Waker) {
        let waker = waker.clone();
        // Nothing is dropped under the lock: there was no waker yet.
        self.waker.with(|own| *own = Some(waker));
    }

    fn stop(&self) {
        // Relaxed: the lock is taken next. Either the thread has registered its waker before, and is woken; or it does
        // so later, and then sees the flag.
        self.is_stopped.store(true, Relaxed);
        if let Some(waker) = self.waker.with(Option::take) {
            waker.wake();
        }
    }
}

impl HealthCheck {
    /// Whether the thread is running: it ends by itself when the pool was closed or dropped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for HealthCheck {
    fn drop(&mut self) {
        self.signal.stop();
        let thread = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = thread {
            // The thread catches panics of the manager; any other was reported through the panic hook.
            let _ended = thread.join();
        }
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheck").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}
