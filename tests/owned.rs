//! Guards and futures that own an `Arc` of their pool.
#![cfg(feature = "alloc")]

mod common;

use std::sync::Arc;
use std::thread;

use common::{Bell, Ledger, assert_at_rest, panics, poll_once, poll_with};
use conn_pool::{OwnedConnGuard, Pool, PoolError};

#[test]
fn an_owned_guard_goes_to_another_thread_and_comes_back() {
    let pool = Arc::new(Pool::from([1, 2]));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let mut guard = pool.try_get_owned().unwrap();
            thread::spawn(move || *guard += 10)
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_at_rest(&pool);
    assert_eq!(Arc::strong_count(&pool), 1);
    let mut sum = 0;
    pool.retain(|connection| {
        sum += *connection;
        true
    });
    assert_eq!(sum, 23);
}

#[test]
fn guards_keep_the_pool_alive_and_let_it_go() {
    let ledger = Ledger::new();
    let pool: Arc<Pool<_, 2>> = Arc::new(Pool::from_fn(|_| ledger.connect()));
    let guard = pool.try_get_owned().unwrap();
    assert_eq!(Arc::strong_count(&pool), 2);
    drop(pool);
    guard.use_alone(|| ());
    assert_eq!(ledger.dropped(), 0);
    drop(guard);
    ledger.assert_each_dropped_once();
}

#[test]
fn discarding_an_owned_guard_lets_the_pool_go() {
    let ledger = Ledger::new();
    let pool = Arc::new(Pool::from([ledger.connect(), ledger.connect_to_panic()]));
    let [first, second] = [pool.try_get_owned().unwrap(), pool.try_get_owned().unwrap()];
    OwnedConnGuard::discard(first);
    assert!(panics(|| OwnedConnGuard::discard(second)));
    assert_eq!(Arc::strong_count(&pool), 1);
    assert_eq!(pool.status().vacant, 2);
    ledger.assert_each_dropped_once();
}

#[test]
fn refusals_hold_on_to_nothing() {
    let pool = Arc::new(Pool::from([1]));
    let held = pool.try_get_owned().unwrap();
    assert!(matches!(pool.try_get_owned(), Err(PoolError::Exhausted(_))));
    drop(held);
    pool.close();
    assert!(matches!(pool.try_get_owned(), Err(PoolError::Closed(_))));
    assert!(matches!(
        poll_once(&mut Box::pin(pool.get_async_owned())),
        std::task::Poll::Ready(Err(PoolError::Closed(_)))
    ));
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn an_owned_future_waits_in_the_same_line_and_may_be_dropped_at_any_moment() {
    let pool = Arc::new(Pool::from([1]));
    let held = pool.try_get().unwrap();
    let (bells, mut futures): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| {
            let (bell, waker) = Bell::new();
            let mut future = Box::pin(pool.get_async_owned());
            assert!(poll_with(&mut future, &waker).is_pending());
            (bell, Some(future))
        })
        .unzip();
    futures[1] = None;
    drop(held);
    // Granted and dropped: the third is the next.
    futures[0] = None;
    assert_eq!(bells.iter().map(|bell| bell.rings()).collect::<Vec<_>>(), [1, 0, 1, 0]);
    for place in [2, 3] {
        assert!(poll_once(futures[place].as_mut().unwrap()).is_ready());
    }
    drop(futures);
    assert_eq!(Arc::strong_count(&pool), 1);
    assert_at_rest(&pool);
}

#[test]
fn a_finished_owned_future_and_its_guard_may_go_in_any_order() {
    let ledger = Ledger::new();
    for future_first in [true, false] {
        let pool = Arc::new(Pool::from([ledger.connect()]));
        let mut future = Box::pin(pool.get_async_owned());
        let std::task::Poll::Ready(Ok(guard)) = poll_once(&mut future) else { panic!("it is free") };
        drop(pool);
        if future_first {
            drop(future);
            guard.use_alone(|| ());
        } else {
            drop(guard);
            drop(future);
        }
    }
    ledger.assert_each_dropped_once();
}

#[test]
fn the_last_guard_may_be_dropped_while_a_panic_unwinds() {
    let ledger = Ledger::new();
    let pool = Arc::new(Pool::from([ledger.connect()]));
    let guard = pool.try_get_owned().unwrap();
    drop(pool);
    assert!(panics(move || {
        let _guard = guard;
        panic!("the holder panics");
    }));
    ledger.assert_each_dropped_once();
}

#[cfg(feature = "std")]
mod with_threads {
    use std::time::{Duration, Instant};

    use futures::executor::block_on;

    use super::common::{FOREVER, assert_at_rest, wait_for_waiting};
    use super::{Arc, Pool, PoolError, thread};

    #[test]
    fn every_blocking_call_has_an_owned_twin() {
        let pool = Arc::new(Pool::from([7]));
        let held = pool.get_owned().unwrap();
        assert!(matches!(pool.get_timeout_owned(Duration::ZERO), Err(PoolError::Timeout(_))));
        assert!(matches!(pool.get_timeout_owned(Duration::from_millis(5)), Err(PoolError::Timeout(_))));
        assert!(matches!(pool.get_deadline_owned(Instant::now()), Err(PoolError::Timeout(_))));
        let waiters: Vec<_> = (0..4)
            .map(|way| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || match way {
                    0 => *pool.get_owned().unwrap(),
                    1 => *pool.get_timeout_owned(Duration::MAX).unwrap(),
                    2 => *pool.get_deadline_owned(Instant::now() + FOREVER).unwrap(),
                    _ => *block_on(pool.get_async_owned()).unwrap(),
                })
            })
            .collect();
        wait_for_waiting(&pool, 4);
        drop(held);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 7);
        }
        assert_eq!(Arc::strong_count(&pool), 1);
        assert_at_rest(&pool);
    }
}
