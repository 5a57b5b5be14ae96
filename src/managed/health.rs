//! Layer 6 · part of managed · knows: maintenance, threads · must not know: what is done
//!
//! A thread that looks after a pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{fmt, format, io};

use super::clock::Clock;
use super::keep::Keep;
use super::maintenance::{Watch, look_away, look_no_more, maintain};
use super::manager::Manager;
use super::pool::Pool;
use super::worker::{Now, at_once};
use crate::sync::{Arc, AtomicBool, Lock, Relaxed, Weak, with_parker};

/// A thread that looks after a managed pool: from [`Pool::health_check`]. Dropping it stops the thread and waits until it
/// has ended, which takes as long as a call of the manager's that it is in the midst of.
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
    /// Starts a thread that [maintains](Self::maintain) the pool as often as is needed, until the handle is dropped, the
    /// pool is closed, or everybody else has let go of it.
    ///
    /// While it runs, borrowers need not look at the clock. It sleeps while nobody uses the pool, but for what is due. A
    /// panic of the manager's does not end it.
    ///
    /// Borrowers rely on the thread to run in time: if the whole system stood still, a connection that has died meanwhile
    /// may be lent once without a check.
    ///
    /// # Errors
    ///
    /// If the system has no thread to spare.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Manage, Manager, Pool};
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Manage for Server { type Connection = (); type Error = (); }
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
        let thread = thread::Builder::new().name(thread_name(self.config().name)).spawn(move || run(&pool, &told))?;
        Ok(HealthCheck { signal, thread: Some(thread) })
    }
}

fn thread_name(pool: &str) -> String {
    // A zero would be refused.
    format!("conn_pool {}", pool.replace('\0', " "))
}

fn run<M: Manager, const N: usize, K: Clock>(pool: &Weak<Pool<M, N, K>>, signal: &Signal) {
    with_parker(|parker, waker| {
        let mut watch = Watch::new();
        signal.listen(waker);
        while let Some(pool) = pool.upgrade()
            && !signal.is_stopped.load(Relaxed)
            && !pool.is_closed()
        {
            look_away(&*pool);
            // Whoever panics has said so by then, through the panic hook.
            let _panic = catch_unwind(AssertUnwindSafe(|| at_once(maintain(&*pool, &Now, (&*pool).coarse()))));
            let until = Instant::now() + watch.look(&*pool, waker);
            drop(pool);
            parker.park(Some(until));
        }
        if let Some(pool) = pool.upgrade() {
            look_no_more(&*pool);
        }
    });
}

impl Signal {
    fn listen(&self, waker: &Waker) {
        let waker = waker.clone();
        // It was empty.
        self.waker.with(|own| *own = Some(waker));
    }

    fn stop(&self) {
        // Relaxed: the lock is taken next. Either the thread has listened before, and is woken; or it does later, and sees this.
        self.is_stopped.store(true, Relaxed);
        if let Some(waker) = self.waker.with(Option::take) {
            waker.wake();
        }
    }
}

impl HealthCheck {
    /// Whether the thread is still there: it ends by itself when the pool was closed or dropped.
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
            // It catches the panics of others; should it have one of its own, that was reported.
            let _ended = thread.join();
        }
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheck").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}
