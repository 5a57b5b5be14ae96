//! Guards and futures that own an `Arc` of their pool.

use std::sync::Arc;
use std::thread;

use conn_pool::{ConnGuard, OwnedConnGuard, Pool, PoolError, TryGetError};

use crate::kit::plain::{Task, assert_at_rest, get_async_owned, owned};
use crate::kit::{Bell, Census, panics, poll_once, poll_with};

#[test]
fn an_owned_guard_goes_to_another_thread_and_comes_back() {
    let pool = Arc::new(Pool::from([1, 2]));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let mut guard = owned(pool.try_get().unwrap(), &pool);
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
    let census = Census::new();
    let pool: Arc<Pool<_, 2>> = Arc::new(Pool::from_fn(|_| census.connect()));
    let guard = owned(pool.try_get().unwrap(), &pool);
    assert_eq!(Arc::strong_count(&pool), 2);
    drop(pool);
    guard.use_alone(|| ());
    assert_eq!(census.dropped(), 0);
    drop(guard);
    census.assert_each_dropped_once();
}

#[test]
fn discarding_an_owned_guard_lets_the_pool_go() {
    let census = Census::new();
    let pool = Arc::new(Pool::from([census.connect(), census.connect_to_panic()]));
    let [first, second] = [(); 2].map(|()| owned(pool.try_get().unwrap(), &pool));
    OwnedConnGuard::discard(first);
    assert!(panics(|| OwnedConnGuard::discard(second)));
    assert_eq!(Arc::strong_count(&pool), 1);
    assert_eq!(pool.status().vacant, 2);
    census.assert_each_dropped_once();
}

#[test]
fn refusals_hold_on_to_nothing() {
    let pool = Arc::new(Pool::from([1]));
    let held = owned(pool.try_get().unwrap(), &pool);
    assert!(matches!(pool.try_get(), Err(TryGetError::Exhausted)));
    drop(held);
    pool.close();
    assert!(matches!(pool.try_get(), Err(TryGetError::Closed)));
    assert!(matches!(
        poll_once(&mut Box::pin(get_async_owned(Arc::clone(&pool)))),
        std::task::Poll::Ready(Err(PoolError::Closed))
    ));
    assert_eq!(Arc::strong_count(&pool), 1);
}

#[test]
fn an_owned_future_waits_in_the_same_queue_and_may_be_dropped_at_any_moment() {
    let pool = Arc::new(Pool::from([1]));
    let held = pool.try_get().unwrap();
    let (bells, mut futures): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| {
            let (bell, waker) = Bell::new();
            let mut future = Box::pin(get_async_owned(Arc::clone(&pool)));
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
    let census = Census::new();
    for future_first in [true, false] {
        let pool = Arc::new(Pool::from([census.connect()]));
        let mut future = Box::pin(get_async_owned(Arc::clone(&pool)));
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
    census.assert_each_dropped_once();
}

#[test]
fn the_last_guard_may_be_dropped_while_a_panic_unwinds() {
    let census = Census::new();
    let pool = Arc::new(Pool::from([census.connect()]));
    let guard = owned(pool.try_get().unwrap(), &pool);
    drop(pool);
    assert!(panics(move || {
        let _guard = guard;
        panic!("the borrower panics");
    }));
    census.assert_each_dropped_once();
}

#[test]
fn a_guard_is_handed_back_for_the_arc_of_another_pool() {
    let pools = [Arc::new(Pool::from([1])), Arc::new(Pool::from([2]))];
    let guard = pools[0].try_get().unwrap();
    let Err(guard) = ConnGuard::into_owned(guard, &pools[1]) else { panic!("it owns a pool that is not its own") };
    assert_eq!((*guard, pools[0].status().in_use, pools[1].status().in_use), (1, 1, 0));
    let guard = owned(guard, &pools[0]);
    assert_eq!(pools.each_ref().map(Arc::strong_count), [2, 1]);
    drop(guard);
    for pool in &pools {
        assert_at_rest(pool);
        assert_eq!((Arc::strong_count(pool), pool.metrics().acquired), (1, usize::from(Arc::ptr_eq(pool, &pools[0]))));
    }
}

#[test]
fn becoming_owned_is_neither_a_release_nor_a_use() {
    let pool = Arc::new(Pool::from([1]));
    let mut waiter = Task::new(&pool);
    let guard = pool.try_get().unwrap();
    assert!(waiter.poll().is_pending());
    let guard = owned(guard, &pool);
    assert_eq!((waiter.rings(), pool.status().in_use, pool.metrics().acquired), (0, 1, 1));
    drop(guard);
    assert_eq!(*waiter.guard(), 1);
}

#[cfg(feature = "std")]
mod with_threads {
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    use conn_pool::{Pool, PoolError};
    use futures::executor::block_on;

    use crate::kit::FOREVER;
    use crate::kit::plain::{assert_at_rest, get_async_owned, owned, wait_for_waiting};

    #[test]
    fn the_guard_of_every_blocking_call_may_own_the_pool() {
        let pool = Arc::new(Pool::from([7]));
        let held = owned(pool.get().unwrap(), &pool);
        assert!(matches!(pool.get_timeout(Duration::ZERO), Err(PoolError::Timeout(_))));
        assert!(matches!(pool.get_timeout(Duration::from_millis(5)), Err(PoolError::Timeout(_))));
        assert!(matches!(pool.get_deadline(Instant::now()), Err(PoolError::Timeout(_))));
        let waiters: Vec<_> = (0..4)
            .map(|way| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || match way {
                    0 => *owned(pool.get().unwrap(), &pool),
                    1 => *owned(pool.get_timeout(Duration::MAX).unwrap(), &pool),
                    2 => *owned(pool.get_deadline(Instant::now() + FOREVER).unwrap(), &pool),
                    _ => *block_on(get_async_owned(pool)).unwrap(),
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
