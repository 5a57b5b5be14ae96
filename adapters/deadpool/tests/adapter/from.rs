//! `FromDeadpool`: what the manager is called for, and when.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, Config, ConnGuard, Event, Hooks, Pool};
use conn_pool_deadpool::{FromDeadpool, FromDeadpoolError};
use conn_pool_testing::{Gate, Journal};

use crate::fake::{Fake, State};

/// A pool whose callers connect themselves, so that everything happens in order.
fn pool<M: AsyncManager>(manager: M, config: Config) -> Pool<M, 1> {
    Pool::new(manager, config).unwrap()
}

fn fake() -> (FromDeadpool<Fake>, Journal) {
    let fake = Fake::default();
    let journal = fake.journal.clone();
    (FromDeadpool::new(fake), journal)
}

const EACH_TIME: Config = Config::new().validate_after(Some(Duration::ZERO));
/// Long enough that a test is over before.
const LATER: Config = Config::new().validate_after(Some(Duration::from_secs(600)));

#[tokio::test]
async fn with_validate_after_of_zero_each_caller_has_the_object_recycled() {
    let (manager, journal) = fake();
    let pool = pool(manager, EACH_TIME);
    drop(pool.get_async().await.unwrap());
    assert_eq!(journal.take(), "create 1");
    drop(pool.get_async().await.unwrap());
    drop(pool.get_async().await.unwrap());
    assert_eq!(journal.take(), "recycle 1 (0), recycle 1 (1)");
}

#[tokio::test]
async fn an_object_that_was_not_idle_for_long_is_not_recycled() {
    let (manager, journal) = fake();
    let pool = pool(manager, LATER);
    pool.get_async().await.unwrap().state = State::Dirty;
    assert_eq!(pool.get_async().await.unwrap().state, State::Dirty);
    assert_eq!(journal.take(), "create 1");
}

#[tokio::test]
async fn an_object_is_recycled_each_time_if_the_manager_is_told_so() {
    let (manager, journal) = fake();
    let pool = pool(manager.recycle_each_time(), LATER);
    pool.get_async().await.unwrap().state = State::Dirty;
    assert_eq!(journal.take(), "create 1");
    assert_eq!(pool.get_async().await.unwrap().state, State::Clean);
    assert_eq!(journal.take(), "recycle 1 (0)");
}

#[tokio::test]
async fn an_object_can_be_recycled_when_it_is_returned() {
    let (manager, journal) = fake();
    let pool = SharedPool::new(manager.recycle_each_time(), LATER.max_size(1).clean_on_return(true)).unwrap();
    let mut thing = pool.get_async().await.unwrap();
    thing.state = State::Dirty;
    let (count, _before) = (thing.metrics().recycle_count, journal.take());
    drop(thing);
    while pool.status().idle == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(journal.take(), format!("recycle 1 ({count})"));
    assert_eq!(pool.try_get().unwrap().state, State::Clean);
}

#[tokio::test]
async fn metrics_go_with_the_object() {
    let (manager, _journal) = fake();
    let pool = pool(manager, EACH_TIME);
    let thing = pool.get_async().await.unwrap();
    let created = thing.metrics().created;
    assert!(thing.metrics().recycled.is_none());
    drop(thing);
    let thing = pool.get_async().await.unwrap();
    assert_eq!((thing.metrics().created, thing.metrics().recycle_count), (created, 1));
    assert!(thing.metrics().recycled.unwrap() >= created);
}

#[tokio::test]
async fn an_object_that_is_not_recycled_is_replaced_and_a_listener_told_why() {
    let (told, (manager, journal)) = (Journal::default(), fake());
    let notes = told.clone();
    let manager = manager.with_listener(move |event| {
        if let Event::CheckFailed { error } = event {
            notes.note(error.unwrap());
        }
    });
    let pool = pool(manager, EACH_TIME);
    pool.get_async().await.unwrap().state = State::Worn;
    pool.get_async().await.unwrap().state = State::Dead;
    assert_eq!(pool.get_async().await.unwrap().number, 3);
    let calls = "create 1, recycle 1 (0), detach 1, drop 1, create 2, recycle 2 (0), detach 2, drop 2, create 3";
    assert_eq!(journal.take(), calls);
    assert_eq!(told.take(), "cannot be recycled: worn out, no answer");
}

#[tokio::test]
async fn what_ends_is_detached() {
    let (manager, journal) = fake();
    let pool = pool(manager, LATER);
    ConnGuard::discard(pool.get_async().await.unwrap());
    assert_eq!(journal.take(), "create 1, detach 1, drop 1");
    drop(pool.get_async().await.unwrap());
    drop(pool);
    assert_eq!(journal.take(), "create 2, detach 2, drop 2");
}

#[tokio::test]
async fn what_is_taken_out_is_the_callers() {
    let (manager, journal) = fake();
    let pool = pool(manager, LATER);
    let thing = ConnGuard::detach(pool.get_async().await.unwrap()).into_inner();
    drop(pool);
    assert_eq!(journal.take(), "create 1");
    drop(thing);
}

#[tokio::test]
async fn an_object_whose_recycling_was_cancelled_ends() {
    let fake = Fake::with_gate(Gate::default());
    let journal = fake.journal.clone();
    let pool = pool(FromDeadpool::new(fake), EACH_TIME);
    drop(pool.get_async().await.unwrap());
    {
        let mut second = pin!(pool.get_async());
        let is_pending = poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending())).await;
        assert!(is_pending);
    }
    assert_eq!(journal.take(), "create 1, recycle 1 (0), detach 1, drop 1");
    assert_eq!(pool.get_async().await.unwrap().number, 2);
}

#[tokio::test]
async fn hooks_are_called_with_the_object() {
    let (manager, _journal) = fake();
    let hooks = Hooks::new(manager)
        .after_connect(|thing| {
            thing.state = State::Dirty;
            Ok(())
        })
        .after_connect_async(|thing| {
            let is_refused = thing.number == 1;
            let answer = if is_refused { Err(FromDeadpoolError::Message("not this one".into())) } else { Ok(()) };
            Box::pin(async { answer })
        });
    let pool = pool(hooks, LATER);
    let error = pool.get_async().await.unwrap_err();
    assert!(error.to_string().contains("not this one"), "{error}");
    let second = pool.get_async().await.unwrap();
    assert_eq!((second.number, &second.state), (2, &State::Dirty));
}
