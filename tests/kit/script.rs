//! A manager that does what the test says.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, CheckReason, DiscardReason, Event, Lifecycle, Manager};

use super::{Census, Conn, Gate, lock};

/// The functions of a manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Connect,
    Check,
    /// `is_closed`: [`Outcome::Error`] says that it is, and will be.
    Closed,
    /// `has_broken`: [`Outcome::Error`] says that it is.
    Broken,
    Reset,
    /// `reset_blocks`: [`Outcome::Error`] says that it does.
    Blocks,
    /// `needs_check`: [`Outcome::Error`] says that it does.
    Dirty,
    /// `on_check`, which can only panic or take its time.
    Why,
    /// `on_discard`, likewise.
    Discard,
    /// `is_permanent`: [`Outcome::Error`] says that the error is.
    Permanent,
    /// `on_event`, which can only panic or take its time.
    Event,
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
pub(crate) struct Script {
    stage: Arc<Mutex<Stage>>,
    census: Arc<Census>,
}

#[derive(Default)]
struct Stage {
    closed: Vec<usize>,
    /// What the next calls come to, one by one.
    next: HashMap<Call, VecDeque<Outcome>>,
    /// What calls come to of which nothing else is said.
    otherwise: HashMap<Call, Outcome>,
    calls: HashMap<Call, usize>,
    /// Why connections were checked, in order.
    reasons: Vec<CheckReason>,
    discards: HashMap<DiscardReason, usize>,
    /// The numbers of those discarded, in order.
    discarded: Vec<usize>,
    events: Vec<String>,
    /// How much time the calls were given.
    given: HashMap<Call, Vec<Option<Duration>>>,
}

impl Script {
    /// The next call comes to this; the one after it to what is said after.
    pub(crate) fn then(&self, call: Call, outcome: Outcome) -> &Self {
        lock(&self.stage).next.entry(call).or_default().push_back(outcome);
        self
    }

    /// From now on calls come to this.
    pub(crate) fn always(&self, call: Call, outcome: Outcome) -> &Self {
        lock(&self.stage).otherwise.insert(call, outcome);
        self
    }

    /// How often it was called.
    pub(crate) fn calls(&self, call: Call) -> usize {
        lock(&self.stage).calls.get(&call).copied().unwrap_or(0)
    }

    /// The time that each call to connect or check was given.
    pub(crate) fn given(&self, call: Call) -> Vec<Option<Duration>> {
        lock(&self.stage).given.get(&call).cloned().unwrap_or_default()
    }

    /// Why connections were checked since this was asked last.
    pub(crate) fn reasons(&self) -> Vec<CheckReason> {
        std::mem::take(&mut lock(&self.stage).reasons)
    }

    /// How many connections were discarded for this reason.
    pub(crate) fn discards(&self, reason: DiscardReason) -> usize {
        lock(&self.stage).discards.get(&reason).copied().unwrap_or(0)
    }

    /// The numbers of the connections that were discarded, in order.
    pub(crate) fn discarded(&self) -> Vec<usize> {
        lock(&self.stage).discarded.clone()
    }

    /// The events, in short.
    pub(crate) fn events(&self) -> Vec<String> {
        lock(&self.stage).events.clone()
    }

    /// How many connections there are.
    pub(crate) fn live(&self) -> usize {
        self.census.live()
    }

    pub(crate) fn most_live(&self) -> usize {
        self.census.most_live()
    }

    /// So many there may be at once: one more is a panic where it is made.
    pub(crate) fn allow(&self, most: usize) {
        self.census.allow(most);
    }

    /// How many connections went without the manager being told.
    pub(crate) fn lost(&self) -> usize {
        self.census.lost()
    }

    /// A connection that is made without a call.
    pub(crate) fn connection(&self) -> Conn {
        self.census.connect()
    }

    fn begin(&self, call: Call) -> (Outcome, usize) {
        let mut stage = lock(&self.stage);
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

    fn note_given(&self, call: Call, within: Option<Duration>) {
        lock(&self.stage).given.entry(call).or_default().push(within);
    }
}

impl Lifecycle for Script {
    type Connection = Conn;
    type Error = Failed;

    fn is_closed(&self, connection: &mut Conn) -> bool {
        connection.ping();
        let is_closed = self.play(Call::Closed).is_err();
        let closed = &mut lock(&self.stage).closed;
        if is_closed {
            closed.push(connection.number);
        }
        closed.contains(&connection.number)
    }

    fn has_broken(&self, connection: &mut Conn) -> bool {
        connection.ping();
        self.play(Call::Broken).is_err()
    }

    fn reset(&self, connection: &mut Conn) -> Result<(), Failed> {
        connection.ping();
        self.play(Call::Reset)
    }

    fn reset_blocks(&self, connection: &mut Conn) -> bool {
        connection.ping();
        self.play(Call::Blocks).is_err()
    }

    fn needs_check(&self, connection: &mut Conn) -> bool {
        connection.ping();
        self.play(Call::Dirty).is_err()
    }

    fn on_check(&self, connection: &mut Conn, why: CheckReason) {
        connection.ping();
        lock(&self.stage).reasons.push(why);
        // There is nothing to answer.
        let _told = self.play(Call::Why);
    }

    fn on_discard(&self, mut connection: Conn, reason: DiscardReason) {
        connection.part();
        {
            let mut stage = lock(&self.stage);
            *stage.discards.entry(reason).or_default() += 1;
            stage.discarded.push(connection.number);
        }
        // There is no caller to hear of an error.
        let _told = self.play(Call::Discard);
    }

    fn is_permanent(&self, _error: &Failed) -> bool {
        self.play(Call::Permanent).is_err()
    }

    fn describe(&self, error: &Failed, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{error}")
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
        lock(&self.stage).events.push(event);
        let _told = self.play(Call::Event);
    }
}

impl Manager for Script {
    fn connect(&self, within: Option<Duration>) -> Result<Conn, Failed> {
        self.note_given(Call::Connect, within);
        self.play(Call::Connect)?;
        Ok(self.census.connect())
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
        Ok(self.census.connect())
    }

    async fn is_valid(&self, connection: &mut Conn) -> Result<(), Failed> {
        connection.ping();
        self.play_async(Call::Check).await
    }
}
