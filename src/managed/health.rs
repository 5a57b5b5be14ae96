// knows: clock, jobs, manager, parts, pool, upkeep, sync · must not know: what a pass does
//! Maintenance by a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, format, io};

use super::clock::Clock;
use super::jobs::Attendant;
use super::manager::Manager;
use super::parts::ManagedParts;
use super::pool::Pool;
use super::upkeep::connector::{STANDBY, begin_connector, end_connector, look, rest, stand_by};
use super::upkeep::crew::{AT_ONCE, Crew, PATIENCE, call};
use super::upkeep::marking::{Marker, stop_marking};
use crate::sync::{Arc, AtomicBool, Lock, Relaxed, Weak, with_parker};

/// A thread that maintains a managed pool, and the threads that connect for it: from [`Pool::health_check`]. Dropping
/// it ends them, and then callers connect themselves again.
///
/// # Blocking
///
/// The drop waits for the threads to end, for at most 40 ms. A thread whose call of the manager hangs ends when the
/// call does: the drop does not wait for that.
#[must_use = "maintenance ends when it is dropped"]
pub struct HealthCheck {
    signal: Arc<Signal>,
    crew: Arc<Crew>,
    thread: JoinHandle<()>,
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
        let signal = Arc::new(Signal { is_stopped: AtomicBool::new(false), waker: Lock::new(None) });
        let name = thread_name(self.config().name.as_str());
        let crew = Crew::new(name.clone());
        let (pool, told, own) = (Arc::downgrade(self), Arc::clone(&signal), Arc::clone(&crew));
        crew.enlist();
        // Before the thread is there: no caller connects itself once this call has returned.
        let is_connector = begin_connector(&**self, Attendant::Threads);
        let thread = thread::Builder::new().name(name).spawn(move || run(pool, &told, &own, is_connector));
        match thread {
            Ok(thread) => Ok(HealthCheck { signal, crew, thread }),
            Err(error) => {
                if is_connector {
                    end_connector(&**self);
                }
                Err(error)
            }
        }
    }
}

fn thread_name(pool: &str) -> String {
    // `spawn` panics if the name has a zero byte in it.
    format!("conn_pool {}", pool.replace('\0', " "))
}

fn run<M, const N: usize, K>(pool: Weak<Pool<M, N, K>>, signal: &Signal, crew: &Arc<Crew>, mut is_connector: bool)
where
    M: Manager<Connection: Send> + Send + Sync + 'static,
    K: Clock + Send + Sync + 'static,
{
    // A panic of the clock's was reported through the panic hook.
    let _panic = catch_unwind(AssertUnwindSafe(|| attend_until_stopped(&pool, signal, crew, &mut is_connector)));
    if let Some(pool) = pool.upgrade() {
        if is_connector {
            stop_marking(&*pool);
            end_connector(&*pool);
        }
        // What was handed over is done all the same. Nobody is there later to call for more threads.
        call(crew, &pool, usize::MAX);
    }
    // The crew's count says that the thread knows the pool no longer.
    drop(pool);
    crew.leave();
}

fn attend_until_stopped<M, const N: usize, K>(
    pool: &Weak<Pool<M, N, K>>,
    signal: &Signal,
    crew: &Arc<Crew>,
    is_connector: &mut bool,
) where
    M: Manager<Connection: Send> + Send + Sync + 'static,
    K: Clock + Send + Sync + 'static,
{
    with_parker(|parker, waker| {
        signal.listen(waker);
        let mut marker = Marker::new();
        while let Some(pool) = pool.upgrade()
            && !signal.is_stopped.load(Relaxed)
            // The connections of a closed pool are ended too.
            && (!pool.is_closed() || pool.shared().jobs() > 0)
        {
            *is_connector = *is_connector || begin_connector(&*pool, Attendant::Threads);
            let next = if *is_connector {
                attend_once(crew, &pool, &mut marker, waker)
            } else if stand_by(&*pool, waker) {
                STANDBY
            } else {
                Duration::ZERO
            };
            drop(pool);
            parker.park(Some(Instant::now() + next));
        }
    });
}

/// Does what is due, and answers when to look again.
fn attend_once<M, const N: usize, K>(
    crew: &Arc<Crew>,
    pool: &Arc<Pool<M, N, K>>,
    marker: &mut Marker,
    waker: &Waker,
) -> Duration
where
    M: Manager<Connection: Send> + Send + Sync + 'static,
    K: Clock + Send + Sync + 'static,
{
    let looked = look(&**pool);
    let next = rest(&**pool, &looked, marker, waker).at_most;
    if call(crew, pool, AT_ONCE) { next } else { next.min(PATIENCE) }
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
        !self.thread.is_finished()
    }
}

impl Drop for HealthCheck {
    fn drop(&mut self) {
        self.signal.stop();
        // The thread itself does not wait for its own end.
        let patience = if self.thread.thread().id() == thread::current().id() { Duration::ZERO } else { PATIENCE };
        self.crew.dismiss(patience);
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheck").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}
