//! `IntoDeadpool`: no connection reaches the next caller as the last one left it.

use conn_pool_deadpool::IntoDeadpool;
use conn_pool_testing::{Ours, State};
use deadpool::managed::Pool;

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
