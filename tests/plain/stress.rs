//! Everything at once, on real threads; what must be true is checked while it goes on and when it is over.
#![cfg(feature = "std")]

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use conn_pool::{ConnGuard, Fairness, Metrics, Pool, PoolError};
use futures::executor::block_on;
use futures::future::join_all;

use crate::kit::plain::{assert_at_rest, hold_all};
use crate::kit::{Bell, Census, Conn, Dice, FOREVER, alone, poll_once, poll_with, wait_until};

/// What the callers of a pool saw, to be compared with what it says.
#[derive(Default)]
struct Seen {
    acquired: AtomicUsize,
    timed_out: AtomicUsize,
    discarded: AtomicUsize,
}

impl Seen {
    fn assert_is_what(&self, metrics: &Metrics) {
        let seen = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        assert_eq!(metrics.timed_out, seen(&self.timed_out));
        assert_eq!(metrics.discarded, seen(&self.discarded));
        // A grant that its waiter did not pick up counts as lent.
        assert!(metrics.acquired >= seen(&self.acquired), "{metrics:?}");
        assert!(metrics.reused <= metrics.acquired, "{metrics:?}");
    }
}

/// One caller's life: `turns` random calls.
fn live<const N: usize>(pool: &Pool<Conn, N>, census: &std::sync::Arc<Census>, seen: &Seen, luck: u64, turns: usize) {
    let mut dice = Dice::new(luck);
    for _ in 0..turns {
        let patience = Duration::from_micros(dice.roll(300) as u64);
        let answer = match dice.roll(12) {
            0..=2 => pool.try_get().map_err(PoolError::from),
            3 | 4 => pool.get_timeout(patience),
            5 => pool.get_timeout(Duration::ZERO),
            6 => pool.get_timeout(FOREVER),
            7 | 8 => {
                // In the queue or granted by now, and dropped.
                let mut future = Box::pin(pool.get_async());
                let polled = poll_once(&mut future);
                if dice.roll(2) == 0 {
                    thread::yield_now();
                }
                match polled {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => continue,
                }
            }
            9 => block_on(pool.get_async()),
            10 => {
                pool.retain(|connection| {
                    connection.use_alone(|| ());
                    true
                });
                continue;
            }
            _ => {
                drop(pool.insert(census.connect()));
                continue;
            }
        };
        match answer {
            Ok(guard) => {
                seen.acquired.fetch_add(1, Ordering::SeqCst);
                guard.use_alone(|| {
                    if dice.roll(3) == 0 {
                        thread::yield_now();
                    }
                });
                if dice.roll(20) == 0 {
                    seen.discarded.fetch_add(1, Ordering::SeqCst);
                    ConnGuard::discard(guard);
                    // So that those who wait without a deadline do not wait in vain.
                    drop(pool.insert(census.connect()));
                }
            }
            Err(PoolError::Timeout(_)) => {
                seen.timed_out.fetch_add(1, Ordering::SeqCst);
            }
            Err(PoolError::Exhausted) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn everything<const N: usize>(fairness: Fairness, threads: u64, turns: usize) {
    let census = Census::new();
    let pool: Pool<Conn, N> = Pool::from_fn(|_| census.connect()).with_fairness(fairness);
    let seen = Seen::default();
    thread::scope(|scope| {
        for seed in 1..=threads {
            let (pool, census, seen) = (&pool, &census, &seen);
            scope.spawn(move || live(pool, census, seen, seed, turns));
        }
    });
    assert_at_rest(&pool);
    seen.assert_is_what(&pool.metrics());
    let idle = pool.status().idle;
    assert_eq!(census.made() - census.dropped(), idle);
    assert_eq!(hold_all(&pool).len(), idle);
    if fairness == Fairness::Fifo {
        assert_eq!(pool.metrics().overtakes, 0);
    }
    pool.close();
    assert_eq!(pool.drain(Duration::ZERO), Ok(()));
    census.assert_each_dropped_once();
}

#[test]
fn all_operations_at_once_lose_nothing() {
    let _alone = alone();
    everything::<1>(Fairness::Fifo, 4, 600);
    everything::<3>(Fairness::Fifo, 5, 600);
    everything::<9>(Fairness::Fifo, 6, 600);
}

#[test]
fn all_operations_at_once_lose_nothing_when_newcomers_may_overtake() {
    let _alone = alone();
    everything::<1>(Fairness::Bounded(3), 4, 600);
    everything::<3>(Fairness::Bounded(1), 5, 600);
    everything::<9>(Fairness::Bounded(100), 6, 600);
}

#[test]
fn all_operations_at_once_lose_nothing_in_a_pool_of_many_words() {
    let _alone = alone();
    everything::<300>(Fairness::Fifo, 4, 300);
}

#[test]
fn resizing_at_random_loses_nothing_and_leaves_nobody_asleep() {
    let _alone = alone();
    for fairness in [Fairness::Fifo, Fairness::Bounded(2)] {
        let census = Census::new();
        let pool: Pool<Conn, 8> = Pool::from_fn(|_| census.connect()).with_fairness(fairness);
        let working = AtomicUsize::new(4);
        thread::scope(|scope| {
            for number in 0..4 {
                let (pool, working) = (&pool, &working);
                scope.spawn(move || {
                    for _ in 0..1500 {
                        let guard =
                            if number % 2 == 0 { pool.get_timeout(FOREVER) } else { block_on(pool.get_async()) }
                                .unwrap();
                        guard.use_alone(|| ());
                    }
                    working.fetch_sub(1, Ordering::SeqCst);
                });
            }
            let mut dice = Dice::new(11);
            while working.load(Ordering::SeqCst) > 0 {
                pool.resize(dice.roll(9)).unwrap();
                thread::yield_now();
                pool.resize(1 + dice.roll(8)).unwrap();
            }
        });
        pool.resize(8).unwrap();
        assert_at_rest(&pool);
        assert_eq!((pool.status().idle, census.dropped()), (8, 0));
        assert_eq!(pool.metrics().acquired, 6000);
        drop(pool);
        census.assert_each_dropped_once();
    }
}

#[test]
fn a_crowd_of_tasks_on_a_few_threads_is_served_to_the_last() {
    const TASKS: usize = 500;
    let _alone = alone();
    let pool = Pool::from([0_usize; 3]);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let tasks = (0..TASKS).map(|_| async {
                    let mut guard = pool.get_async().await.unwrap();
                    *guard += 1;
                });
                block_on(join_all(tasks));
            });
        }
        scope.spawn(|| {
            for _ in 0..TASKS {
                *pool.get_timeout(FOREVER).unwrap() += 1;
            }
        });
    });
    assert_at_rest(&pool);
    assert_eq!(hold_all(&pool).iter().map(|guard| **guard).sum::<usize>(), 4 * TASKS);
    assert_eq!(pool.metrics().acquired, 4 * TASKS + 3);
}

#[test]
fn nobody_sleeps_beside_a_free_connection() {
    let _alone = alone();
    // One connection, handed to and fro without a pause: a single lost wake-up would stop both for good.
    for fairness in [Fairness::Fifo, Fairness::Bounded(1), Fairness::Bounded(1000)] {
        let pool = Pool::from([0_usize]).with_fairness(fairness);
        thread::scope(|scope| {
            scope.spawn(|| (0..5000).for_each(|_| *pool.get_timeout(FOREVER).unwrap() += 1));
            scope.spawn(|| (0..5000).for_each(|_| *block_on(pool.get_async()).unwrap() += 1));
        });
        assert_eq!(*pool.try_get().unwrap(), 10_000);
    }
}

#[test]
fn a_guard_sees_what_all_borrowers_before_it_wrote() {
    let _alone = alone();
    // Not atomic: if the hand-over did not order it, the sum would come out wrong, and miri would say why.
    let pool = Pool::from([[0_u64; 8]; 2]);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let mut words = pool.get_timeout(FOREVER).unwrap();
                    let first = words[0];
                    assert!(words.iter().all(|word| *word == first));
                    words.iter_mut().for_each(|word| *word += 1);
                }
            });
        }
    });
    assert_eq!(hold_all(&pool).iter().map(|words| words[0]).sum::<u64>(), 6000);
}

#[test]
fn a_future_may_wander_from_thread_to_thread_while_it_waits() {
    let _alone = alone();
    let pool = Pool::from([1]);
    let held = pool.try_get().unwrap();
    let mut future = Box::pin(pool.get_async());
    for _ in 0..10 {
        future = thread::scope(|scope| {
            scope
                .spawn(move || {
                    assert!(poll_once(&mut future).is_pending());
                    future
                })
                .join()
                .unwrap()
        });
    }
    let (bell, waker) = Bell::new();
    assert!(poll_with(&mut future, &waker).is_pending());
    thread::scope(|scope| {
        scope.spawn(move || drop(held));
        wait_until(|| bell.rings() == 1);
        let guard = scope
            .spawn(move || {
                let mut future = future;
                match pin!(future.as_mut()).poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(answer) => answer.unwrap(),
                    Poll::Pending => panic!("it was woken for nothing"),
                }
            })
            .join()
            .unwrap();
        assert_eq!(*guard, 1);
    });
    assert_at_rest(&pool);
}
