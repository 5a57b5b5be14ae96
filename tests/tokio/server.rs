//! A server in the hands of a test: what it answers, and what it was asked.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, DiscardReason, Lifecycle, Manager};
use tokio::sync::Notify;

/// What it does, and has done. All handles of one server are one.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<State>);

#[derive(Default)]
struct State {
    refuses: AtomicBool,
    hangs: AtomicBool,
    answers: Notify,
    asked: AtomicUsize,
    connects: AtomicUsize,
    checks: AtomicUsize,
    ended: AtomicUsize,
    panics: AtomicBool,
    /// How many managers there are.
    managers: Arc<()>,
}

/// The server has refused a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) usize);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused for the {}th time", self.0)
    }
}

impl Error for Refused {}

impl Server {
    pub(crate) fn refuse(&self, refuses: bool) {
        self.0.refuses.store(refuses, SeqCst);
    }

    /// From now on connects are not answered, until [`answer`](Self::answer).
    pub(crate) fn hang(&self) {
        self.0.hangs.store(true, SeqCst);
    }

    pub(crate) fn answer(&self) {
        self.0.hangs.store(false, SeqCst);
        self.0.answers.notify_waiters();
    }

    /// How many connects were begun, those that hang included.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(SeqCst)
    }

    pub(crate) fn connects(&self) -> usize {
        self.0.connects.load(SeqCst)
    }

    pub(crate) fn checks(&self) -> usize {
        self.0.checks.load(SeqCst)
    }

    pub(crate) fn ended(&self) -> usize {
        self.0.ended.load(SeqCst)
    }

    /// The manager panics when it ends a connection next.
    pub(crate) fn panic_at_next_end(&self) {
        self.0.panics.store(true, SeqCst);
    }

    /// A manager of connections to it.
    pub(crate) fn manager(&self) -> Db {
        Db { server: self.clone(), _counted: Arc::clone(&self.0.managers) }
    }

    /// How many managers are there still.
    pub(crate) fn managers(&self) -> usize {
        Arc::strong_count(&self.0.managers) - 1
    }

    fn connect(&self) -> Result<usize, Refused> {
        let number = self.0.connects.fetch_add(1, SeqCst) + 1;
        if self.0.refuses.load(SeqCst) { Err(Refused(number)) } else { Ok(number) }
    }

    async fn answered(&self) {
        while self.0.hangs.load(SeqCst) {
            let answered = self.0.answers.notified();
            if self.0.hangs.load(SeqCst) {
                answered.await;
            }
        }
    }
}

/// Connects to a [`Server`]; a connection is its number.
pub(crate) struct Db {
    pub(crate) server: Server,
    _counted: Arc<()>,
}

impl Lifecycle for Db {
    type Connection = usize;
    type Error = Refused;

    fn on_discard(&self, _connection: usize, _reason: DiscardReason) {
        self.server.0.ended.fetch_add(1, SeqCst);
        assert!(!self.server.0.panics.swap(false, SeqCst), "as planned");
    }

    fn describe(&self, error: &Refused, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{error}")
    }
}

impl Manager for Db {
    fn connect(&self, _within: Option<Duration>) -> Result<usize, Refused> {
        self.server.0.asked.fetch_add(1, SeqCst);
        while self.server.0.hangs.load(SeqCst) {
            std::thread::yield_now();
        }
        self.server.connect()
    }

    fn is_valid(&self, _connection: &mut usize, _within: Option<Duration>) -> Result<(), Refused> {
        self.server.0.checks.fetch_add(1, SeqCst);
        Ok(())
    }
}

impl AsyncManager for Db {
    async fn connect(&self) -> Result<usize, Refused> {
        self.server.0.asked.fetch_add(1, SeqCst);
        self.server.answered().await;
        self.server.connect()
    }

    async fn is_valid(&self, _connection: &mut usize) -> Result<(), Refused> {
        self.server.0.checks.fetch_add(1, SeqCst);
        Ok(())
    }
}
