//! `FromBb8`: what the manager is called for, and when.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use conn_pool::managed::{Config, Event, GetError, ManagerError, Pool};
use conn_pool_bb8::FromBb8;
use conn_pool_testing::{Gate, Journal};

use crate::fake::{Customizer, Fake};

/// A pool whose callers connect themselves, so that everything happens in order.
fn pool(manager: FromBb8<Fake>) -> Pool<FromBb8<Fake>, 1> {
    Pool::new(manager, Config::new().validate_after(Some(Duration::ZERO))).unwrap()
}

fn journal(pool: &Pool<FromBb8<Fake>, 1>) -> Journal {
    pool.manager().manager().journal.clone()
}

#[tokio::test]
async fn the_manager_connects_and_checks_and_looks_at_what_is_returned() {
    let pool = pool(FromBb8::new(Fake::default()));
    let journal = journal(&pool);
    drop(pool.get_async().await.unwrap());
    assert_eq!(journal.take(), "connect 1, return 1");
    drop(pool.get_async().await.unwrap());
    assert_eq!(journal.take(), "check 1, return 1");
}

#[tokio::test]
async fn a_broken_connection_ends_at_its_return() {
    let pool = pool(FromBb8::new(Fake::default()));
    let journal = journal(&pool);
    pool.get_async().await.unwrap().is_broken = true;
    assert_eq!(journal.take(), "connect 1, return 1, drop 1");
    assert_eq!(pool.get_async().await.unwrap().number, 2);
}

#[tokio::test]
async fn a_connection_that_fails_its_check_is_replaced() {
    let pool = pool(FromBb8::new(Fake::default()));
    let journal = journal(&pool);
    pool.get_async().await.unwrap().is_invalid = true;
    let second = pool.get_async().await.unwrap();
    assert_eq!(second.number, 2);
    assert_eq!(journal.take(), "connect 1, return 1, check 1, drop 1, connect 2");
}

#[tokio::test]
async fn the_callers_error_is_the_managers() {
    let pool = pool(FromBb8::new(Fake::default()));
    pool.manager().manager().refuses.store(true, Ordering::Relaxed);
    let answer = pool.get_async().await;
    let Err(GetError::Connect { error: ManagerError::Own(error), .. }) = answer else { panic!("it connected") };
    assert_eq!(error.to_string(), "the server is away");
}

/// A pool with a customizer that notes in the same journal, and refuses the connection of that number.
fn customized(gate: Gate, refused: usize) -> (Pool<FromBb8<Fake>, 1>, Journal) {
    let manager = Fake::default();
    let journal = manager.journal.clone();
    let customizer = Customizer { journal: journal.clone(), gate, refused };
    (pool(FromBb8::new(manager).with_customizer(Box::new(customizer))), journal)
}

fn open() -> Gate {
    let gate = Gate::default();
    gate.open();
    gate
}

#[tokio::test]
async fn a_customizer_is_awaited_at_the_end_of_a_connect() {
    let gate = Gate::default();
    let (pool, journal) = customized(gate.clone(), 0);
    let mut first = pin!(pool.get_async());
    let is_pending = poll_fn(|context| Poll::Ready(first.as_mut().poll(context).is_pending())).await;
    assert!(is_pending);
    assert_eq!(journal.take(), "connect 1, acquire 1");
    gate.open();
    assert_eq!(first.await.unwrap().number, 1);
    drop(pool.get_async().await.unwrap());
    assert!(!journal.take().contains("acquire"));
}

#[tokio::test]
async fn a_connect_fails_if_the_customizer_does() {
    let (pool, journal) = customized(open(), 1);
    let error = pool.get_async().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot connect: no such time zone"), "{error}");
    assert_eq!(journal.take(), "connect 1, acquire 1, drop 1");
    assert_eq!(pool.get_async().await.unwrap().number, 2);
}

#[tokio::test]
async fn a_listener_is_told_of_failures() {
    let (told, fake) = (Journal::default(), Fake::default());
    let notes = told.clone();
    let manager = FromBb8::new(fake).with_listener(move |event| match event {
        Event::ConnectFailed { error, .. } => notes.note(format_args!("connect: {}", error.unwrap())),
        Event::CheckFailed { error } => notes.note(format_args!("check: {}", error.unwrap())),
        _ => {}
    });
    let pool = pool(manager);
    pool.get_async().await.unwrap().is_invalid = true;
    pool.manager().manager().refuses.store(true, Ordering::Relaxed);
    let _error = pool.get_async().await.unwrap_err();
    assert_eq!(told.take(), "check: no answer, connect: the server is away");
}

#[test]
fn it_can_be_printed() {
    let customizer = Customizer { journal: Journal::default(), gate: open(), refused: 0 };
    let text = format!("{:?}", FromBb8::new(Fake::default()).with_customizer(Box::new(customizer)));
    assert!(text.starts_with("FromBb8 { manager: Fake {") && text.contains("customizer: Some(Customizer"), "{text}");
}
