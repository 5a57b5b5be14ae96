//! `IntoDeadpool`: no connection reaches the next caller as the last one left it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use conn_pool::managed::{AsyncManager, CheckReason, Lifecycle};
use conn_pool_deadpool::IntoDeadpool;
use conn_pool_testing::Journal;
use deadpool::managed::Pool;

/// Notes each call.
#[derive(Default)]
struct Ours {
    journal: Journal,
    made: AtomicUsize,
}

#[derive(Debug)]
struct Session {
    number: usize,
    state: State,
    why: Option<CheckReason>,
}

/// What a caller has left behind.
#[derive(Debug, PartialEq)]
enum State {
    Clean,
    Transaction,
    /// A reset does not help.
    Stuck,
    /// Only a check cleans it up.
    Dirty,
    Closed,
    Broken,
    /// Fails its check.
    Invalid,
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
}

impl AsyncManager for Ours {
    async fn connect(&self) -> io::Result<Session> {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Session { number, state: State::Clean, why: None })
    }

    async fn is_valid(&self, session: &mut Session) -> io::Result<()> {
        self.journal.note(format_args!("check {} ({})", session.number, session.why.unwrap().name()));
        if session.state == State::Invalid {
            return Err(io::Error::other("no answer"));
        }
        session.state = State::Clean;
        Ok(())
    }
}

/// What the manager is called for after a caller has left `state` behind, and what the next one gets.
async fn after(state: State) -> (String, usize) {
    let manager = Ours::default();
    let journal = manager.journal.clone();
    let pool: Pool<_> = Pool::builder(IntoDeadpool::new(manager)).max_size(1).build().unwrap();
    pool.get().await.unwrap().state = state;
    let session = pool.get().await.unwrap();
    assert_eq!(session.state, State::Clean);
    (journal.take(), session.number)
}

#[tokio::test]
async fn a_connection_is_reset_and_checked_before_the_next_caller_gets_it() {
    assert_eq!(after(State::Transaction).await, ("reset 1, check 1 (each_time)".into(), 1));
    assert_eq!(after(State::Dirty).await, ("reset 1, check 1 (dirty)".into(), 1));
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_fit_is_replaced() {
    assert_eq!(after(State::Stuck).await, ("reset 1".into(), 2));
    assert_eq!(after(State::Closed).await, (String::new(), 2));
    assert_eq!(after(State::Broken).await, (String::new(), 2));
    assert_eq!(after(State::Invalid).await, ("reset 1, check 1 (each_time)".into(), 2));
}
