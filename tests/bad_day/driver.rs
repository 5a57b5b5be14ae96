//! A driver that takes its time, refuses and hangs as a trial wants it: for threads and for tasks.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::{AsyncManager, Clock, DiscardReason, Event, Lifecycle, Manager};

use crate::kit::lock;
use crate::kit::managed::millis;
use crate::timer::Timer;

/// What it does. Durations are how long something takes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Behaviour {
    pub(crate) connect: Duration,
    /// How each connect ends, if it does not end well.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) check: Duration,
    /// So many checks, from now on, find the connection unfit.
    pub(crate) unfit: usize,
    pub(crate) close: Duration,
    /// How long a reset takes, which then has to ask the server.
    pub(crate) reset: Duration,
    /// Whether threads block for longer than the pool wants them to, as with most drivers.
    pub(crate) ignores_limits: bool,
}

/// What a pool did by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Checked,
    Discarded(DiscardReason),
    Leaked,
}

#[derive(Default)]
pub(crate) struct Driver {
    behaviour: Mutex<Behaviour>,
    connects: AtomicUsize,
    seen: Mutex<Vec<(Seen, Instant)>>,
}

/// A connection: nothing more is needed of it than that it is there.
pub(crate) struct Conn;

impl Driver {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self { behaviour: Mutex::new(behaviour), ..Self::default() }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.behaviour));
    }

    /// How many connects were begun.
    pub(crate) fn connects(&self) -> usize {
        self.connects.load(Ordering::SeqCst)
    }

    /// When it was seen first; waits for it until `end`.
    pub(crate) fn wait_for(&self, what: Seen, end: Instant) -> Option<Instant> {
        loop {
            if let Some((_, at)) = lock(&self.seen).iter().find(|(seen, _)| *seen == what) {
                return Some(*at);
            }
            if Instant::now() >= end {
                return None;
            }
            thread::sleep(millis(1));
        }
    }

    fn behaviour(&self) -> Behaviour {
        *lock(&self.behaviour)
    }

    fn see(&self, what: Seen) {
        lock(&self.seen).push((what, Instant::now()));
    }

    fn begin_connect(&self) -> Behaviour {
        self.connects.fetch_add(1, Ordering::SeqCst);
        self.behaviour()
    }

    fn end_check(&self) -> Result<(), &'static str> {
        let mut behaviour = lock(&self.behaviour);
        if behaviour.unfit == 0 {
            return Ok(());
        }
        behaviour.unfit -= 1;
        Err("the server has closed the connection")
    }
}

impl Behaviour {
    fn end_connect(&self) -> Result<Conn, &'static str> {
        self.refusal.map_or(Ok(Conn), Err)
    }

    /// Blocks the thread for as long as something takes, or until the pool's limit.
    fn block(&self, takes: Duration, within: Option<Duration>) -> Result<(), &'static str> {
        match within {
            Some(within) if within < takes && !self.ignores_limits => {
                thread::sleep(within);
                Err("no answer in time")
            }
            _ => {
                thread::sleep(takes);
                Ok(())
            }
        }
    }
}

impl Lifecycle for Driver {
    type Connection = Conn;
    type Error = &'static str;

    fn on_discard(&self, _: Conn, reason: DiscardReason) {
        self.see(Seen::Discarded(reason));
        thread::sleep(self.behaviour().close);
    }

    fn reset_blocks(&self, _: &mut Conn) -> bool {
        !self.behaviour().reset.is_zero()
    }

    fn reset(&self, _: &mut Conn) -> Result<(), &'static str> {
        thread::sleep(self.behaviour().reset);
        Ok(())
    }

    fn describe(&self, error: &&'static str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(error)
    }

    fn on_event(&self, event: &Event<'_, &'static str>) {
        if matches!(event, Event::Leaked { .. }) {
            self.see(Seen::Leaked);
        }
    }
}

impl Manager for Driver {
    fn connect(&self, within: Option<Duration>) -> Result<Conn, &'static str> {
        let behaviour = self.begin_connect();
        behaviour.block(behaviour.connect, within)?;
        behaviour.end_connect()
    }

    fn is_valid(&self, _: &mut Conn, within: Option<Duration>) -> Result<(), &'static str> {
        self.see(Seen::Checked);
        let behaviour = self.behaviour();
        behaviour.block(behaviour.check, within)?;
        self.end_check()
    }
}

impl AsyncManager for Driver {
    async fn connect(&self) -> Result<Conn, &'static str> {
        let behaviour = self.begin_connect();
        Timer.sleep(behaviour.connect).await;
        behaviour.end_connect()
    }

    async fn is_valid(&self, _: &mut Conn) -> Result<(), &'static str> {
        self.see(Seen::Checked);
        Timer.sleep(self.behaviour().check).await;
        self.end_check()
    }
}
