// knows: connector, crew, marking, jobs, parts, slot, sync · must not know: what a pass does
//! Maintenance as a thread: it decides what is due, and has the threads of the crew do it.

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{format, io};

use super::connector::{STANDBY, begin_connector, end_connector, look, rest, stand_by};
use super::crew::{AT_ONCE, Crew, Known, PATIENCE, call};
use super::marking::{Marker, stop_marking};
use crate::managed::jobs::Attendant;
use crate::managed::parts::ManagedParts;
use crate::slot::PoolParts;
use crate::sync::{Arc, Lock, PlainBool, Relaxed, process, with_parker};

/// The threads that maintain one pool.
pub(crate) struct Maintainers {
    signal: Arc<Signal>,
    crew: Arc<Crew>,
    /// Until it is dropped.
    thread: Option<JoinHandle<()>>,
    /// Whose threads they are.
    process: usize,
}

struct Signal {
    is_stopped: PlainBool,
    waker: Lock<Option<Waker>>,
}

impl Maintainers {
    /// Starts a thread that maintains the pool until it is stopped, or the pool is closed or gone.
    pub(crate) fn start<K: Known>(known: K, pool: &K::Pool) -> io::Result<Self> {
        if pool.shared().is_forked() {
            return Err(io::Error::other("this process is the child of a fork, and the pool is its parent's"));
        }
        let signal = Arc::new(Signal { is_stopped: PlainBool::new(false), waker: Lock::new(None) });
        let name = thread_name(pool.shared().config().name.as_str());
        let crew = Crew::new(name.clone());
        let (told, own) = (Arc::clone(&signal), Arc::clone(&crew));
        crew.enlist();
        // Before the thread is there: no caller connects itself once this call has returned.
        let is_connector = begin_connector(pool, Attendant::Threads);
        let thread = thread::Builder::new().name(name).spawn(move || run(known, &told, &own, is_connector));
        match thread {
            Ok(thread) => Ok(Self { signal, crew, thread: Some(thread), process: process() }),
            Err(error) => {
                if is_connector {
                    end_connector(pool);
                }
                Err(error)
            }
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the threads, and waits a moment for that. A fork's child has none of them.
    pub(crate) fn stop(&self) {
        if self.process != process() {
            return;
        }
        self.signal.stop();
        // The thread itself does not wait for its own end.
        let is_own = self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id());
        self.crew.dismiss(if is_own { Duration::ZERO } else { PATIENCE });
    }
}

impl Drop for Maintainers {
    fn drop(&mut self) {
        // In a fork's child there is no such thread, and the system must not be told of one.
        if self.process != process() {
            forget(self.thread.take());
        }
    }
}

fn thread_name(pool: &str) -> String {
    // `spawn` panics if the name has a zero byte in it.
    format!("conn_pool {}", pool.replace('\0', " "))
}

fn run<K: Known>(known: K, signal: &Signal, crew: &Arc<Crew>, mut is_connector: bool) {
    // A panic of the clock's was reported through the panic hook.
    let _panic = catch_unwind(AssertUnwindSafe(|| attend_until_stopped(&known, signal, crew, &mut is_connector)));
    let pool = known.pool();
    if let Some(pool) = &pool {
        if is_connector {
            stop_marking(&**pool);
            end_connector(&**pool);
        }
        // What was handed over is done all the same. Nobody is there later to call for more threads.
        call(crew, &known, pool, usize::MAX);
    }
    // The crew's count says that the thread knows the pool no longer.
    drop(pool);
    drop(known);
    crew.dismiss(Duration::ZERO);
    crew.leave();
}

fn attend_until_stopped<K: Known>(known: &K, signal: &Signal, crew: &Arc<Crew>, is_connector: &mut bool) {
    with_parker(|parker, waker| {
        signal.listen(waker);
        let mut marker = Marker::new();
        while let Some(pool) = known.pool()
            && !signal.is_stopped.load(Relaxed)
            // The connections of a closed pool are ended too.
            && (!pool.engine().is_closed() || pool.shared().has_jobs_to_come())
        {
            *is_connector = *is_connector || begin_connector(&*pool, Attendant::Threads);
            let next = if *is_connector {
                attend_once(crew, known, &*pool, &mut marker, waker)
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
fn attend_once<K: Known>(crew: &Arc<Crew>, known: &K, pool: &K::Pool, marker: &mut Marker, waker: &Waker) -> Duration {
    let looked = look(pool);
    let next = rest(pool, &looked, marker, waker).at_most;
    if call(crew, known, pool, AT_ONCE) { next } else { next.min(PATIENCE) }
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
