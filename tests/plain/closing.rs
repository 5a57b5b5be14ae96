//! The end of a pool: closing, draining, dropping.

use conn_pool::{ConnGuard, Pool, PoolError, TryGetError, VacancyError};

use crate::kit::plain::{Task, hold_all, waiting_tasks};
use crate::kit::{Bell, Census, poll_once, poll_with};

#[test]
fn close_drops_the_idle_connections_now_and_the_held_ones_when_they_come_back() {
    let census = Census::new();
    let pool: Pool<_, 4> = Pool::from_fn(|_| census.connect());
    let (first, second) = (pool.try_get().unwrap(), pool.try_get().unwrap());
    pool.close();
    assert!(pool.is_closed());
    assert_eq!(census.dropped(), 2);
    assert_eq!(pool.status().in_use, 2);
    first.use_alone(|| ());
    drop(first);
    assert_eq!(census.dropped(), 3);
    ConnGuard::discard(second);
    census.assert_each_dropped_once();
    let status = pool.status();
    assert_eq!((status.in_use, status.idle, status.vacant, status.closed), (0, 0, 4, true));
}

#[test]
fn a_closed_pool_answers_closed_to_newcomers() {
    let pool = Pool::from(['a']);
    pool.close();
    assert!(matches!(pool.try_get(), Err(TryGetError::Closed)));
    assert!(pool.status().closed);
    assert!(matches!(Task::new(&pool).error(), PoolError::Closed));
    let refused = pool.insert('b').unwrap_err();
    assert_eq!(refused.reason, VacancyError::Closed);
    assert_eq!(refused.into_connection(), 'b');
    assert_eq!(pool.retain(|_| unreachable!("nothing is left")).kept, 0);
    assert_eq!(pool.resize(0), Ok(()));
    assert_eq!(pool.status().max_size, 1, "a closed pool stays as it is");
    assert_eq!(pool.drop_surplus(), 0);
}

#[test]
fn close_sends_ten_thousand_waiting_tasks_away() {
    const CROWD: usize = 10_000;
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, CROWD);
    assert_eq!(pool.status().waiting, CROWD);
    pool.close();
    assert_eq!(pool.status().waiting, 0);
    for task in &mut tasks {
        assert_eq!(task.rings(), 1);
        assert!(matches!(task.error(), PoolError::Closed));
    }
    drop(held);
    assert_eq!(pool.metrics().acquired, 1);
}

#[test]
fn close_sends_away_who_waits_for_nothing_but_room() {
    let pool: Pool<(), 3> = Pool::new();
    let mut tasks = waiting_tasks(&pool, 3);
    pool.close();
    assert!(tasks.iter_mut().all(|task| matches!(task.error(), PoolError::Closed)));
}

#[test]
fn closing_again_does_nothing() {
    let census = Census::new();
    let pool: Pool<_, 2> = Pool::from_fn(|_| census.connect());
    let held = pool.try_get().unwrap();
    for _ in 0..3 {
        pool.close();
        assert_eq!(census.dropped(), 1);
    }
    drop(held);
    pool.close();
    census.assert_each_dropped_once();
}

#[test]
fn who_was_granted_a_connection_before_close_keeps_it() {
    let census = Census::new();
    let pool = Pool::from([census.connect()]);
    let held = pool.try_get().unwrap();
    let mut granted = Task::waiting(&pool);
    let mut queued = Task::waiting(&pool);
    drop(held);
    pool.close();
    let guard = granted.guard();
    assert!(matches!(queued.error(), PoolError::Closed));
    guard.use_alone(|| ());
    assert_eq!(census.dropped(), 0);
    drop(guard);
    assert_eq!(census.dropped(), 1);
}

#[test]
fn close_drops_what_a_resize_has_set_aside() {
    let census = Census::new();
    let pool: Pool<_, 4> = Pool::from_fn(|_| census.connect());
    let held = hold_all(&pool);
    pool.resize(1).unwrap();
    let mut held = held.into_iter();
    drop(held.next());
    drop(held.next());
    assert_eq!(census.dropped(), 0);
    pool.close();
    assert_eq!(census.dropped(), 2);
    drop(held);
    census.assert_each_dropped_once();
    assert!(poll_once(&mut Box::pin(pool.drain_async())).is_ready());
}

#[test]
fn draining_as_a_task_waits_for_the_last_connection() {
    let census = Census::new();
    let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
    let mut held = hold_all(&pool);
    let (bell, waker) = Bell::new();
    let mut drain = Box::pin(pool.drain_async());
    assert!(pool.is_closed(), "closed by the call, not by the first poll");
    while let Some(guard) = held.pop() {
        assert!(poll_with(&mut drain, &waker).is_pending());
        assert_eq!(bell.rings(), 0);
        drop(guard);
    }
    assert_eq!(bell.rings(), 1);
    assert!(poll_with(&mut drain, &waker).is_ready());
    assert!(poll_once(&mut drain).is_ready(), "drained is drained");
    census.assert_each_dropped_once();
}

#[test]
fn a_drain_waits_for_connections_beyond_the_maximum_as_well() {
    let census = Census::new();
    let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
    let mut held = hold_all(&pool);
    pool.resize(0).unwrap();
    let mut drain = Box::pin(pool.drain_async());
    while let Some(guard) = held.pop() {
        assert!(poll_once(&mut drain).is_pending());
        drop(guard);
    }
    assert!(poll_once(&mut drain).is_ready());
    census.assert_each_dropped_once();
}

#[test]
fn many_may_drain_at_once_and_any_of_them_may_stop() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let (bell, waker) = Bell::new();
    let mut drains: Vec<_> = (0..30).map(|_| Box::pin(pool.drain_async())).collect();
    for drain in &mut drains {
        assert!(poll_with(drain, &waker).is_pending());
    }
    for place in [29, 15, 0] {
        drop(drains.remove(place));
    }
    drop(held);
    assert_eq!(bell.rings(), 27);
    assert!(drains.iter_mut().all(|drain| poll_once(drain).is_ready()));
}

#[test]
fn a_drain_polled_with_another_waker_calls_the_new_one() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let (old, old_waker) = Bell::new();
    let (new, new_waker) = Bell::new();
    let mut drain = Box::pin(pool.drain_async());
    assert!(poll_with(&mut drain, &old_waker).is_pending());
    assert!(poll_with(&mut drain, &new_waker).is_pending());
    drop(held);
    assert_eq!((old.rings(), new.rings()), (0, 1));
    assert!(poll_once(&mut drain).is_ready());
}

#[test]
fn drain_sends_waiters_away_before_it_waits() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 20);
    let mut drain = Box::pin(pool.drain_async());
    assert!(poll_once(&mut drain).is_pending());
    assert!(tasks.iter_mut().all(|task| matches!(task.error(), PoolError::Closed)));
    assert_eq!(pool.status().waiting, 0, "who drains does not count as waiting for a connection");
    drop(held);
    assert!(poll_once(&mut drain).is_ready());
}

#[test]
fn a_drain_counts_a_slot_that_is_being_emptied_as_not_empty() {
    static POOL: Pool<Slow, 1> = Pool::new();
    static DRAINED: std::sync::Mutex<Option<bool>> = std::sync::Mutex::new(None);
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            *DRAINED.lock().unwrap() = Some(poll_once(&mut Box::pin(POOL.drain_async())).is_ready());
        }
    }
    assert!(POOL.insert(Slow).is_ok());
    POOL.close();
    assert_eq!(*DRAINED.lock().unwrap(), Some(false));
    assert!(poll_once(&mut Box::pin(POOL.drain_async())).is_ready());
}

#[test]
fn dropping_a_pool_drops_every_connection_once_the_leaked_ones_too() {
    let census = Census::new();
    let pool: Pool<_, 6> = Pool::from_fn(|_| census.connect());
    std::mem::forget(pool.try_get().unwrap());
    ConnGuard::discard(pool.try_get().unwrap());
    pool.resize(3).unwrap();
    drop(pool.try_get().unwrap());
    assert_eq!(census.dropped(), 1);
    drop(pool);
    census.assert_each_dropped_once();
}

#[test]
fn dropping_a_closed_pool_drops_what_was_leaked() {
    let census = Census::new();
    let pool: Pool<_, 2> = Pool::from_fn(|_| census.connect());
    std::mem::forget(pool.try_get().unwrap());
    pool.close();
    assert_eq!(census.dropped(), 1);
    assert!(poll_once(&mut Box::pin(pool.drain_async())).is_pending());
    drop(pool);
    census.assert_each_dropped_once();
}

#[cfg(feature = "std")]
mod with_threads {
    use std::thread;
    use std::time::{Duration, Instant};

    use conn_pool::{Pool, PoolError};

    use crate::kit::plain::{Task, hold_all, wait_for_waiting};
    use crate::kit::{Census, FOREVER, wait_until};

    #[test]
    fn close_wakes_threads_and_tasks() {
        let pool = Pool::from([()]);
        let held = pool.try_get().unwrap();
        thread::scope(|scope| {
            let mut task = Task::waiting(&pool);
            let threads: Vec<_> = (0..20)
                .map(|number| {
                    let pool = &pool;
                    scope.spawn(move || if number % 2 == 0 { pool.get() } else { pool.get_timeout(FOREVER) }.map(drop))
                })
                .collect();
            wait_for_waiting(&pool, 21);
            pool.close();
            assert!(matches!(task.error(), PoolError::Closed));
            for thread in threads {
                assert!(matches!(thread.join().unwrap(), Err(PoolError::Closed)));
            }
        });
        drop(held);
        assert!(matches!(pool.get(), Err(PoolError::Closed)));
        assert!(matches!(pool.get_timeout(Duration::ZERO), Err(PoolError::Closed)));
        assert!(matches!(pool.get_deadline(Instant::now()), Err(PoolError::Closed)));
        assert_eq!(pool.metrics().timed_out, 0);
    }

    #[test]
    fn a_guard_dropped_after_close_on_another_thread_ends_its_connection_there() {
        let census = Census::new();
        let pool = Pool::from([census.connect()]);
        let held = pool.try_get().unwrap();
        pool.close();
        thread::scope(|scope| {
            scope.spawn(move || drop(held));
        });
        census.assert_each_dropped_once();
        assert_eq!(pool.drain(Duration::ZERO), Ok(()));
    }

    #[test]
    fn draining_as_a_thread_waits_for_the_last_connection() {
        let census = Census::new();
        let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
        let held = hold_all(&pool);
        thread::scope(|scope| {
            let drains = [
                scope.spawn(|| pool.drain(Duration::MAX)),
                scope.spawn(|| pool.drain(FOREVER)),
                scope.spawn(|| {
                    futures::executor::block_on(pool.drain_async());
                    Ok(())
                }),
            ];
            wait_until(|| pool.is_closed());
            drop(held);
            for drain in drains {
                assert_eq!(drain.join().unwrap(), Ok(()));
            }
        });
        census.assert_each_dropped_once();
    }

    #[test]
    fn a_drain_reports_guards_that_are_held_or_leaked() {
        let census = Census::new();
        let pool: Pool<_, 3> = Pool::from_fn(|_| census.connect());
        let held = pool.try_get().unwrap();
        std::mem::forget(pool.try_get().unwrap());
        assert_eq!(pool.drain(Duration::ZERO).unwrap_err().in_use, 2);
        assert_eq!(census.dropped(), 1);
        drop(held);
        let start = Instant::now();
        let error = pool.drain(Duration::from_millis(20)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert_eq!(error.in_use, 1);
        assert!(error.to_string().contains("still in use: 1 ("), "{error}");
        drop(pool);
        census.assert_each_dropped_once();
    }

    #[test]
    fn closing_while_connections_move_ends_each_of_them_once() {
        for _ in 0..100 {
            let census = Census::new();
            let pool: Pool<_, 5> = Pool::from_fn(|_| census.connect());
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        while let Ok(guard) = pool.get_timeout(FOREVER) {
                            guard.use_alone(thread::yield_now);
                        }
                    });
                }
                scope.spawn(|| while pool.insert(census.connect()).is_err() && !pool.is_closed() {});
                scope.spawn(|| {
                    while !pool.is_closed() {
                        pool.retain(|connection| connection.number % 3 != 0);
                    }
                });
                for _ in 0..2 {
                    scope.spawn(|| {
                        wait_until(|| pool.metrics().acquired > 20);
                        pool.close();
                    });
                }
            });
            assert_eq!(pool.drain(FOREVER), Ok(()));
            census.assert_each_dropped_once();
            assert_eq!(pool.status().vacant, 5);
        }
    }
}
