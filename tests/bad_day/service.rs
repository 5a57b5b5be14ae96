//! A service as the guide for servers builds it, with the defaults: a shared pool, and callers in front of it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::{GetError, Lifecycle};

use crate::database::GREETING;
use crate::kit::lock;
use crate::kit::managed::millis;

/// How many connections there are by default.
pub(crate) const MAX_SIZE: usize = 10;

/// How long a caller waits for an answer of the database.
pub(crate) const ANSWER: Duration = millis(300);

/// How long a caller pauses after each request.
pub(crate) const PAUSE: Duration = millis(10);

/// The end of a caller, to be waited for.
pub(crate) type Caller = Box<dyn FnOnce()>;

/// A kind of service.
pub(crate) trait Service: Sync {
    const NAME: &'static str;

    type Db: Lifecycle<Connection: Send> + Client + Send + Sync;

    fn start(address: SocketAddr) -> Self;

    fn pool(&self) -> &SharedPool<Self::Db>;

    /// Begins a caller, who asks once, and then again until the log is over.
    fn call(&self, patience: Duration, log: &Arc<Log>) -> Caller;
}

/// What connects to the database.
pub(crate) trait Client {
    fn sessions(&self) -> &Sessions;
}

/// The sessions that clients have with the database: each from the beginning of its connect until it is closed.
#[derive(Default)]
pub(crate) struct Sessions {
    begun: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Sessions {
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(SeqCst)
    }

    /// The most that there were at once.
    pub(crate) fn most(&self) -> usize {
        self.most.load(SeqCst)
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Session {
        self.begun.fetch_add(1, SeqCst);
        self.most.fetch_max(self.open.fetch_add(1, SeqCst) + 1, SeqCst);
        Session(Arc::clone(self))
    }
}

pub(crate) struct Session(Arc<Sessions>);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

/// A connection. Its questions are numbered: an answer to an earlier one, which nobody has waited for, is passed over.
pub(crate) struct Conn<S> {
    pub(crate) stream: S,
    number: u64,
    pub(crate) is_broken: bool,
    _session: Session,
}

impl<S> Conn<S> {
    pub(crate) const fn new(stream: S, session: Session) -> Self {
        Self { stream, number: 0, is_broken: false, _session: session }
    }

    pub(crate) fn next_question(&mut self) -> [u8; 8] {
        self.number += 1;
        self.number.to_be_bytes()
    }

    /// What has failed once is broken.
    pub(crate) fn note(&mut self, asked: io::Result<()>) -> io::Result<()> {
        self.is_broken |= asked.is_err();
        asked
    }
}

/// A connect to a port that nothing listens at may be given that very port, and then it meets itself.
pub(crate) fn check_peer(own: SocketAddr, server: SocketAddr) -> io::Result<()> {
    if own == server { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(()) }
}

pub(crate) fn check_greeting(greeting: u8) -> io::Result<()> {
    if greeting == GREETING { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// What has become of a request.
pub(crate) enum Came {
    Answered(Instant),
    /// The database has not answered.
    Failed,
    /// There was no connection.
    Unserved(GetError),
}

pub(crate) struct Request {
    /// How long the caller waited for a connection, or to be told that there is none.
    pub(crate) told_in: Duration,
    pub(crate) came: Came,
}

/// What has become of the requests of all callers.
#[derive(Default)]
pub(crate) struct Log {
    is_over: AtomicBool,
    requests: Mutex<Vec<Request>>,
}

impl Log {
    pub(crate) fn note(&self, request: Request) {
        lock(&self.requests).push(request);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(SeqCst)
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, SeqCst);
    }

    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *lock(&self.requests))
    }
}
