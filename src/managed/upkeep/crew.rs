// knows: work, loan, manager, parts, sync · must not know: what is to be done, when it is due
//! The threads that do what was handed over, for managers that block: started on demand, and ended when they are idle.

use core::mem::replace;
use core::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::thread;
use std::time::{Duration, Instant};

use super::work::{perform, take};
use crate::managed::loan::caller::{NoWait, at_once};
use crate::managed::manager::Manager;
use crate::managed::parts::ManagedParts;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, with_parker};

/// How long a thread waits for the next job before it ends.
const IDLE: Duration = Duration::from_secs(5);

/// How long the closing of a pool waits for connections that are being ended, and the end of maintenance for its
/// threads.
pub(crate) const PATIENCE: Duration = Duration::from_millis(40);

/// How many threads are called at once. If there are jobs left soon after, as many more are.
pub(crate) const AT_ONCE: usize = 8;

/// A pool as the threads that maintain it know it, between two looks at it.
pub(crate) trait Known: Clone + Send + 'static {
    type Pool: ManagedParts<Manager: Manager>;

    /// The pool, if it is still there.
    fn pool(&self) -> Option<impl Deref<Target = Self::Pool>>;
}

impl<P> Known for Weak<P>
where
    P: ManagedParts<Manager: Manager> + Send + Sync + 'static,
{
    type Pool = P;

    fn pool(&self) -> Option<impl Deref<Target = P>> {
        self.upgrade()
    }
}

impl<P> Known for &'static P
where
    P: ManagedParts<Manager: Manager> + Sync,
{
    type Pool = P;

    fn pool(&self) -> Option<impl Deref<Target = P>> {
        Some(*self)
    }
}

/// The threads of one pool.
pub(crate) struct Crew {
    name: String,
    state: Mutex<State>,
    /// An idle thread is called, or all are to end; or one has arrived or ended.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads that wait for a job.
    idle: usize,
    /// How many of the idle ones were called.
    called: usize,
    /// Threads on the way to a job: those called, and those started.
    coming: usize,
    /// All threads that know the pool, also the one that attends to it.
    alive: usize,
    /// The threads end as soon as they find no job.
    is_dismissed: bool,
}

impl Crew {
    /// A crew without threads yet, whose threads are called `name`.
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self { name, state: Mutex::default(), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No user code runs under this lock, so it is never poisoned half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the threads that are idle now, and the others as they fall idle. Waits for that for at most `patience`.
    pub(crate) fn dismiss(&self, patience: Duration) {
        let mut state = self.state();
        state.is_dismissed = true;
        self.changed.notify_all();
        let is_ending = |state: &mut State| state.alive > 0;
        drop(self.changed.wait_timeout_while(state, patience, is_ending));
    }

    /// Counts a thread that is about to be started, until it [leaves](Self::leave).
    pub(crate) fn enlist(&self) {
        self.state().alive += 1;
    }

    /// A thread ends, and does not know the pool any longer.
    pub(crate) fn leave(&self) {
        self.state().alive -= 1;
        self.changed.notify_all();
    }

    /// Takes note of a thread that is on its way to a job no longer.
    fn arrive(&self) {
        self.state().coming -= 1;
        self.changed.notify_all();
    }

    /// Waits until the calling thread is called, which it answers with `true`, or has been idle for too long: then it
    /// has to [leave](Self::leave).
    fn rest(&self) -> bool {
        let mut state = self.state();
        let until = Instant::now() + IDLE;
        state.idle += 1;
        while state.called == 0 && !state.is_dismissed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.idle -= 1;
        let is_called = state.called > 0;
        state.called -= usize::from(is_called);
        self.changed.notify_all();
        is_called
    }

    /// Calls as many idle threads as are missing for so many to be on their way, and answers how many are to be started
    /// besides.
    fn call(&self, threads: usize) -> usize {
        let mut state = self.state();
        let missing = threads.saturating_sub(state.coming);
        let called = missing.min(state.idle - state.called);
        state.called += called;
        state.coming += missing;
        state.alive += missing - called;
        self.changed.notify_all();
        missing - called
    }
}

/// Waits until the connections that were handed over are ended, but no longer than a caller can be made to wait for a
/// connection that does not end.
pub(crate) fn await_discards<P: ManagedParts>(pool: &P) {
    if pool.shared().is_forked() {
        return;
    }
    with_parker(|parker, waker| {
        let until = Instant::now() + PATIENCE;
        while pool.shared().await_discards(waker) && parker.park(Some(until)) {}
    });
}

/// Has threads on their way to the jobs that were handed over, up to `most`. `false` if the system cannot start one:
/// then the jobs wait for those that there are.
pub(crate) fn call<K: Known>(crew: &Arc<Crew>, known: &K, pool: &K::Pool, most: usize) -> bool {
    let missing = crew.call(pool.shared().jobs().min(most));
    for started in 0..missing {
        let (own, known) = (Arc::clone(crew), known.clone());
        if thread::Builder::new().name(crew.name.clone()).spawn(move || serve(&own, known)).is_err() {
            (started..missing).for_each(|_| {
                crew.arrive();
                crew.leave();
            });
            return false;
        }
    }
    true
}

fn serve<K: Known>(crew: &Crew, known: K) {
    loop {
        // Begins with a call.
        let mut has_arrived = false;
        while let Some(pool) = known.pool() {
            let errand = take(&*pool);
            if !replace(&mut has_arrived, true) {
                crew.arrive();
            }
            let Some(errand) = errand else { break };
            let has_sequel = errand.has_sequel();
            // A panic was reported through the panic hook.
            let _panic = catch_unwind(AssertUnwindSafe(|| at_once(perform(&*pool, &NoWait, errand))));
            if has_sequel {
                pool.shared().wake();
            }
        }
        if !has_arrived {
            crew.arrive();
        }
        if !crew.rest() {
            break;
        }
    }
    drop(known);
    crew.leave();
}
