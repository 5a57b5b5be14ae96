//! `IntoR2d2`: no connection reaches the next caller as the last one left it.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use conn_pool::managed::Config;
use conn_pool_r2d2::{IntoR2d2, IntoR2d2Error};
use conn_pool_testing::{Journal, Ours, State};

/// A pool of one connection, which has been made.
fn pool(test_on_check_out: bool) -> (r2d2::Pool<IntoR2d2<Ours>>, Journal) {
    let manager = Ours::default();
    let journal = manager.journal.clone();
    let manager = IntoR2d2::new(manager).connect_within(None).check_within(None);
    let customizer = manager.customizer();
    let builder = r2d2::Pool::builder().max_size(1).test_on_check_out(test_on_check_out);
    let pool = builder.connection_customizer(customizer).build(manager).unwrap();
    assert_eq!(journal.take(), "connect 1 within None");
    (pool, journal)
}

#[test]
fn a_transaction_that_was_left_open_does_not_reach_the_next_caller() {
    let (pool, journal) = pool(false);
    pool.get().unwrap().state = State::Transaction;
    let session = pool.get().unwrap();
    assert_eq!((session.number, &session.state), (1, &State::Clean));
    assert_eq!(journal.take(), "reset 1");
}

#[test]
fn a_connection_that_cannot_be_reset_ends() {
    let (pool, journal) = pool(false);
    pool.get().unwrap().state = State::Stuck;
    assert_eq!(pool.get().unwrap().number, 2);
    assert!(journal.take_up_to("end 1 (discarded)").starts_with("reset 1"));
}

#[test]
fn a_connection_that_needs_a_check_gets_it_at_its_return() {
    let (pool, journal) = pool(false);
    pool.get().unwrap().state = State::Dirty;
    assert_eq!(journal.take(), "reset 1, check 1 within None (dirty)");
    assert_eq!(pool.get().unwrap().state, State::Clean);
}

#[test]
fn a_broken_connection_ends_without_a_reset() {
    let (pool, journal) = pool(false);
    pool.get().unwrap().state = State::Broken;
    assert_eq!(pool.get().unwrap().number, 2);
    assert!(!journal.take_up_to("end 1 (discarded)").contains("reset 1"));
}

#[test]
fn each_check_out_is_a_check() {
    let (pool, journal) = pool(true);
    drop(pool.get().unwrap());
    assert_eq!(journal.take(), "check 1 within None (each_time), reset 1");
}

#[test]
fn a_connection_that_is_known_to_be_closed_is_not_lent() {
    let (pool, journal) = pool(true);
    pool.get().unwrap().state = State::Closed;
    let _before = journal.take();
    assert_eq!(pool.get().unwrap().number, 2);
    assert!(!journal.take().contains("check 1"));
}

#[test]
fn a_connection_that_a_panic_has_held_ends() {
    let (pool, journal) = pool(false);
    let panics = AssertUnwindSafe(|| {
        let _session = pool.get().unwrap();
        panic!("a handler's");
    });
    catch_unwind(panics).unwrap_err();
    assert_eq!(pool.get().unwrap().number, 2);
    assert!(!journal.take_up_to("end 1 (discarded)").contains("reset 1"));
}

#[test]
fn the_manager_is_told_its_time_limits() {
    let manager = Ours::default();
    let (journal, defaults) = (manager.journal.clone(), Config::new());
    let pool = r2d2::Pool::builder().max_size(1).build(IntoR2d2::new(manager)).unwrap();
    drop(pool.get().unwrap());
    let (connect, check) = (defaults.get_connect_timeout(), defaults.get_validation_timeout());
    let calls = format!("connect 1 within {connect:?}, check 1 within {check:?} (each_time), reset 1");
    assert_eq!(journal.take(), calls);
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
    let error = IntoR2d2Error::Manager(Caused(io::Error::other("refused")));
    assert_eq!(error.to_string(), "cannot connect");
    assert_eq!(error.source().unwrap().to_string(), "refused");
    assert!(IntoR2d2Error::<io::Error>::Closed.source().is_none());
    assert_eq!(IntoR2d2Error::<io::Error>::Closed.to_string(), "the idle connection is closed");
}
