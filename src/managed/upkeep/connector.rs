// knows: due, marking, pass, work, clock, event, jobs, loan, meeting, outage, parts, record, report, engine, sync ·
// must not know: who does the jobs
//! The pool's connector, as the thread or the task that maintains the pool: it decides what is to be done, and calls
//! nothing that may take long itself. So nothing that hangs delays what must go on.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::ops::Deref;
use core::pin::pin;
use core::task::{Poll, Waker};
use core::time::Duration;

use super::due::SHORTEST;
use super::marking::{Marker, pause_marking, stop_marking, woken};
use super::pass::{Hands, Refill, has_new_leaks, put_off, run_pass};
use super::work::end_next;
use crate::engine::SlotState;
use crate::managed::clock::{Millis, duration};
use crate::managed::event::CheckReason;
use crate::managed::jobs::{Attendant, Job};
use crate::managed::loan::caller::at_once;
use crate::managed::loan::hand_off::hand_off;
use crate::managed::loan::tokens::{ClaimedSlot, ConnectingSlot};
use crate::managed::meeting::Meeting;
use crate::managed::outage::Demand;
use crate::managed::parts::ManagedParts;
use crate::managed::record::REQUIRED;
use crate::managed::report::MaintenanceReport;
use crate::sync::run_to_end;

/// How long the check of an idle connection may take before the next one is begun beside it, in milliseconds.
const PATIENCE: usize = 100;

/// How often one that maintains a pool beside its connector looks whether that has ended.
pub(crate) const STANDBY: Duration = Duration::from_secs(1);

/// How long until the next look while jobs wait to be begun, or checks do not end.
const SOON: Duration = Duration::from_millis(PATIENCE as u64);

/// Makes the calling thread or task the pool's connector; `false` if there is one already.
pub(crate) fn begin_connector<P: ManagedParts>(pool: &P, attendant: Attendant) -> bool {
    pool.shared().belong_to_process();
    let is_first = pool.engine().begin_connector();
    if is_first {
        pool.shared().attend_jobs(attendant);
        // Tasks that connect themselves leave that to the connector, whose connects outlive them.
        (0..pool.engine().states().len()).filter_map(|slot| pool.meeting(slot)).for_each(Meeting::call);
    }
    is_first
}

/// The pool has no connector any more, and callers connect themselves. What was handed over is still to be done.
pub(crate) fn end_connector<P: ManagedParts>(pool: &P) {
    // The slots that were claimed for callers are vacated, for the callers to connect in.
    give_up_connects(pool);
    pool.shared().attend_jobs(Attendant::Nobody);
    drop(pool.engine().end_connector());
    // After that, so that it can begin.
    pool.shared().call_standby();
}

/// Has `waker` called when the pool has no connector any more; `false` if it has none by now.
pub(crate) fn stand_by<P: ManagedParts>(pool: &P, waker: &Waker) -> bool {
    pool.shared().stand_by(waker);
    // After the waker was left: a connector that ends later calls it.
    pool.engine().has_connector()
}

/// A task's part as the pool's connector, as long as it maintains the pool. `H` is its reference to the pool.
pub(crate) struct Attendance<H: Deref<Target: ManagedParts + Sized>> {
    pool: H,
    attendant: Attendant,
    is_connector: bool,
}

impl<H: Deref<Target: ManagedParts + Sized>> Attendance<H> {
    pub(crate) const fn new(pool: H, attendant: Attendant) -> Self {
        Self { pool, attendant, is_connector: false }
    }

    /// Whether a panic in one job leaves the others alone.
    pub(crate) const fn survives_panics(&self) -> bool {
        self.attendant.survives_panics()
    }

    /// Makes the task the pool's connector; `false` if there is another one.
    pub(crate) fn begin(&mut self) -> bool {
        self.is_connector = self.is_connector || begin_connector(&*self.pool, self.attendant);
        self.is_connector
    }

    /// As [`look`]; `None` if the pool has another connector.
    pub(crate) fn look(&mut self) -> Option<Looked> {
        self.begin().then(|| look(&*self.pool))
    }
}

impl<H: Deref<Target: ManagedParts + Sized>> Drop for Attendance<H> {
    fn drop(&mut self) {
        if self.is_connector {
            if self.attendant.has_runtime() {
                require_checks(&*self.pool);
            }
            stop_marking(&*self.pool);
            end_connector(&*self.pool);
            run_to_end(|| end_next(&*self.pool));
        }
    }
}

/// What was made on a runtime that has ended may not work any more: each connection is checked before it is lent, also
/// to the first caller, who has the pool maintained elsewhere.
fn require_checks<P: ManagedParts>(pool: &P) {
    for (slot, _) in pool.engine().states().iter().enumerate().filter(|(_, state)| SlotState::is_filled(state)) {
        pool.record(slot).mark(REQUIRED);
    }
}

fn give_up_connects<P: ManagedParts>(pool: &P) {
    while let Some(slot) = pool.shared().take_connect(|slot| pool.record(slot)) {
        drop(ConnectingSlot::new(pool, slot));
    }
}

/// What [`look`] has seen, for [`rest`].
pub(crate) struct Looked {
    began: Millis,
    /// How many idle connections there are to be; none while connects for them have to wait for the end of a pause.
    floor: usize,
    /// A connect may be begun when it is asked for.
    may_connect: bool,
    /// Connects for the floor have to wait, since one was begun just now.
    is_held_back: bool,
}

/// Does everything that is due without calling the manager, and leaves jobs for what needs the manager.
pub(crate) fn look<P: ManagedParts>(pool: &P) -> Looked {
    pause_marking(pool);
    let (began, hands) = (pool.coarse(), Others { replaced: Cell::new(0) });
    at_once(run_pass(pool, &hands, began));
    let floor =
        if pool.shared().may_connect(began, Demand::Floor) { wanted_idle(pool, hands.replaced.get()) } else { 0 };
    let may_connect = connect_wanted(pool, floor);
    Looked { began, floor, may_connect, is_held_back: floor > 0 && !pool.shared().may_fill(began, SHORTEST) }
}

/// How many idle connections there are to be, with those that are to be `replaced`.
fn wanted_idle<P: ManagedParts>(pool: &P, replaced: usize) -> usize {
    // A connection that is being checked will be idle again, or be made up for.
    (pool.shared().settings().min_idle() + replaced).saturating_sub(pool.shared().probes())
}

/// What the connector waits for until it looks again.
pub(crate) struct Rest {
    /// How long it waits at most.
    pub(crate) at_most: Duration,
    /// How many idle connections there are to be, unless connects have to wait.
    floor: Option<usize>,
}

/// Has `waker` called when there is something to do. There may be jobs by now.
pub(crate) fn rest<P: ManagedParts>(pool: &P, looked: &Looked, marker: &mut Marker, waker: &Waker) -> Rest {
    // What is handed over from now on is heard of.
    let next = marker.mark(pool, looked.began, waker);
    let mut may_connect = looked.may_connect;
    let floor = if looked.is_held_back { 0 } else { looked.floor };
    while may_connect && !pool.engine().await_demand(waker, floor) {
        may_connect = connect_wanted(pool, floor);
    }
    let is_soon = pool.shared().jobs() > 0 || pool.shared().probes() > 0;
    let next = if is_soon { next.min(SOON) } else { next };
    // The pause may have begun after the time was reckoned.
    let due = if may_connect { None } else { pool.shared().connect_due(pool.coarse(), Demand::Caller) };
    let next = due.map_or(next, |due| next.min(duration(due.get())));
    let next = if looked.is_held_back { next.min(duration(SHORTEST)) } else { next };
    Rest { at_most: next, floor: may_connect.then_some(floor) }
}

/// Waits, as a task, until the connector is called.
pub(crate) async fn called<P: ManagedParts>(pool: &P, rest: &Rest) {
    let mut woken = pin!(woken(pool));
    poll_fn(|context| {
        if rest.floor.is_some_and(|floor| !pool.engine().await_demand(context.waker(), floor)) {
            return Poll::Ready(());
        }
        woken.as_mut().poll(context)
    })
    .await;
}

/// Begins the connects that callers and the floor of idle connections ask for: while connecting fails, one a pause,
/// and not before the pause is over. Answers whether another may be begun when it is asked for.
fn connect_wanted<P: ManagedParts>(pool: &P, floor: usize) -> bool {
    let (engine, shared, now) = (pool.engine(), pool.shared(), pool.coarse());
    engine.distrust_connects(shared.is_failing());
    loop {
        if !shared.may_connect(now, Demand::Caller) {
            engine.ignore_demand();
            return false;
        }
        let is_for_floor = engine.waiting() == 0;
        let held_back = is_for_floor && floor > 0 && !shared.may_fill(now, SHORTEST);
        let Some(slot) = engine.claim_wanted(if held_back { 0 } else { floor }) else { return true };
        if is_for_floor {
            shared.note_fill();
        }
        // While connecting fails the next one has to wait, also if this one hangs.
        shared.note_attempt(now);
        if let Err(slot) = shared.push_job(slot, Job::Connect, |slot| pool.record(slot)) {
            // Not so: the queue is attended to as long as there is a connector.
            drop(ConnectingSlot::new(pool, slot));
            return false;
        }
    }
}

/// A pass that leaves what may take long to others.
struct Others {
    /// How many idle connections wait for their replacement.
    replaced: Cell<usize>,
}

impl<P: ManagedParts> Hands<P> for Others {
    fn report_leaks(&self, pool: &P, now: Millis) -> usize {
        if has_new_leaks(pool, now) {
            pool.shared().ask_report();
        }
        0
    }

    fn publish(&self, pool: &P) {
        if cfg!(feature = "metrics") {
            pool.shared().ask_report();
        }
    }

    fn may_check(&self, pool: &P, now: Millis) -> bool {
        pool.shared().begin_probe(now, PATIENCE)
    }

    async fn check(&self, pool: &P, claimed: ClaimedSlot<'_, P>, why: CheckReason) -> bool {
        if let Err(slot) = hand_off(pool, claimed.into_slot(), Job::Probe(why)) {
            pool.shared().end_probe();
            drop(ClaimedSlot::new(pool, slot));
        }
        true
    }

    async fn replace(&self, pool: &P, now: Millis, _done: &mut MaintenanceReport) -> Refill {
        put_off(pool, now, &self.replaced)
    }

    async fn fill_up(&self, _pool: &P, _now: Millis, _done: &mut MaintenanceReport) {}
}

#[cfg(all(test, feature = "std", not(any(conn_pool_loom, conn_pool_shuttle))))]
mod tests {
    use super::{Marker, begin_connector, end_connector, look, rest};
    use crate::managed::clock::Millis;
    use crate::managed::jobs::Attendant;
    use crate::managed::outage::Purpose;
    use crate::managed::parts::ManagedParts;
    use crate::managed::{AsyncManager, Clock, Config, Lifecycle, Pool, Retry};
    use core::cell::{Cell, OnceCell};
    use core::pin::pin;
    use core::task::{Context, Waker};
    use core::time::Duration;
    use std::boxed::Box;
    use std::convert::Infallible;
    use std::rc::Rc;

    const NOW: Duration = Duration::from_secs(1);

    struct Server;

    impl Lifecycle for Server {
        type Connection = ();
        type Error = Infallible;
    }

    impl AsyncManager for Server {
        async fn connect(&self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    /// It stands still, and something happens while it is read.
    #[derive(Default)]
    struct Eventful {
        reads: Cell<usize>,
        on_read: OnceCell<Box<dyn Fn(usize)>>,
    }

    impl Clock for Eventful {
        fn now(&self) -> Duration {
            self.reads.update(|reads| reads + 1);
            if let Some(happen) = self.on_read.get() {
                happen(self.reads.get());
            }
            NOW
        }
    }

    /// What would wake the connector else is the end of a period, half a minute away.
    #[test]
    fn a_pause_that_begins_after_the_time_was_reckoned_ends_the_rest() {
        let config = Config::new().max_lifetime(None).validate_after(None).idle_timeout(None).keepalive(None);
        let pool = Rc::new(Pool::<Server, 1, Eventful>::with_clock(Server, config, Eventful::default()).unwrap());
        assert!(begin_connector(&*pool, Attendant::Task));
        let looked = look(&*pool);
        let mut caller = pin!(pool.get_async());
        assert!(caller.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        pool.clock().reads.set(0);
        let others = Rc::downgrade(&pool);
        // The last reading is for the connect that the caller has asked for.
        let happen = Box::new(move |reads| {
            if reads == 2 {
                others.upgrade().unwrap().shared().note_failure(Millis::at(NOW), None, Purpose::Pool);
            }
        });
        assert!(pool.clock().on_read.set(happen).is_ok());
        let rest = rest(&*pool, &looked, &mut Marker::new(), Waker::noop());
        assert!(rest.at_most <= Retry::DEFAULT.first_pause, "{:?}", rest.at_most);
        end_connector(&*pool);
    }
}
