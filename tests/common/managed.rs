//! What the tests of the managed pool share: a clock that moves when told, a manager that does what the test says, and
//! tasks that are polled by hand.

#![allow(dead_code, reason = "each test file is a program of its own and uses its own part of this")]

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, Clock, Config, DiscardReason, Event, Lifecycle, Manager, Pool};

#[path = "owned.rs"]
mod own;
#[allow(unused_imports, reason = "as above")]
pub(crate) use own::{get_async_owned, owned};

/// Longer than anything a test waits for in real time.
const FOREVER: Duration = Duration::from_secs(30);

/// A pool on a clock and a manager of the test's own.
pub(crate) type SimPool<const N: usize> = Pool<Script, N, SimClock>;

pub(crate) fn pool<const N: usize>(config: Config) -> Arc<SimPool<N>> {
    let pool = Pool::with_clock(Script::default(), config, SimClock::default()).expect("a sound configuration");
    pool.manager().allow(config_size::<N>(&pool));
    Arc::new(pool)
}

fn config_size<const N: usize>(pool: &SimPool<N>) -> usize {
    pool.status().max_size
}

/// A configuration under which nothing happens by itself: no check, no end of life, no time limit.
pub(crate) const fn quiet() -> Config {
    Config::new()
        .max_lifetime(None)
        .idle_timeout(None)
        .keepalive(None)
        .validate_after(None)
        .connect_timeout(None)
        .validation_timeout(None)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Looks after the pool once, at the time by its clock.
pub(crate) fn maintain<const N: usize>(pool: &SimPool<N>) -> conn_pool::managed::MaintenanceReport {
    pool.maintain(pool.clock().now())
}

/// A lock that outlives panics: those of a script are part of the test.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Time that passes when the test says so. Clones tell the same time.
#[derive(Clone, Default)]
pub(crate) struct SimClock(Arc<Mutex<Time>>);

#[derive(Default)]
struct Time {
    now: Duration,
    reads: usize,
    sleepers: Vec<(Duration, Waker)>,
}

impl SimClock {
    /// Lets time pass, and wakes those whose sleep is over.
    pub(crate) fn advance(&self, by: Duration) {
        let woken = {
            let mut time = lock(&self.0);
            time.now += by;
            let now = time.now;
            let (over, asleep) = time.sleepers.drain(..).partition::<Vec<_>, _>(|(until, _)| *until <= now);
            time.sleepers = asleep;
            over
        };
        for (_, waker) in woken {
            waker.wake();
        }
    }

    /// How often somebody looked at it.
    pub(crate) fn reads(&self) -> usize {
        lock(&self.0).reads
    }
}

impl Clock for SimClock {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        let mut time = lock(&self.0);
        time.reads += 1;
        time.now
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let until = self.now().saturating_add(duration);
        poll_fn(move |context| {
            let mut time = lock(&self.0);
            if time.now >= until {
                return Poll::Ready(());
            }
            time.sleepers.push((until, context.waker().clone()));
            Poll::Pending
        })
    }
}

/// A place in a script where calls wait, threads and tasks, until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    is_open: bool,
    arrived: usize,
    wakers: Vec<Waker>,
}

impl Gate {
    pub(crate) fn open(&self) {
        let wakers = {
            let mut state = lock(&self.0.0);
            state.is_open = true;
            self.0.1.notify_all();
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until so many calls have come to the gate since it was made.
    #[track_caller]
    pub(crate) fn wait_for_arrivals(&self, count: usize) {
        self.wait_while("nobody comes to the gate", |state| state.arrived < count);
    }

    #[track_caller]
    fn pass(&self) {
        self.arrive();
        self.wait_while("nobody opens the gate", |state| !state.is_open);
    }

    async fn pass_async(&self) {
        self.arrive();
        poll_fn(|context| {
            let mut state = lock(&self.0.0);
            if state.is_open {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn arrive(&self) {
        lock(&self.0.0).arrived += 1;
        self.0.1.notify_all();
    }

    #[track_caller]
    fn wait_while(&self, complaint: &str, condition: impl FnMut(&mut GateState) -> bool) {
        let waited = self.0.1.wait_timeout_while(lock(&self.0.0), FOREVER, condition);
        assert!(!waited.unwrap_or_else(PoisonError::into_inner).1.timed_out(), "{complaint}");
    }
}

/// The functions of a manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Connect,
    Check,
    /// `has_broken`: [`Outcome::Error`] says that it is.
    Broken,
    Reset,
    /// `needs_check`: [`Outcome::Error`] says that it is.
    Dirty,
    Discard,
}

/// What a call comes to.
#[derive(Clone)]
pub(crate) enum Outcome {
    Ok,
    Error,
    Panic,
    /// It waits at the gate, and comes to this then.
    At(Gate, Box<Outcome>),
    /// It does something, and comes to this then.
    After(Arc<dyn Fn() + Send + Sync>, Box<Outcome>),
}

impl Outcome {
    pub(crate) fn at(gate: &Gate) -> Self {
        Self::At(gate.clone(), Box::new(Self::Ok))
    }

    pub(crate) fn error_at(gate: &Gate) -> Self {
        Self::At(gate.clone(), Box::new(Self::Error))
    }

    pub(crate) fn panic_at(gate: &Gate) -> Self {
        Self::At(gate.clone(), Box::new(Self::Panic))
    }

    pub(crate) fn after(work: impl Fn() + Send + Sync + 'static) -> Self {
        Self::After(Arc::new(work), Box::new(Self::Ok))
    }
}

/// The error of a script: which call failed, and how many of its kind there had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed(pub(crate) Call, pub(crate) usize);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} failed", self.0, self.1)
    }
}

impl std::error::Error for Failed {}

/// A manager that does what it is told, and accounts for everything. Clones are the same manager.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Stage>>);

#[derive(Default)]
struct Stage {
    /// What the next calls come to, one by one.
    next: HashMap<Call, VecDeque<Outcome>>,
    /// What calls come to of which nothing else is said.
    otherwise: HashMap<Call, Outcome>,
    calls: HashMap<Call, usize>,
    discards: HashMap<DiscardReason, usize>,
    /// The numbers of those discarded, in order.
    discarded: Vec<usize>,
    events: Vec<String>,
    /// How much time the calls were given.
    given: HashMap<Call, Vec<Option<Duration>>>,
    made: usize,
    live: usize,
    most_live: usize,
    allowed: usize,
    lost: usize,
}

impl Script {
    /// The next call comes to this; the one after it to what is said after.
    pub(crate) fn then(&self, call: Call, outcome: Outcome) -> &Self {
        lock(&self.0).next.entry(call).or_default().push_back(outcome);
        self
    }

    /// From now on calls come to this.
    pub(crate) fn always(&self, call: Call, outcome: Outcome) -> &Self {
        lock(&self.0).otherwise.insert(call, outcome);
        self
    }

    /// How often it was called.
    pub(crate) fn calls(&self, call: Call) -> usize {
        lock(&self.0).calls.get(&call).copied().unwrap_or(0)
    }

    /// The time that each call to connect or check was given.
    pub(crate) fn given(&self, call: Call) -> Vec<Option<Duration>> {
        lock(&self.0).given.get(&call).cloned().unwrap_or_default()
    }

    /// How many connections were discarded for this reason.
    pub(crate) fn discards(&self, reason: DiscardReason) -> usize {
        lock(&self.0).discards.get(&reason).copied().unwrap_or(0)
    }

    /// The numbers of the connections that were discarded, in order.
    pub(crate) fn discarded(&self) -> Vec<usize> {
        lock(&self.0).discarded.clone()
    }

    /// The events, in short.
    pub(crate) fn events(&self) -> Vec<String> {
        lock(&self.0).events.clone()
    }

    /// How many connections there are.
    pub(crate) fn live(&self) -> usize {
        lock(&self.0).live
    }

    pub(crate) fn most_live(&self) -> usize {
        lock(&self.0).most_live
    }

    /// So many there may be at once: one more is a panic where it is made.
    pub(crate) fn allow(&self, most: usize) {
        lock(&self.0).allowed = most;
    }

    /// How many connections went without the manager being told.
    pub(crate) fn lost(&self) -> usize {
        lock(&self.0).lost
    }

    fn begin(&self, call: Call) -> (Outcome, usize) {
        let mut stage = lock(&self.0);
        let count = stage.calls.entry(call).or_default();
        *count += 1;
        let count = *count;
        let next = stage.next.get_mut(&call).and_then(VecDeque::pop_front);
        let outcome = next.or_else(|| stage.otherwise.get(&call).cloned()).unwrap_or(Outcome::Ok);
        (outcome, count)
    }

    fn play(&self, call: Call) -> Result<(), Failed> {
        let (mut outcome, count) = self.begin(call);
        loop {
            outcome = match outcome {
                Outcome::At(gate, end) => {
                    gate.pass();
                    *end
                }
                end => match Self::step(end, call, count) {
                    Ok(end) => return end,
                    Err(next) => next,
                },
            }
        }
    }

    async fn play_async(&self, call: Call) -> Result<(), Failed> {
        let (mut outcome, count) = self.begin(call);
        loop {
            outcome = match outcome {
                Outcome::At(gate, end) => {
                    gate.pass_async().await;
                    *end
                }
                end => match Self::step(end, call, count) {
                    Ok(end) => return end,
                    Err(next) => next,
                },
            }
        }
    }

    fn step(outcome: Outcome, call: Call, count: usize) -> Result<Result<(), Failed>, Outcome> {
        match outcome {
            Outcome::Ok => Ok(Ok(())),
            Outcome::Error => Ok(Err(Failed(call, count))),
            Outcome::Panic => panic!("{call:?} {count} panics, as it was told to"),
            Outcome::After(work, end) => {
                work();
                Err(*end)
            }
            Outcome::At(..) => unreachable!("gates are seen to by the caller"),
        }
    }

    fn make(&self) -> Conn {
        let mut stage = lock(&self.0);
        stage.made += 1;
        stage.live += 1;
        stage.most_live = stage.most_live.max(stage.live);
        let (number, live, allowed) = (stage.made, stage.live, stage.allowed);
        drop(stage);
        assert!(allowed == 0 || live <= allowed, "{live} connections are open, and {allowed} may be");
        Conn { number, users: AtomicUsize::new(0), is_parted: false, script: self.clone() }
    }

    fn note_given(&self, call: Call, within: Option<Duration>) {
        lock(&self.0).given.entry(call).or_default().push(within);
    }
}

impl Lifecycle for Script {
    type Connection = Conn;
    type Error = Failed;

    fn has_broken(&self, connection: &mut Conn) -> bool {
        connection.ping();
        self.play(Call::Broken).is_err()
    }

    fn reset(&self, connection: &mut Conn) -> Result<(), Failed> {
        connection.ping();
        self.play(Call::Reset)
    }

    fn needs_check(&self, connection: &mut Conn) -> bool {
        connection.ping();
        self.play(Call::Dirty).is_err()
    }

    fn on_discard(&self, mut connection: Conn, reason: DiscardReason) {
        connection.ping();
        connection.is_parted = true;
        {
            let mut stage = lock(&self.0);
            *stage.discards.entry(reason).or_default() += 1;
            stage.discarded.push(connection.number);
        }
        // It may panic only: nobody is there to hear of an error.
        let _told = self.play(Call::Discard);
    }

    fn on_event(&self, event: &Event<'_, Failed>) {
        let event = match event {
            Event::Connected { .. } => String::from("connected"),
            Event::ConnectFailed { error: Some(error), .. } => format!("connect failed: {error}"),
            Event::ConnectFailed { error: None, .. } => String::from("connect timed out"),
            Event::CheckFailed { error: Some(error) } => format!("check failed: {error}"),
            Event::CheckFailed { error: None } => String::from("check timed out"),
            Event::ResetFailed { error } => format!("reset failed: {error}"),
            Event::Leaked { loan } => format!("leaked: {loan}"),
            _ => String::from("something else"),
        };
        lock(&self.0).events.push(event);
    }
}

impl Manager for Script {
    fn connect(&self, within: Option<Duration>) -> Result<Conn, Failed> {
        self.note_given(Call::Connect, within);
        self.play(Call::Connect)?;
        Ok(self.make())
    }

    fn is_valid(&self, connection: &mut Conn, within: Option<Duration>) -> Result<(), Failed> {
        connection.ping();
        self.note_given(Call::Check, within);
        self.play(Call::Check)
    }
}

impl AsyncManager for Script {
    async fn connect(&self) -> Result<Conn, Failed> {
        self.play_async(Call::Connect).await?;
        Ok(self.make())
    }

    async fn is_valid(&self, connection: &mut Conn) -> Result<(), Failed> {
        connection.ping();
        self.play_async(Call::Check).await
    }
}

/// A connection of a [`Script`], with its number: the first is 1.
pub(crate) struct Conn {
    pub(crate) number: usize,
    users: AtomicUsize,
    is_parted: bool,
    script: Script,
}

impl Conn {
    /// Uses the connection, which nobody else may do meanwhile, and nobody once it was discarded.
    #[track_caller]
    pub(crate) fn ping(&self) {
        assert_eq!(self.users.fetch_add(1, Ordering::Relaxed), 0, "connection {} is used by two", self.number);
        assert!(!self.is_parted, "connection {} is used after it was discarded", self.number);
        self.users.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conn {}", self.number)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        let mut stage = lock(&self.script.0);
        stage.live -= 1;
        stage.lost += usize::from(!self.is_parted);
    }
}

/// The pool as it should be when everybody is through: nobody waits, nothing is out, and the manager was told of whatever
/// has gone.
#[track_caller]
pub(crate) fn assert_at_rest<const N: usize>(pool: &SimPool<N>) {
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting), (0, 0), "{status:?}");
    assert_eq!(status.idle + status.vacant, status.max_size, "{status:?}");
    assert_eq!((pool.manager().live(), pool.manager().lost()), (status.idle, 0), "{status:?}");
}

/// A task that runs only when the test polls it, and counts how often it was woken.
pub(crate) struct Job<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    bell: Arc<JobBell>,
    waker: Waker,
}

#[derive(Default)]
struct JobBell(AtomicUsize);

impl Wake for JobBell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a, T> Job<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        let bell = Arc::new(JobBell::default());
        Self { future: Box::pin(future), waker: Waker::from(Arc::clone(&bell)), bell }
    }

    /// A task that has something to wait for.
    #[track_caller]
    pub(crate) fn begun(future: impl Future<Output = T> + 'a) -> Self {
        let mut job = Self::new(future);
        job.wait_on();
        job
    }

    pub(crate) fn poll(&mut self) -> Poll<T> {
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    /// It is polled, and must still wait.
    #[track_caller]
    pub(crate) fn wait_on(&mut self) {
        assert!(self.poll().is_pending(), "the task has nothing to wait for");
    }

    /// It is polled, and must be through.
    #[track_caller]
    pub(crate) fn end(&mut self) -> T {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the task still waits"),
        }
    }

    /// It must have been woken, and is through when it is polled.
    #[track_caller]
    pub(crate) fn woken_to_end(&mut self) -> T {
        assert!(self.rings() > 0, "nobody has woken the task");
        self.end()
    }

    /// How often it was woken.
    pub(crate) fn rings(&self) -> usize {
        self.bell.0.load(Ordering::SeqCst)
    }
}
