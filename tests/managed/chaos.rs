//! Everything at once on a managed pool, in compressed time: threads and tasks that cancel, run out of time and panic,
//! a manager with outages, errors, panics and hangs, and an operator that turns every knob. In the end nothing is lost.
//!
//! `CONN_POOL_CHAOS_SECONDS` says for how long (default 2), `CONN_POOL_CHAOS_SEED` with which dice (default: the time).

use std::env;
use std::fmt::Write;
use std::ops::DerefMut;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use conn_pool::Fairness;
use conn_pool::managed::{
    AsyncManager, Clock, Config, ConnGuard, DiscardReason, Event, GetError, HealthCheck, Lifecycle, Manager, Nested,
    OnPanic, OwnedConnGuard, Retry, Reuse,
};
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::{Either, join_all, select};

use crate::kit::managed::{get_async_owned, owned};
use crate::kit::{Census, Conn, Dice, SimClock, State, alone, comes, lock, only_as_planned, panic_as_planned, survive};

const N: usize = 6;
const THREADS: usize = 4;
const EXECUTORS: usize = 2;
/// Of each executor.
const TASKS: usize = 4;
/// How long a pool lives before it is looked at in peace, and another one takes its place.
const ROUND: Duration = Duration::from_millis(500);
/// The longest that all may go without getting anywhere.
const PATIENCE: Duration = Duration::from_secs(30);
/// By how much more time passes than on the wall, at least: half an hour in two minutes.
const COMPRESSION: u32 = 15;

type Pool = conn_pool::managed::Pool<Server, N, SimClock>;
type Guard<'p> = ConnGuard<'p, Server, N, SimClock>;
type Owned = OwnedConnGuard<Server, N, SimClock>;
type Answer<G> = Result<G, GetError<&'static str>>;
/// A task that has begun to wait, for the operator to drop.
type Abandoned = Pin<Box<dyn Future<Output = Answer<Owned>> + Send>>;

macro_rules! kinds {
    ($($kind:ident)*) => {
        /// What happens; each has to, in every run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Kind { $($kind,)* }

        const KINDS: &[Kind] = &[$(Kind::$kind,)*];
    };
}

kinds! {
    Outage Silence Connected ConnectFailed ConnectPanicked ConnectWasSlow ConnectHung
    Checked CheckFailed CheckPanicked CheckWasSlow CheckHung
    ResetDone ResetFailed ResetPanicked ResetWasSlow ResetHung CameBackBroken CameBackDirty
    DiscardDone DiscardPanicked DiscardWasSlow DiscardHung EventPanicked Leaked
    LimitIgnored ConnectedApart CheckedApart ResetApart DiscardedApart
    ThreadServed ThreadPanicked TaskServed TaskPanicked TaskCancelled TaskDroppedElsewhere
    ToldTimeout ToldExhausted ToldQueueFull ToldClosed ToldConnect ToldConnectTimeout ToldInvalid
    HolderPanicked HolderDiscarded HolderCancelled
    Resized Reconfigured Suspended EvictedAll Retained RetainPanicked Maintained MaintenanceRan MaintenancePanicked HealthCheckRan
    PoolClosed PoolAtRest
}

/// How often each kind of thing happened, and for what connections were parted with.
#[derive(Default)]
struct Tally {
    kinds: Vec<AtomicUsize>,
    reasons: Vec<AtomicUsize>,
}

impl Tally {
    fn new() -> Self {
        let zeros = |count| (0..count).map(|_| AtomicUsize::new(0)).collect();
        Self { kinds: zeros(KINDS.len()), reasons: zeros(DiscardReason::ALL.len()) }
    }

    fn count(&self, kind: Kind) {
        self.kinds[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn rows(&self) -> impl Iterator<Item = (String, usize)> {
        let kinds = KINDS.iter().map(|kind| format!("{kind:?}")).zip(&self.kinds);
        let reasons = DiscardReason::ALL.iter().zip(&self.reasons);
        // No actor keeps a connection for good.
        let reasons = reasons.filter(|(reason, _)| **reason != DiscardReason::Detached);
        let reasons = reasons.map(|(reason, count)| (format!("discarded: {}", reason.name()), count));
        kinds.chain(reasons).map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// Up to `most` milliseconds.
fn millis(dice: &mut Dice, most: usize) -> Duration {
    Duration::from_millis(dice.roll(most + 1) as u64)
}

/// What a function of the manager's does.
enum Trick {
    Nothing,
    Fail,
    Panic,
    BeSlow(Duration),
    /// Longer than its limit, if it has one.
    Hang,
}

/// The kinds of what may come of a function of the manager's.
struct Tricks {
    done: Kind,
    failed: Kind,
    panicked: Kind,
    was_slow: Kind,
    hung: Kind,
    /// A thread of the pool's has called it.
    apart: Kind,
}

const CONNECT: Tricks = Tricks {
    done: Kind::Connected,
    failed: Kind::ConnectFailed,
    panicked: Kind::ConnectPanicked,
    was_slow: Kind::ConnectWasSlow,
    hung: Kind::ConnectHung,
    apart: Kind::ConnectedApart,
};
const CHECK: Tricks = Tricks {
    done: Kind::Checked,
    failed: Kind::CheckFailed,
    panicked: Kind::CheckPanicked,
    was_slow: Kind::CheckWasSlow,
    hung: Kind::CheckHung,
    apart: Kind::CheckedApart,
};
const RESET: Tricks = Tricks {
    done: Kind::ResetDone,
    failed: Kind::ResetFailed,
    panicked: Kind::ResetPanicked,
    was_slow: Kind::ResetWasSlow,
    hung: Kind::ResetHung,
    apart: Kind::ResetApart,
};
const DISCARD: Tricks = Tricks {
    done: Kind::DiscardDone,
    // It cannot.
    failed: Kind::DiscardDone,
    panicked: Kind::DiscardPanicked,
    was_slow: Kind::DiscardWasSlow,
    hung: Kind::DiscardHung,
    apart: Kind::DiscardedApart,
};
/// Shorter than a slow connect may take, so that callers that connect themselves meet it often.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);
const HANG: Duration = Duration::from_secs(3);

/// The server and its manager.
struct Server {
    census: Arc<Census>,
    clock: SimClock,
    dice: Mutex<Dice>,
    is_down: AtomicBool,
    /// It accepts, and answers nothing.
    is_silent: AtomicBool,
    /// How many evictions have begun, and how many of these have ended.
    evictions: [AtomicUsize; 2],
    /// No more tricks: the round is over.
    is_calm: AtomicBool,
    tally: Arc<Tally>,
}

impl Server {
    fn roll(&self, sides: usize) -> usize {
        lock(&self.dice).roll(sides)
    }

    fn trick(&self, tricks: &Tricks) -> Trick {
        let (trick, kind) = match self.roll(60) {
            _ if self.is_calm.load(Ordering::SeqCst) => (Trick::Nothing, tricks.done),
            _ if self.is_silent.load(Ordering::SeqCst) => (Trick::Hang, tricks.hung),
            0 => (Trick::Panic, tricks.panicked),
            1 => (Trick::Hang, tricks.hung),
            2..=4 => (Trick::Fail, tricks.failed),
            5..=10 => (Trick::BeSlow(millis(&mut lock(&self.dice), 300)), tricks.was_slow),
            _ => (Trick::Nothing, tricks.done),
        };
        self.tally.count(kind);
        if thread::current().name() == Some("conn_pool chaos") {
            self.tally.count(tricks.apart);
        }
        trick
    }

    fn connection(&self, epoch: usize) -> Conn {
        let mut connection = self.census.connect();
        connection.epoch = epoch;
        connection
    }

    fn answer(&self) -> Result<(), &'static str> {
        if self.is_down.load(Ordering::SeqCst) { Err("the server is down") } else { Ok(()) }
    }

    /// As a thread does it, which keeps its own time.
    fn perform(&self, tricks: &Tricks, within: Option<Duration>) -> Result<(), &'static str> {
        let within = within.unwrap_or(HANG).min(HANG);
        match self.trick(tricks) {
            Trick::Nothing => {}
            Trick::Fail => return Err("it failed"),
            Trick::Panic => panic_as_planned(),
            Trick::BeSlow(duration) if duration < within => self.clock.block(duration),
            Trick::Hang if self.roll(2) == 0 => {
                self.tally.count(Kind::LimitIgnored);
                self.clock.block(HANG);
                return Err("it hung");
            }
            Trick::BeSlow(_) | Trick::Hang => {
                self.clock.block(within);
                return Err("it took too long");
            }
        }
        self.answer()
    }

    /// As a task does it, which others may end.
    async fn perform_async(&self, tricks: &Tricks) -> Result<(), &'static str> {
        match self.trick(tricks) {
            Trick::Nothing => {}
            Trick::Fail => return Err("it failed"),
            Trick::Panic => panic_as_planned(),
            Trick::BeSlow(duration) => self.clock.sleep(duration).await,
            Trick::Hang => std::future::pending().await,
        }
        self.answer()
    }
}

impl Lifecycle for Server {
    type Connection = Conn;
    type Error = &'static str;

    fn has_broken(&self, connection: &mut Conn) -> bool {
        connection.state == State::Broken
    }

    fn reset(&self, connection: &mut Conn) -> Result<(), &'static str> {
        let before = std::mem::replace(&mut connection.state, State::HalfWay);
        self.perform(&RESET, None)?;
        connection.state = before;
        Ok(())
    }

    fn reset_blocks(&self, _connection: &mut Conn) -> bool {
        self.roll(3) == 0
    }

    fn needs_check(&self, connection: &mut Conn) -> bool {
        connection.state == State::Dirty
    }

    fn on_discard(&self, mut connection: Conn, _reason: DiscardReason) {
        connection.part();
        // A connection that the server has ended is closed all the same.
        let _error = self.perform(&DISCARD, None);
        drop(connection);
    }

    fn on_event(&self, event: &Event<'_, &'static str>) {
        if matches!(event, Event::Leaked { .. }) {
            self.tally.count(Kind::Leaked);
        }
        if self.roll(60) == 0 && !self.is_calm.load(Ordering::SeqCst) {
            self.tally.count(Kind::EventPanicked);
            panic_as_planned();
        }
    }
}

impl Manager for Server {
    fn connect(&self, within: Option<Duration>) -> Result<Conn, &'static str> {
        let epoch = self.evictions[0].load(Ordering::SeqCst);
        self.perform(&CONNECT, within)?;
        Ok(self.connection(epoch))
    }

    fn is_valid(&self, connection: &mut Conn, within: Option<Duration>) -> Result<(), &'static str> {
        connection.state = State::HalfWay;
        self.perform(&CHECK, within)?;
        connection.state = State::Fit;
        Ok(())
    }
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<Conn, &'static str> {
        let epoch = self.evictions[0].load(Ordering::SeqCst);
        self.perform_async(&CONNECT).await?;
        Ok(self.connection(epoch))
    }

    async fn is_valid(&self, connection: &mut Conn) -> Result<(), &'static str> {
        connection.state = State::HalfWay;
        self.perform_async(&CHECK).await?;
        connection.state = State::Fit;
        Ok(())
    }
}

/// What an actor does, for the watchdog.
#[derive(Default)]
struct Log {
    turns: AtomicUsize,
    doing: Mutex<&'static str>,
}

impl Log {
    fn note(&self, doing: &'static str) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        *lock(&self.doing) = doing;
    }
}

/// A pool and all who deal with it.
#[derive(Clone)]
struct World {
    pool: Arc<Pool>,
    tally: Arc<Tally>,
    is_over: Arc<AtomicBool>,
    /// All rest for a while.
    is_lull: Arc<AtomicBool>,
}

/// One of those who deal with it.
struct Actor {
    world: World,
    dice: Dice,
    log: Arc<Log>,
    /// How many evictions had ended before this turn.
    evictions: usize,
}

/// What becomes of a connection that an actor has borrowed.
fn finish<G: DerefMut<Target = Conn>>(mut guard: G, discard: fn(G), actor: &mut Actor) {
    let tally = &actor.world.tally;
    match actor.dice.roll(24) {
        0 => {
            tally.count(Kind::CameBackBroken);
            guard.state = State::Broken;
        }
        1 => {
            tally.count(Kind::CameBackDirty);
            guard.state = State::Dirty;
        }
        2 => {
            tally.count(Kind::HolderDiscarded);
            discard(guard);
        }
        3 => {
            tally.count(Kind::HolderPanicked);
            panic_as_planned();
        }
        _ => {}
    }
}

impl Actor {
    fn is_done(&self) -> bool {
        self.world.is_over.load(Ordering::SeqCst)
    }

    fn clock(&self) -> SimClock {
        self.world.pool.clock().clone()
    }

    fn count(&self, kind: Kind) {
        self.world.tally.count(kind);
    }

    /// For how long an actor rests between two turns.
    fn pause(&mut self) -> Duration {
        if self.world.is_lull.load(Ordering::SeqCst) { Duration::from_secs(2) } else { millis(&mut self.dice, 150) }
    }

    /// For how long an actor uses a connection: now and then, long enough to be taken for a leak.
    fn hold(&mut self) -> Duration {
        if self.dice.roll(100) == 0 { Duration::from_secs(2) } else { millis(&mut self.dice, 100) }
    }

    /// A caller without a connection is told why.
    fn hear(&mut self, error: &GetError<&'static str>) {
        self.count(match error {
            GetError::Timeout(_) => Kind::ToldTimeout,
            GetError::Exhausted => Kind::ToldExhausted,
            GetError::QueueFull(_) => Kind::ToldQueueFull,
            GetError::Closed(_) => Kind::ToldClosed,
            GetError::Connect { .. } => Kind::ToldConnect,
            GetError::ConnectTimeout { .. } => Kind::ToldConnectTimeout,
            GetError::Invalid { .. } => Kind::ToldInvalid,
            // No actor borrows two.
            error => panic!("told for nothing: {error}"),
        });
    }

    fn look_at_evictions(&mut self) {
        self.evictions = self.world.pool.manager().evictions[1].load(Ordering::SeqCst);
    }

    fn assert_lent(&self, connection: &Conn) {
        connection.assert_lent();
        assert!(connection.epoch >= self.evictions, "connection {} was evicted before, and lent", connection.number);
    }

    fn use_as_thread<G: DerefMut<Target = Conn>>(&mut self, answer: Answer<G>, discard: fn(G)) {
        match answer {
            Ok(guard) => {
                self.assert_lent(&guard);
                self.count(Kind::ThreadServed);
                let hold = self.hold();
                self.clock().block(hold);
                finish(guard, discard, self);
            }
            Err(error) => self.hear(&error),
        }
    }

    async fn use_as_task<G: DerefMut<Target = Conn>>(&mut self, answer: Answer<G>, discard: fn(G), holds: &AtomicBool) {
        match answer {
            Ok(guard) => {
                holds.store(true, Ordering::SeqCst);
                self.assert_lent(&guard);
                self.count(Kind::TaskServed);
                let hold = self.hold();
                self.clock().sleep(hold).await;
                finish(guard, discard, self);
            }
            Err(error) => self.hear(&error),
        }
    }

    fn live_as_thread(mut self, abandoned: &Sender<Abandoned>) {
        while !self.is_done() {
            let pause = self.pause();
            self.clock().block(pause);
            if survive(|| self.turn_as_thread(abandoned)).is_none() {
                self.count(Kind::ThreadPanicked);
            }
        }
    }

    fn turn_as_thread(&mut self, abandoned: &Sender<Abandoned>) {
        self.look_at_evictions();
        let pool = Arc::clone(&self.world.pool);
        let log = Arc::clone(&self.log);
        let timeout = Duration::from_micros(self.dice.roll(4000) as u64);
        match self.dice.roll(10) {
            0 | 1 => {
                log.note("get");
                self.use_as_thread(pool.get(), Guard::discard);
            }
            2 | 3 => {
                log.note("get_timeout");
                self.use_as_thread(pool.get_timeout(timeout), Guard::discard);
            }
            4 => {
                log.note("get_timeout, owned");
                self.use_as_thread(pool.get_timeout(timeout).map(|guard| owned(guard, &pool)), Owned::discard);
            }
            5..=7 => {
                log.note("try_get");
                self.use_as_thread(pool.try_get(), Guard::discard);
            }
            8 => {
                log.note("try_get_idle");
                if let Some(guard) = pool.try_get_idle() {
                    self.use_as_thread(Ok(guard), Guard::discard);
                }
            }
            _ => {
                log.note("a task that is dropped elsewhere");
                let mut task: Abandoned = Box::pin(get_async_owned(pool));
                if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                    // The operator has ended: then it is dropped here.
                    let _sent = abandoned.send(task);
                    self.count(Kind::TaskDroppedElsewhere);
                }
            }
        }
    }

    async fn live_as_task(mut self) {
        while !self.is_done() {
            let pause = self.pause();
            self.clock().sleep(pause).await;
            let turn = AssertUnwindSafe(self.turn_as_task()).catch_unwind().await;
            if let Err(panic) = turn {
                only_as_planned(panic);
                self.count(Kind::TaskPanicked);
            }
        }
    }

    async fn turn_as_task(&mut self) {
        self.look_at_evictions();
        let pool = Arc::clone(&self.world.pool);
        let holds = AtomicBool::new(false);
        let clock = self.clock();
        let over = clock.sleep(millis(&mut self.dice, 200));
        match self.dice.roll(6) {
            0 => {
                self.log.note("get_async");
                self.use_as_task(pool.get_async().await, Guard::discard, &holds).await;
            }
            1 | 2 => {
                self.log.note("get_async, owned");
                let own = Arc::clone(&pool);
                self.use_as_task(get_async_owned(own).await, Owned::discard, &holds).await;
            }
            3 => {
                self.log.note("get_async_timeout");
                let timeout = millis(&mut self.dice, 300);
                self.use_as_task(pool.get_async_timeout(timeout).await, Guard::discard, &holds).await;
            }
            _ => {
                self.log.note("a task that is cancelled");
                let tally = Arc::clone(&self.world.tally);
                let life = async { self.use_as_task(pool.get_async().await, Guard::discard, &holds).await };
                if let Either::Right(_) = select(pin!(life), pin!(over)).await {
                    let held = holds.load(Ordering::SeqCst);
                    tally.count(if held { Kind::HolderCancelled } else { Kind::TaskCancelled });
                }
            }
        }
    }

    /// The maintenance as a task, with breaks in which borrowers look at the clock themselves.
    async fn look_after(mut self) {
        let (pool, clock) = (Arc::clone(&self.world.pool), self.clock());
        while !self.is_done() {
            self.log.note("maintenance");
            let over = clock.sleep(millis(&mut self.dice, 8000));
            // Dropped in there too: that parts with a connection which was being checked.
            let work = async {
                let _first = select(pin!(pool.run_maintenance()), pin!(over)).await;
            };
            match AssertUnwindSafe(work).catch_unwind().await {
                Ok(()) => self.count(Kind::MaintenanceRan),
                Err(panic) => {
                    only_as_planned(panic);
                    self.count(Kind::MaintenancePanicked);
                }
            }
            self.log.note("a break");
            let pause = millis(&mut self.dice, 6000);
            self.clock().sleep(pause).await;
        }
    }

    fn operate(mut self, abandoned: &Receiver<Abandoned>) {
        let mut health = if self.dice.roll(2) == 0 { self.world.pool.health_check().ok() } else { None };
        while !self.is_done() {
            let pause = millis(&mut self.dice, 100);
            self.clock().block(pause);
            // A manager that panics in there panics here.
            let _survived = survive(|| self.turn_as_operator(&mut health));
            abandoned.try_iter().for_each(leave);
        }
        self.log.note("the end of the health check");
        drop(health);
        // Those that still wait are to be served.
        let _survived = survive(|| self.world.pool.resume());
        let _survived = survive(|| self.world.pool.resize(N));
        abandoned.iter().for_each(leave);
    }

    fn turn_as_operator(&mut self, health: &mut Option<HealthCheck>) {
        let pool = Arc::clone(&self.world.pool);
        match self.dice.roll(20) {
            0..=4 => {
                self.log.note("resize");
                self.count(Kind::Resized);
                pool.resize(self.dice.roll(N + 1)).unwrap();
            }
            5 => {
                self.log.note("suspend");
                self.count(Kind::Suspended);
                pool.suspend();
                let pause = millis(&mut self.dice, 300);
                self.clock().block(pause);
                pool.resume();
            }
            6 => {
                self.log.note("evict_all");
                self.count(Kind::EvictedAll);
                let [begun, ended] = &pool.manager().evictions;
                let epoch = begun.fetch_add(1, Ordering::SeqCst) + 1;
                pool.evict_all();
                ended.store(epoch, Ordering::SeqCst);
            }
            7..=9 => self.retain(&pool),
            10 | 11 => {
                self.log.note("maintain");
                self.count(Kind::Maintained);
                pool.maintain(self.clock().now());
            }
            12 => {
                self.log.note("health_check");
                self.count(Kind::HealthCheckRan);
                *health = if health.is_none() { Some(pool.health_check().unwrap()) } else { None };
            }
            13 | 14 => {
                self.log.note("an outage");
                self.count(Kind::Outage);
                self.for_a_while(500, |world| &world.pool.manager().is_down);
            }
            15 => {
                self.log.note("a silence");
                self.count(Kind::Silence);
                self.for_a_while(500, |world| &world.pool.manager().is_silent);
            }
            16 => {
                self.log.note("a lull");
                self.for_a_while(4000, |world| &world.is_lull);
            }
            17 | 18 => self.reconfigure(&pool),
            _ => {
                self.log.note("looking");
                let status = pool.status();
                assert!(status.in_use <= N && status.idle <= N && status.vacant <= N, "{status:?}");
                assert!(!format!("{pool:?} {:?}", pool.report()).is_empty());
                pool.reset_peaks();
                assert!(pool.metrics().pool.peak_in_use <= N);
            }
        }
    }

    fn for_a_while(&mut self, most: usize, flag: fn(&World) -> &AtomicBool) {
        flag(&self.world).store(true, Ordering::SeqCst);
        let duration = millis(&mut self.dice, most);
        self.clock().block(duration);
        flag(&self.world).store(false, Ordering::SeqCst);
    }

    fn reconfigure(&mut self, pool: &Pool) {
        self.log.note("reconfigure");
        self.count(Kind::Reconfigured);
        let (uses, idle) = (1 + self.dice.roll(30), self.dice.roll(N + 1));
        let life = Duration::from_secs(1 + self.dice.roll(4) as u64);
        let change = |config: Config| {
            let idle = idle.max(config.get_min_idle());
            config.max_uses(uses).max_idle(idle).max_lifetime(Some(life))
        };
        pool.reconfigure(change).unwrap();
        assert_eq!(pool.config().get_max_uses(), Some(uses));
    }

    fn retain(&mut self, pool: &Pool) {
        self.log.note("retain");
        self.count(Kind::Retained);
        let (tally, clock) = (Arc::clone(&self.world.tally), self.clock());
        pool.retain(|_| match self.dice.roll(10) {
            0 | 1 => {
                tally.count(Kind::RetainPanicked);
                panic_as_planned()
            }
            2 => {
                clock.block(Duration::from_millis(100));
                true
            }
            roll => roll > 3,
        });
    }
}

/// Drops a task that waits, or was granted a connection by now.
fn leave(task: Abandoned) {
    let _survived = survive(|| drop(task));
}

/// The configuration of a round: each kind comes within four rounds.
fn config(round: usize) -> Config {
    let (second, fourth) = (round % 2 == 1, round % 4);
    Config::new()
        .min_idle(round % 3)
        .connect_timeout(Some(CONNECT_TIMEOUT))
        .validation_timeout(Some(Duration::from_secs(1)))
        .retry(Retry {
            attempts: u32::from(fourth < 2),
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(50),
        })
        .max_lifetime(Some(Duration::from_secs(4)))
        .lifetime_jitter_percent(50)
        .idle_timeout(Some(Duration::from_millis(800)))
        .keepalive(Some(Duration::from_millis(400)))
        .validate_after(
            [Some(Duration::from_millis(100)), Some(Duration::ZERO), Some(Duration::from_millis(30)), None][fourth],
        )
        .max_connecting(if second { 1 } else { N })
        .max_waiting(if second { 4 } else { 8 })
        .reuse(if fourth == 2 { Reuse::RoundRobin } else { Reuse::Packed })
        .on_panic(if fourth == 3 { OnPanic::Reset } else { OnPanic::Discard })
        .leak_threshold(Some(Duration::from_secs(1)))
        .nested(Nested::Refuse)
        .fairness(if second { Fairness::Bounded(2) } else { Fairness::Fifo })
        .name("chaos")
}

/// A pool's whole life; the simulated time that it took.
fn live(seed: u64, round: usize, tally: &Arc<Tally>) -> Duration {
    let mut dice = Dice::new(seed.wrapping_add(round as u64).wrapping_mul(1000) + 1);
    let mut fork = || Dice::new(dice.roll(usize::MAX >> 33) as u64 + 1);
    let clock = SimClock::default();
    let server = Server {
        census: Arc::default(),
        clock: clock.clone(),
        dice: Mutex::new(fork()),
        is_down: AtomicBool::new(false),
        is_silent: AtomicBool::new(false),
        evictions: Default::default(),
        is_calm: AtomicBool::new(false),
        tally: Arc::clone(tally),
    };
    let world = World {
        pool: Arc::new(Pool::with_clock(server, config(round), clock.clone()).unwrap()),
        tally: Arc::clone(tally),
        is_over: Arc::default(),
        is_lull: Arc::default(),
    };
    let mut crew = Crew::default();
    let mut actor = |crew: &mut Crew, name| {
        let log = crew.enlist(name);
        Actor { world: world.clone(), dice: fork(), log, evictions: 0 }
    };
    let (sender, receiver) = mpsc::channel();
    for _ in 0..THREADS {
        let (actor, sender) = (actor(&mut crew, "a thread"), sender.clone());
        crew.employ(move || actor.live_as_thread(&sender));
    }
    drop(sender);
    for _ in 0..EXECUTORS {
        let tasks: Vec<_> = (0..TASKS).map(|_| actor(&mut crew, "a task").live_as_task()).collect();
        crew.employ(move || drop(block_on(join_all(tasks))));
    }
    let maintenance = actor(&mut crew, "the maintenance");
    crew.employ(move || block_on(maintenance.look_after()));
    let operator = actor(&mut crew, "the operator");
    crew.employ(move || operator.operate(&receiver));

    let wind = Wind::begin(clock.clone(), fork());
    let deadline = Instant::now() + ROUND;
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
        crew.watch(&world.pool);
    }
    if round % 4 > 1 {
        // In full swing.
        tally.count(Kind::PoolClosed);
        let _survived = survive(|| world.pool.close());
    }
    world.is_over.store(true, Ordering::SeqCst);
    while !crew.is_through() {
        thread::sleep(Duration::from_millis(1));
        crew.watch(&world.pool);
    }
    // Threads of the pool's may still be at work.
    let _at_rest = comes(|| world.pool.status().in_use == 0);
    drop(wind);
    assert_nothing_is_lost(&world);
    clock.now()
}

/// Winds the clock, until it is dropped.
struct Wind {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wind {
    fn begin(clock: SimClock, mut dice: Dice) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_micros(300));
                clock.advance(millis(&mut dice, 120));
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Wind {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

/// All actors, watched.
#[derive(Default)]
struct Crew {
    logs: Vec<(&'static str, Arc<Log>)>,
    threads: Vec<JoinHandle<()>>,
    /// How far each was, and since when.
    seen: Vec<(usize, Option<Instant>)>,
}

impl Crew {
    fn enlist(&mut self, name: &'static str) -> Arc<Log> {
        let log = Arc::new(Log::default());
        self.logs.push((name, Arc::clone(&log)));
        self.seen.push((0, None));
        log
    }

    fn employ(&mut self, work: impl FnOnce() + Send + 'static) {
        self.threads.push(thread::spawn(work));
    }

    fn is_through(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Fails if an actor has failed, or none has got anywhere for long.
    fn watch(&mut self, pool: &Pool) {
        for ended in self.threads.extract_if(.., |thread| thread.is_finished()) {
            assert!(ended.join().is_ok(), "an actor has failed; {}", report(pool, &self.logs));
        }
        let now = Instant::now();
        for ((_, log), seen) in self.logs.iter().zip(&mut self.seen) {
            let turns = log.turns.load(Ordering::Relaxed);
            if seen.0 != turns || seen.1.is_none() {
                *seen = (turns, Some(now));
            }
        }
        let is_stuck = |since: Option<Instant>| since.is_some_and(|since| now - since > PATIENCE);
        let some_run = !self.threads.is_empty();
        let stuck = some_run && self.seen.iter().all(|seen| is_stuck(seen.1));
        assert!(!stuck, "all are stuck; {}", report(pool, &self.logs));
    }
}

fn report(pool: &Pool, logs: &[(&str, Arc<Log>)]) -> String {
    let mut report = format!("{pool:?}\n{:?}\n", pool.status());
    for loan in pool.loans() {
        writeln!(report, "{loan}").unwrap();
    }
    for (name, log) in logs {
        writeln!(report, "{name}: {} (turn {})", lock(&log.doing), log.turns.load(Ordering::Relaxed)).unwrap();
    }
    report
}

/// All are through, and the pool is as it should be.
fn assert_nothing_is_lost(world: &World) {
    let (pool, server) = (&world.pool, world.pool.manager());
    server.is_calm.store(true, Ordering::SeqCst);
    let picture = report(pool, &[]);
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting, status.connecting), (0, 0, 0), "{picture}");
    if !pool.is_closed() {
        world.tally.count(Kind::PoolAtRest);
        pool.resize(N).unwrap();
        let all: Vec<_> =
            (0..N).map(|slot| pool.try_get().unwrap_or_else(|why| panic!("{slot}: {why}\n{picture}"))).collect();
        for guard in &all {
            guard.assert_lent();
        }
        assert_eq!(server.census.live(), N, "{picture}");
    }
    // Threads of the pool's may end connections, if they have not heard yet that maintenance has ended.
    assert!(pool.drain(PATIENCE).is_ok(), "{picture}");
    server.census.assert_all_gone();
    assert!(server.census.most_live() <= N, "there were {} connections\n{picture}", server.census.most_live());
    let metrics = pool.metrics();
    assert_eq!(
        (metrics.connected, metrics.discarded_in_all()),
        (server.census.made(), server.census.made()),
        "{picture}"
    );
    for (count, reason) in world.tally.reasons.iter().zip(DiscardReason::ALL) {
        count.fetch_add(metrics.discarded_for(reason), Ordering::Relaxed);
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value:?}: it has to be a number")))
}

#[test]
fn chaos_loses_nothing_and_leaves_nobody_waiting() {
    let _alone = alone();
    let length = Duration::from_secs(number("CONN_POOL_CHAOS_SECONDS").unwrap_or(2));
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()));
    let seed = number("CONN_POOL_CHAOS_SEED").unwrap_or_else(now);
    println!("CONN_POOL_CHAOS_SEED={seed}");
    let (began, tally) = (Instant::now(), Arc::new(Tally::new()));
    let (mut simulated, mut round) = (Duration::ZERO, 0);
    let is_complete = || tally.rows().all(|(_, count)| count > 0);
    // What is rare may take longer, on a slow machine for one; what cannot happen at all is found out in the end.
    while began.elapsed() < length || round % 4 != 0 || !is_complete() && began.elapsed() < length * 10 {
        simulated += live(seed, round, &tally);
        round += 1;
    }
    let real = began.elapsed();
    println!("{round} pools, {:.1} min simulated in {:.1} s", simulated.as_secs_f64() / 60.0, real.as_secs_f64());
    for (name, count) in tally.rows() {
        println!("{count:>9} {name}");
    }
    let missing: Vec<_> = tally.rows().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "seed {seed}: never happened: {missing:?}");
    assert!(simulated >= real * COMPRESSION, "seed {seed}: {simulated:?} simulated in {real:?}");
}
