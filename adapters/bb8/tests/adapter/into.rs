//! `IntoBb8`: no connection reaches the next caller as the last one left it.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use conn_pool_bb8::{IntoBb8, IntoBb8Error};
use conn_pool_testing::{Journal, Ours, State};

/// A pool of one connection.
async fn pool(manager: IntoBb8<Ours>, test_on_check_out: bool) -> (bb8::Pool<IntoBb8<Ours>>, Journal) {
    let journal = manager.manager().journal.clone();
    let builder = bb8::Pool::builder().max_size(1).test_on_check_out(test_on_check_out);
    (builder.build(manager).await.unwrap(), journal)
}

/// What the manager is called for from when a caller has left `state` behind until the next one has a connection, and
/// that one's number.
async fn after(state: State, manager: IntoBb8<Ours>, test_on_check_out: bool) -> (String, usize) {
    let (pool, journal) = pool(manager, test_on_check_out).await;
    let mut session = pool.get().await.unwrap();
    let _before = journal.take();
    session.state = state;
    drop(session);
    let session = pool.get().await.unwrap();
    assert_eq!(session.state, State::Clean);
    let calls = journal.take();
    // A check of the new connection is of no interest.
    (calls.split(", check 2").next().unwrap().to_owned(), session.number)
}

fn ours() -> IntoBb8<Ours> {
    IntoBb8::new(Ours::default())
}

#[tokio::test]
async fn a_transaction_that_was_left_open_does_not_reach_the_next_caller() {
    assert_eq!(after(State::Transaction, ours(), false).await, ("reset 1".into(), 1));
}

#[tokio::test]
async fn a_connection_that_needs_a_check_is_checked_for_that_reason() {
    assert_eq!(after(State::Dirty, ours(), true).await, ("reset 1, check 1 (dirty)".into(), 1));
    assert_eq!(after(State::Clean, ours(), true).await, ("reset 1, check 1 (each_time)".into(), 1));
}

#[tokio::test]
async fn a_connection_that_needs_a_check_ends_where_there_are_none() {
    assert_eq!(after(State::Dirty, ours().end_dirty(), false).await, ("reset 1".into(), 2));
    assert_eq!(after(State::Clean, ours().end_dirty(), false).await, ("reset 1".into(), 1));
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_fit_is_replaced() {
    assert_eq!(after(State::Stuck, ours(), false).await, ("reset 1".into(), 2));
    assert_eq!(after(State::Broken, ours(), false).await, (String::new(), 2));
    // bb8 also asks whether a connection has broken that is not valid.
    assert_eq!(after(State::Closed, ours(), true).await, ("reset 1, reset 1".into(), 2));
}

#[tokio::test]
async fn a_connection_that_a_panic_has_held_ends() {
    let (pool, journal) = pool(ours(), false).await;
    let session = pool.get().await.unwrap();
    let panics = AssertUnwindSafe(move || {
        let _session = session;
        panic!("a handler's");
    });
    catch_unwind(panics).unwrap_err();
    assert_eq!(pool.get().await.unwrap().number, 2);
    assert!(!journal.take().contains("reset 1"));
}

#[derive(Debug)]
struct Caused(io::Error);

impl fmt::Display for Caused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect")
    }
}

impl Error for Caused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_is_the_managers() {
    // Its cause is that of the manager's error, which itself is in the text.
    let error = IntoBb8Error::Manager(Caused(io::Error::other("refused")));
    assert_eq!(error.to_string(), "cannot connect");
    assert_eq!(error.source().unwrap().to_string(), "refused");
    assert!(IntoBb8Error::<io::Error>::Closed.source().is_none());
    assert_eq!(IntoBb8Error::<io::Error>::Closed.to_string(), "the idle connection is closed");
}
