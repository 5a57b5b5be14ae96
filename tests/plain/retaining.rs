//! Looking at the idle connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conn_pool::{ConnGuard, Fairness, Pool};

use crate::kit::plain::{Task, assert_at_rest, hold_all};
use crate::kit::{Census, waker_that};

#[test]
fn every_idle_connection_is_shown_once_and_the_refused_ones_are_dropped() {
    let census = Census::new();
    let pool: Pool<_, 20> = Pool::from_fn(|_| census.connect());
    let mut seen = Vec::new();
    let retained = pool.retain(|connection| {
        seen.push(connection.number);
        connection.number % 3 == 1
    });
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    assert_eq!((retained.kept, retained.discarded), (7, 13));
    assert_eq!(census.dropped(), 13);
    assert_eq!((pool.status().idle, pool.status().vacant), (7, 13));
    assert!(hold_all(&pool).iter().all(|connection| connection.number % 3 == 1));
    assert_eq!(pool.metrics().discarded, 13);
}

#[test]
fn held_vacant_and_set_aside_connections_are_not_shown() {
    let pool: Pool<usize, 6> = Pool::from_fn(|number| number);
    let held = pool.try_get().unwrap();
    ConnGuard::discard(pool.try_get().unwrap());
    pool.resize(3).unwrap();
    let mut shown = 0;
    pool.retain(|_| {
        shown += 1;
        true
    });
    assert_eq!(shown, 2);
    drop(held);
}

#[test]
fn a_connection_may_be_changed_while_it_is_looked_at() {
    let pool = Pool::from([1, 2, 3]);
    pool.retain(|number| {
        *number *= 10;
        true
    });
    let mut numbers: Vec<i32> = hold_all(&pool).iter().map(|guard| **guard).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [10, 20, 30]);
}

#[test]
fn being_looked_at_is_not_a_use() {
    let pool = Pool::from([1, 2, 3]);
    pool.retain(|number| *number > 1);
    let metrics = pool.metrics();
    assert_eq!((metrics.acquired, metrics.reused, metrics.discarded), (0, 0, 1));
}

#[test]
fn a_connection_that_is_looked_at_is_lent_to_nobody() {
    let pool = Pool::from([1]);
    pool.retain(|_| {
        assert!(pool.try_get().is_err());
        assert_eq!(pool.status().in_use, 1);
        true
    });
    assert!(pool.try_get().is_ok());
}

#[test]
fn who_joins_the_queue_meanwhile_gets_the_connection_that_is_kept() {
    let pool = Pool::from([1]);
    let mut waiter = None;
    pool.retain(|_| {
        waiter = Some(Task::waiting(&pool));
        true
    });
    drop(waiter.unwrap().guard());
    assert_at_rest(&pool);
}

#[test]
fn who_joins_the_queue_meanwhile_waits_on_when_the_connection_is_refused() {
    let pool = Pool::from([1]);
    let mut waiter = None;
    pool.retain(|_| {
        waiter = Some(Task::waiting(&pool));
        false
    });
    let mut waiter = waiter.unwrap();
    assert!(waiter.poll().is_pending());
    pool.insert(2).unwrap();
    assert_eq!(*waiter.guard(), 2);
}

#[test]
fn while_others_wait_for_connections_none_is_shown() {
    let pool = Pool::from([1, 2]);
    let held = hold_all(&pool);
    let mut granted = Task::waiting(&pool);
    let waiting = Task::waiting(&pool);
    drop(held.into_iter().next());
    assert_eq!(pool.retain(|_| unreachable!("it belongs to a waiter")).kept, 0);
    drop(waiting);
    drop(granted.guard());
}

#[test]
fn what_is_free_for_a_waiter_that_was_called_is_not_shown() {
    let pool = Pool::from([1]).with_fairness(Fairness::Bounded(5));
    let held = pool.try_get().unwrap();
    let mut called = Task::waiting(&pool);
    drop(held);
    assert_eq!((called.rings(), pool.status().idle), (1, 1));
    assert_eq!(pool.retain(|_| unreachable!("it belongs to a waiter")).kept, 0);
    drop(called.guard());
}

#[test]
fn in_a_pool_that_is_being_closed_none_is_shown() {
    // The connection is free for the first in the queue, and the second one's waker runs before it is dropped.
    let pool = Arc::new(Pool::from([1]).with_fairness(Fairness::Bounded(5)));
    let held = pool.try_get().unwrap();
    let _called = Task::waiting(&pool);
    let visited = Arc::new(AtomicUsize::new(usize::MAX));
    let waker = waker_that({
        let (pool, visited) = (Arc::clone(&pool), Arc::clone(&visited));
        move || visited.store(pool.retain(|_| true).kept, Ordering::SeqCst)
    });
    let _second = Task::waiting_with(&pool, waker);
    drop(held);
    pool.close();
    assert_eq!(visited.load(Ordering::SeqCst), 0);
}

#[test]
fn a_visit_while_the_pool_shrinks_keeps_to_the_new_size() {
    let pool = Pool::from([0, 1, 2, 3]);
    let mut first = true;
    pool.retain(|_| {
        if std::mem::take(&mut first) {
            pool.resize(1).unwrap();
        }
        true
    });
    assert_at_rest(&pool);
    assert_eq!(pool.status().idle, 1);
    let mut first = true;
    pool.resize(4).unwrap();
    pool.retain(|_| {
        if std::mem::take(&mut first) {
            pool.resize(0).unwrap();
            return false;
        }
        true
    });
    assert_at_rest(&pool);
    pool.resize(4).unwrap();
    assert_eq!((pool.status().idle, pool.status().vacant), (3, 1));
}
