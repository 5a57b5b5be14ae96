//! A manager of `conn_pool` that notes each call.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use conn_pool::managed::{AsyncManager, CheckReason, DiscardReason, Lifecycle, Manager};

use crate::Journal;

/// A manager of `conn_pool` that notes each call, for adapters that take it to another pool. Connections are numbered:
/// the first is 1.
#[derive(Default)]
pub struct Ours {
    /// What it was called for.
    pub journal: Journal,
    made: AtomicUsize,
}

/// A connection of [`Ours`].
#[derive(Debug)]
pub struct Session {
    /// Which one it is.
    pub number: usize,
    /// What its caller has left behind.
    pub state: State,
    why: Option<CheckReason>,
}

/// What a caller has left behind.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Clean,
    /// A reset cleans it up.
    Transaction,
    /// A reset does not help.
    Stuck,
    /// Only a check cleans it up.
    Dirty,
    /// It is known to be closed as it is acquired.
    Closed,
    /// It is known to be broken as it is released.
    Broken,
    /// Fails its check.
    Invalid,
}

impl Ours {
    fn make(&self) -> Session {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        Session { number, state: State::Clean, why: None }
    }
}

impl Session {
    fn why(&self) -> &'static str {
        self.why.expect("a check follows `on_check`").name()
    }

    fn answer(&mut self) -> io::Result<()> {
        if self.state == State::Invalid {
            return Err(io::Error::other("no answer"));
        }
        self.state = State::Clean;
        Ok(())
    }
}

impl Lifecycle for Ours {
    type Connection = Session;
    type Error = io::Error;

    fn is_closed(&self, session: &mut Session) -> bool {
        session.state == State::Closed
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.state == State::Broken
    }

    fn reset(&self, session: &mut Session) -> io::Result<()> {
        self.journal.note(format_args!("reset {}", session.number));
        match session.state {
            State::Stuck => return Err(io::Error::other("cannot roll back")),
            State::Transaction => session.state = State::Clean,
            _ => {}
        }
        Ok(())
    }

    fn needs_check(&self, session: &mut Session) -> bool {
        session.state == State::Dirty
    }

    fn on_check(&self, session: &mut Session, why: CheckReason) {
        session.why = Some(why);
    }

    fn on_discard(&self, session: Session, reason: DiscardReason) {
        self.journal.note(format_args!("end {} ({})", session.number, reason.name()));
    }
}

impl AsyncManager for Ours {
    async fn connect(&self) -> io::Result<Session> {
        Ok(self.make())
    }

    async fn is_valid(&self, session: &mut Session) -> io::Result<()> {
        self.journal.note(format_args!("check {} ({})", session.number, session.why()));
        session.answer()
    }
}

impl Manager for Ours {
    fn connect(&self, within: Option<Duration>) -> io::Result<Session> {
        let session = self.make();
        self.journal.note(format_args!("connect {} within {within:?}", session.number));
        Ok(session)
    }

    fn is_valid(&self, session: &mut Session, within: Option<Duration>) -> io::Result<()> {
        self.journal.note(format_args!("check {} within {within:?} ({})", session.number, session.why()));
        session.answer()
    }
}
