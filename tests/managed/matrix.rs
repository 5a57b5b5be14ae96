//! Whatever the manager does, and wherever a caller is cancelled, nothing is lost: all outcomes at all points, for
//! threads and for tasks, alone and with others in the queue.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use conn_pool::Fairness;
use conn_pool::managed::{
    AsyncManager, Config, ConnGuard, DiscardReason, GetError, Lifecycle, Manager, OwnedConnGuard,
};
use futures::executor::block_on;
use futures::future::{AbortHandle, abortable};

use crate::kit::managed::owned;
use crate::kit::{Census, Conn, Gate, SimClock, State, alone, lock, panic_as_planned, survive, wait_until, watched};

pub(super) const N: usize = 2;
/// How long a thread waits whose time is to run out: long enough that it gets where it is to be then.
const SHORT: Duration = Duration::from_millis(400);
const LIFETIME: Duration = Duration::from_secs(10 * 60);

pub(super) type Pool = conn_pool::managed::Pool<Rig, N, SimClock>;
type Owned = OwnedConnGuard<Rig, N, SimClock>;

/// A function of the manager's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    Connect,
    Validate,
    Reset,
    Discard,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Ok,
    /// An `on_discard` cannot fail; it follows a failure then, that of a reset.
    Error,
    Panic,
    /// It does not return before all others are through.
    Hang,
    /// A task is dropped, or the time of a thread runs out.
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    Thread,
    Task,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Queue {
    Empty,
    /// A thread and a task.
    Waiters,
}

pub(super) const POINTS: [Point; 4] = [Point::Connect, Point::Validate, Point::Reset, Point::Discard];
const OUTCOMES: [Outcome; 5] = [Outcome::Ok, Outcome::Error, Outcome::Panic, Outcome::Hang, Outcome::Cancelled];
const CALLERS: [Caller; 2] = [Caller::Thread, Caller::Task];
const QUEUES: [Queue; 2] = [Queue::Empty, Queue::Waiters];

pub(super) type Combination = (Point, Outcome, Caller, Queue);

/// What the victim of a combination is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It had its connection.
    Served,
    Refused(&'static str),
    Panicked,
    Dropped,
}

/// A manager that does something special once, at one point.
pub(super) struct Rig {
    pub(super) census: Arc<Census>,
    planned: Mutex<Option<(Point, Outcome)>>,
    /// The next check waits until it is dropped.
    stalls_check: Gate,
    stalled: Gate,
    /// Whether a reset has to be done by the pool's threads, if it has any.
    pub(super) resets_block: Gate,
    /// A call has come to the point.
    pub(super) arrived: Gate,
    /// All others are where they should be.
    pub(super) go: Gate,
    /// The end of a hang.
    pub(super) release: Gate,
    /// When the time of a thread runs out that is to be cancelled.
    deadline: Mutex<Option<Instant>>,
}

impl Rig {
    fn new() -> Self {
        Self {
            census: Arc::default(),
            planned: Mutex::new(None),
            stalls_check: Gate::default(),
            stalled: Gate::default(),
            resets_block: Gate::default(),
            arrived: Gate::default(),
            go: Gate::default(),
            release: Gate::default(),
            deadline: Mutex::new(None),
        }
    }

    fn plan(&self, point: Point, outcome: Outcome) {
        *lock(&self.planned) = Some((point, outcome));
    }

    /// What is to happen here and now, if anything is.
    fn is_planned(&self, point: Point) -> Option<Outcome> {
        let mut planned = lock(&self.planned);
        planned.take_if(|(planned, _)| *planned == point).map(|(_, outcome)| outcome)
    }

    fn reach(&self, point: Point) -> Result<(), &'static str> {
        let Some(outcome) = self.is_planned(point) else { return Ok(()) };
        self.arrived.open();
        if outcome == Outcome::Hang {
            self.release.pass();
            return Ok(());
        }
        self.go.pass();
        if outcome == Outcome::Cancelled
            && let Some(deadline) = *lock(&self.deadline)
        {
            thread::sleep(deadline.saturating_duration_since(Instant::now()));
            return Err("out of time");
        }
        end(outcome)
    }

    async fn reach_async(&self, point: Point) -> Result<(), &'static str> {
        let Some(outcome) = self.is_planned(point) else { return Ok(()) };
        self.arrived.open();
        match outcome {
            Outcome::Hang => self.release.pass_async().await,
            Outcome::Cancelled => std::future::pending().await,
            _ => self.go.pass_async().await,
        }
        end(outcome)
    }
}

fn end(outcome: Outcome) -> Result<(), &'static str> {
    match outcome {
        Outcome::Error => Err("as planned"),
        Outcome::Panic => panic_as_planned(),
        _ => Ok(()),
    }
}

impl Lifecycle for Rig {
    type Connection = Conn;
    type Error = &'static str;

    fn reset(&self, connection: &mut Conn) -> Result<(), &'static str> {
        connection.state = State::HalfWay;
        // What follows a failed reset is at issue.
        if *lock(&self.planned) == Some((Point::Discard, Outcome::Error)) {
            return Err("to be discarded");
        }
        self.reach(Point::Reset)?;
        connection.state = State::Fit;
        Ok(())
    }

    fn reset_blocks(&self, _connection: &mut Conn) -> bool {
        self.resets_block.is_open()
    }

    fn on_discard(&self, mut connection: Conn, _reason: DiscardReason) {
        connection.part();
        let _end = self.reach(Point::Discard);
        drop(connection);
    }
}

impl Manager for Rig {
    fn connect(&self, _within: Option<Duration>) -> Result<Conn, &'static str> {
        self.reach(Point::Connect)?;
        Ok(self.census.connect())
    }

    fn is_valid(&self, connection: &mut Conn, _within: Option<Duration>) -> Result<(), &'static str> {
        connection.state = State::HalfWay;
        self.reach(Point::Validate)?;
        connection.state = State::Fit;
        Ok(())
    }
}

impl AsyncManager for Rig {
    async fn connect(&self) -> Result<Conn, &'static str> {
        self.reach_async(Point::Connect).await?;
        Ok(self.census.connect())
    }

    async fn is_valid(&self, connection: &mut Conn) -> Result<(), &'static str> {
        connection.state = State::HalfWay;
        if self.stalls_check.is_open() && !self.stalled.is_open() {
            self.stalled.open();
            std::future::pending::<()>().await;
        }
        self.reach_async(Point::Validate).await?;
        connection.state = State::Fit;
        Ok(())
    }
}

/// One combination: its pool, and who is there besides the victim.
pub(super) struct Scene {
    pub(super) pool: Arc<Pool>,
    outcome: Outcome,
    caller: Caller,
    /// Holds the other connection, so that there is nothing to be had.
    pub(super) bystander: Option<Owned>,
}

/// The caller that comes to the point.
pub(super) struct Victim {
    pub(super) told: JoinHandle<Told>,
    task: Option<AbortHandle>,
}

/// What a victim does with its connection.
type Use = fn(ConnGuard<'_, Rig, N, SimClock>);

impl Scene {
    pub(super) fn new(outcome: Outcome, caller: Caller, fairness: Fairness) -> Self {
        let config = Config::new()
            .validate_after(Some(Duration::ZERO))
            .max_lifetime(Some(LIFETIME))
            .lifetime_jitter_percent(0)
            .fairness(fairness);
        let pool = Arc::new(Pool::with_clock(Rig::new(), config, SimClock::default()).unwrap());
        Self { pool, outcome, caller, bystander: None }
    }

    pub(super) fn occupy(&mut self) {
        self.bystander = Some(self.held());
    }

    fn held(&self) -> Owned {
        owned(self.pool.get().unwrap(), &self.pool)
    }

    /// There is an idle connection.
    fn leave_one_idle(&self) {
        drop(self.held());
        wait_until(|| self.pool.status().idle == 1);
    }

    fn plan(&self, point: Point) {
        self.pool.manager().plan(point, self.outcome);
    }

    fn is_out_of_time(&self) -> bool {
        self.outcome == Outcome::Cancelled && self.caller == Caller::Thread
    }

    /// A caller that borrows a connection, and uses it.
    fn victim(&self, work: Use) -> Victim {
        match self.caller {
            Caller::Thread => self.victim_thread(work),
            Caller::Task => self.victim_task(async |_: &Pool| (), work),
        }
    }

    fn victim_thread(&self, work: Use) -> Victim {
        let pool = Arc::clone(&self.pool);
        let deadline = self.is_out_of_time().then(|| Instant::now() + SHORT);
        *lock(&pool.manager().deadline) = deadline;
        let told = thread::spawn(move || {
            let got = || match deadline {
                Some(deadline) => pool.get_deadline(deadline),
                None => pool.get(),
            };
            survive(|| tell(got().map(work))).unwrap_or(Told::Panicked)
        });
        Victim { told, task: None }
    }

    /// A task that holds its connection while it awaits `pause`.
    fn victim_task(&self, pause: impl AsyncFnOnce(&Pool) + Send + 'static, work: Use) -> Victim {
        let pool = Arc::clone(&self.pool);
        let (sender, receiver) = std::sync::mpsc::channel();
        let told = thread::spawn(move || {
            let (task, handle) = abortable(async {
                let guard = pool.get_async().await?;
                pause(&pool).await;
                work(guard);
                Ok(())
            });
            sender.send(handle).unwrap();
            survive(|| block_on(task).map_or(Told::Dropped, tell)).unwrap_or(Told::Panicked)
        });
        Victim { told, task: receiver.recv().ok() }
    }
}

fn tell(answer: Result<(), GetError<&'static str>>) -> Told {
    answer.map_or_else(|error| Told::Refused(error.name()), |()| Told::Served)
}

fn give_back(guard: ConnGuard<'_, Rig, N, SimClock>) {
    guard.assert_lent();
    drop(guard);
}

fn discard(guard: ConnGuard<'_, Rig, N, SimClock>) {
    guard.assert_lent();
    ConnGuard::discard(guard);
}

/// Sends a caller to where a connection is made.
fn at_connect(scene: &mut Scene) -> Victim {
    scene.plan(Point::Connect);
    scene.victim(give_back)
}

/// To where one is checked before it is lent.
fn at_validate(scene: &mut Scene) -> Victim {
    scene.leave_one_idle();
    scene.plan(Point::Validate);
    scene.victim(give_back)
}

/// To where one is reset. No caller can be cancelled in there, so the task is dropped with a connection in its hands,
/// and the thread's time runs out while it waits for the connection.
fn at_reset(scene: &mut Scene) -> Victim {
    match (scene.outcome, scene.caller) {
        (Outcome::Cancelled, Caller::Task) => {
            scene.plan(Point::Reset);
            let victim = scene.victim_task(
                async |pool| {
                    pool.manager().stalled.open();
                    std::future::pending::<()>().await;
                },
                give_back,
            );
            scene.drop_when_stalled(victim)
        }
        (Outcome::Cancelled, Caller::Thread) => {
            let held = scene.held();
            if scene.bystander.is_none() {
                scene.occupy();
            }
            let victim = scene.victim(give_back);
            wait_until(|| scene.pool.status().waiting == 1);
            scene.plan(Point::Reset);
            // It is the victim that is looked at; the thread that gives the connection back ends when that does.
            thread::spawn(|| drop(held));
            victim
        }
        _ => {
            scene.plan(Point::Reset);
            scene.victim(give_back)
        }
    }
}

/// To where the manager takes leave of one. No caller can be cancelled in there, so the task is dropped in the midst of
/// a check, and the thread's time runs out while one that is too old makes room.
fn at_discard(scene: &mut Scene) -> Victim {
    match (scene.outcome, scene.caller) {
        (Outcome::Cancelled, Caller::Task) => {
            scene.leave_one_idle();
            scene.plan(Point::Discard);
            scene.pool.manager().stalls_check.open();
            let victim = scene.victim(give_back);
            scene.drop_when_stalled(victim)
        }
        (Outcome::Cancelled, Caller::Thread) => {
            scene.leave_one_idle();
            scene.plan(Point::Discard);
            scene.pool.clock().advance(LIFETIME);
            scene.victim(give_back)
        }
        (outcome, _) => {
            scene.plan(Point::Discard);
            scene.victim(if outcome == Outcome::Error { give_back } else { discard })
        }
    }
}

pub(super) fn send_to(point: Point, scene: &mut Scene) -> Victim {
    match point {
        Point::Connect => at_connect(scene),
        Point::Validate => at_validate(scene),
        Point::Reset => at_reset(scene),
        Point::Discard => at_discard(scene),
    }
}

impl Scene {
    fn drop_when_stalled(&self, victim: Victim) -> Victim {
        self.pool.manager().stalled.pass();
        victim.cancel();
        victim
    }
}

impl Victim {
    pub(super) fn cancel(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A thread and a task that wait, behind so many others.
pub(super) fn line_up(pool: &Arc<Pool>, others: usize) -> Vec<JoinHandle<Told>> {
    let (threads, tasks) = (Arc::clone(pool), Arc::clone(pool));
    let thread = thread::spawn(move || tell(threads.get().map(give_back)));
    wait_until(|| pool.status().waiting > others);
    let task = thread::spawn(move || tell(block_on(tasks.get_async()).map(give_back)));
    wait_until(|| pool.status().waiting > others + 1);
    vec![thread, task]
}

fn expected(point: Point, outcome: Outcome, caller: Caller) -> Told {
    match (outcome, point, caller) {
        (Outcome::Panic, ..) => Told::Panicked,
        (Outcome::Cancelled, _, Caller::Task) => Told::Dropped,
        (Outcome::Error, Point::Connect, _) | (Outcome::Cancelled, Point::Connect, Caller::Thread) => {
            Told::Refused("connect")
        }
        (Outcome::Cancelled, ..) => Told::Refused("timeout"),
        (Outcome::Ok | Outcome::Error | Outcome::Hang, ..) => Told::Served,
    }
}

fn run((point, outcome, caller, queue): Combination, fairness: Fairness) {
    let mut scene = Scene::new(outcome, caller, fairness);
    if queue == Queue::Waiters {
        scene.occupy();
    }
    let victim = send_to(point, &mut scene);
    let pool = Arc::clone(&scene.pool);
    pool.manager().arrived.pass();
    let waiters = if queue == Queue::Waiters { line_up(&pool, pool.status().waiting) } else { Vec::new() };
    let are_served = || waiters.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap(), Told::Served));
    if outcome == Outcome::Hang {
        // The other connection is all that they need.
        scene.bystander = None;
        are_served();
        drop(pool.try_get().unwrap());
        pool.manager().release.open();
    } else {
        // The bystander keeps the other connection, so they get what the victim leaves.
        pool.manager().go.open();
        if outcome == Outcome::Cancelled {
            victim.cancel();
        }
        are_served();
    }
    let (told, expected) = (victim.told.join().unwrap(), expected(point, outcome, caller));
    // A caller whose connect has failed gets what a waiter has released meanwhile.
    let is_served_by_a_waiter = expected == Told::Refused("connect") && queue == Queue::Waiters && told == Told::Served;
    assert!(is_served_by_a_waiter || told == expected, "{told:?} instead of {expected:?}");
    scene.bystander = None;
    assert_whole(&pool, Duration::ZERO);
}

/// All connections can be had at once, and there were never more than that. What is idle is gone `within` that time
/// after the end: where threads of the pool's drop connections, these are waited for.
pub(super) fn assert_whole(pool: &Pool, within: Duration) {
    let census = &pool.manager().census;
    wait_until(|| pool.status().in_use == 0);
    let all: Vec<_> = (0..N).map(|_| pool.try_get().unwrap()).collect();
    for guard in &all {
        guard.assert_lent();
    }
    assert_eq!((census.live(), pool.status().waiting), (N, 0), "{pool:?}");
    drop(all);
    pool.drain(within).unwrap();
    census.assert_all_gone();
    assert!(census.most_live() <= N, "there were {} connections", census.most_live());
    assert_eq!((pool.metrics().connected, pool.metrics().discarded_in_all()), (census.made(), census.made()));
}

pub(super) fn all_combinations() -> impl Iterator<Item = Combination> {
    POINTS.into_iter().flat_map(|point| {
        OUTCOMES.into_iter().flat_map(move |outcome| {
            CALLERS.into_iter().flat_map(move |caller| QUEUES.map(|queue| (point, outcome, caller, queue)))
        })
    })
}

/// Runs all combinations; how many different ones that were.
fn run_all(fairness: Fairness) -> usize {
    let mut ran = BTreeSet::new();
    for combination in all_combinations() {
        watched(&format!("{combination:?} {fairness:?}"), move || run(combination, fairness));
        ran.insert(combination);
    }
    ran.len()
}

#[test]
fn nothing_is_lost_whatever_the_manager_does() {
    let _alone = alone();
    assert_eq!(run_all(Fairness::Fifo), 4 * 5 * 2 * 2);
}

#[test]
fn nothing_is_lost_where_newcomers_may_overtake() {
    let _alone = alone();
    assert_eq!(run_all(Fairness::Bounded(1)), 4 * 5 * 2 * 2);
}
