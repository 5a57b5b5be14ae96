//! `FromR2d2`: what the manager is called for, and when.

use std::sync::atomic::Ordering;
use std::time::Duration;

use conn_pool::managed::{Config, ConnGuard, Event, GetError, ManagerError, Pool};
use conn_pool_r2d2::FromR2d2;
use conn_pool_testing::Journal;

use crate::fake::{Customizer, Fake};

/// A pool whose callers connect themselves, so that everything happens in order.
fn pool(manager: FromR2d2<Fake>) -> Pool<FromR2d2<Fake>, 1> {
    Pool::new(manager, Config::new().validate_after(Some(Duration::ZERO))).unwrap()
}

fn journal(pool: &Pool<FromR2d2<Fake>, 1>) -> Journal {
    pool.manager().manager().journal.clone()
}

#[test]
fn the_manager_connects_and_checks_and_looks_at_what_is_returned() {
    let pool = pool(FromR2d2::new(Fake::default()));
    let journal = journal(&pool);
    drop(pool.get().unwrap());
    assert_eq!(journal.take(), "connect 1, return 1");
    drop(pool.get().unwrap());
    assert_eq!(journal.take(), "check 1, return 1");
}

#[test]
fn a_broken_connection_ends_at_its_return() {
    let pool = pool(FromR2d2::new(Fake::default()));
    let journal = journal(&pool);
    pool.get().unwrap().is_broken = true;
    assert_eq!(journal.take(), "connect 1, return 1, drop 1");
    assert_eq!(pool.get().unwrap().number, 2);
}

#[test]
fn a_connection_that_fails_its_check_is_replaced() {
    let pool = pool(FromR2d2::new(Fake::default()));
    let journal = journal(&pool);
    pool.get().unwrap().is_invalid = true;
    let second = pool.get().unwrap();
    assert_eq!(second.number, 2);
    assert_eq!(journal.take(), "connect 1, return 1, check 1, drop 1, connect 2");
}

#[test]
fn the_callers_error_is_the_managers() {
    let pool = pool(FromR2d2::new(Fake::default()));
    pool.manager().manager().refuses.store(true, Ordering::Relaxed);
    let Err(GetError::Connect { error: ManagerError::Own(error), .. }) = pool.get() else { panic!("it connected") };
    assert_eq!(error.to_string(), "the server is away");
}

/// A pool with a customizer that notes in the same journal, and refuses the connection of that number.
fn customized(refused: usize) -> (Pool<FromR2d2<Fake>, 1>, Journal) {
    let manager = Fake::default();
    let journal = manager.journal.clone();
    let customizer = Customizer { journal: journal.clone(), refused };
    (pool(FromR2d2::new(manager).with_customizer(Box::new(customizer))), journal)
}

#[test]
fn a_customizer_is_called_at_the_end_of_a_connect_and_with_what_ends() {
    let (pool, journal) = customized(0);
    ConnGuard::discard(pool.get().unwrap());
    assert_eq!(journal.take(), "connect 1, acquire 1, release 1, drop 1");
    drop(pool.get().unwrap());
    drop(pool);
    assert_eq!(journal.take(), "connect 2, acquire 2, return 2, release 2, drop 2");
}

#[test]
fn a_connect_fails_if_the_customizer_does() {
    let (pool, journal) = customized(1);
    let error = pool.get().unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: no such time zone"), "{error}");
    assert_eq!(journal.take(), "connect 1, acquire 1, drop 1");
    assert_eq!(pool.get().unwrap().number, 2);
}

#[test]
fn a_listener_is_told_of_failures() {
    let (told, fake) = (Journal::default(), Fake::default());
    let notes = told.clone();
    let manager = FromR2d2::new(fake).with_listener(move |event| match event {
        Event::ConnectFailed { error, .. } => notes.note(format_args!("connect: {}", error.unwrap())),
        Event::CheckFailed { error } => notes.note(format_args!("check: {}", error.unwrap())),
        _ => {}
    });
    let pool = pool(manager);
    pool.get().unwrap().is_invalid = true;
    pool.manager().manager().refuses.store(true, Ordering::Relaxed);
    let _error = pool.get().unwrap_err();
    assert_eq!(told.take(), "check: no answer, connect: the server is away");
}

#[test]
fn it_can_be_printed() {
    let customizer = Box::new(Customizer::default());
    let text = format!("{:?}", FromR2d2::new(Fake::default()).with_customizer(customizer));
    assert!(text.starts_with("FromR2d2 { manager: Fake {") && text.contains("customizer: Some(Customizer"), "{text}");
}
