//! Who may overtake whom.

use conn_pool::{Fairness, Pool, TryGetError};

use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};

fn bounded<const N: usize>(limit: u32) -> Pool<usize, N> {
    Pool::from_fn(|number| number).with_fairness(Fairness::Bounded(limit))
}

#[test]
fn under_fifo_nobody_is_overtaken() {
    let pool = Pool::from([()]);
    assert_eq!(pool.fairness(), Fairness::Fifo);
    for _ in 0..20 {
        let held = pool.try_get().unwrap();
        let mut waiter = Task::waiting(&pool);
        drop(held);
        assert!(matches!(pool.try_get(), Err(TryGetError::Exhausted)));
        let mut newcomer = Task::waiting(&pool);
        drop(waiter.guard());
        drop(newcomer.guard());
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.overtakes, metrics.most_overtaken), (0, 0));
}

#[test]
fn bounded_lets_so_many_newcomers_past_and_no_more() {
    for limit in [1, 2, 5, 16] {
        let pool = bounded::<1>(limit);
        let held = pool.try_get().unwrap();
        let mut waiter = Task::waiting(&pool);
        drop(held);
        assert_eq!(waiter.rings(), 1, "called to compete");
        for overtaken in 1..=limit as usize {
            drop(pool.try_get().unwrap());
            let metrics = pool.metrics();
            assert_eq!((metrics.overtakes, metrics.most_overtaken), (overtaken, overtaken));
        }
        // What the last newcomer gave back was handed to the waiter.
        assert!(matches!(pool.try_get(), Err(TryGetError::Exhausted)));
        assert_eq!(pool.status().in_use, 1);
        assert_eq!(pool.status().waiting, 0);
        drop(waiter.guard());
        assert_at_rest(&pool);
        assert_eq!(pool.metrics().most_overtaken, limit as usize);
    }
}

#[test]
fn bounded_newcomers_may_be_tasks() {
    let pool = bounded::<1>(2);
    let held = pool.try_get().unwrap();
    let mut waiter = Task::waiting(&pool);
    drop(held);
    for _ in 0..2 {
        drop(Task::new(&pool).guard());
    }
    let mut third = Task::waiting(&pool);
    drop(waiter.guard());
    drop(third.guard());
    assert_eq!(pool.metrics().overtakes, 2);
}

#[test]
fn a_called_waiter_that_comes_first_gets_the_connection() {
    let pool = bounded::<1>(5);
    let held = pool.try_get().unwrap();
    let mut waiter = Task::waiting(&pool);
    drop(held);
    let guard = waiter.guard();
    assert!(pool.try_get().is_err());
    drop(guard);
    assert_eq!(pool.metrics().overtakes, 0);
}

#[test]
fn a_called_waiter_that_finds_nothing_is_called_again() {
    let pool = bounded::<1>(3);
    let held = pool.try_get().unwrap();
    let mut waiter = Task::waiting(&pool);
    drop(held);
    for called in 1..=3 {
        assert_eq!(waiter.rings(), called);
        let newcomer = pool.try_get().unwrap();
        assert!(waiter.poll().is_pending());
        drop(newcomer);
    }
    assert_eq!(waiter.rings(), 4);
    drop(waiter.guard());
}

#[test]
fn a_waiter_is_called_once_and_not_for_each_newcomer() {
    let pool = bounded::<1>(10);
    let held = pool.try_get().unwrap();
    let waiter = Task::waiting(&pool);
    drop(held);
    for _ in 0..9 {
        drop(pool.try_get().unwrap());
    }
    assert_eq!(waiter.rings(), 1);
}

#[test]
fn bounded_waiters_are_served_in_order_whichever_comes_first() {
    let pool = bounded::<2>(10);
    let held = hold_all(&pool);
    let mut tasks = waiting_tasks(&pool, 4);
    drop(held);
    assert_eq!(tasks.iter().map(Task::rings).collect::<Vec<_>>(), [1, 1, 0, 0]);
    // The second comes before the first, and one that was not called comes before both.
    assert!(tasks[2].poll().is_pending(), "two are free, and two stand before it");
    let second = tasks[1].guard();
    let first = tasks[0].guard();
    assert!(tasks[3].poll().is_pending());
    drop(second);
    drop(first);
    drop(tasks[2].guard());
    drop(tasks[3].guard());
    assert_eq!(pool.metrics().overtakes, 0, "waiters do not overtake each other");
    assert_at_rest(&pool);
}

#[test]
fn bounded_waiter_that_comes_uncalled_lets_those_before_it_have_theirs() {
    let pool = bounded::<1>(10);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 3);
    drop(held);
    assert!(tasks[2].poll().is_pending());
    // It made sure that the head has its connection.
    assert!(pool.try_get().is_err());
    drop(tasks[0].guard());
    drop(tasks[1].guard());
    drop(tasks[2].guard());
    assert_eq!(pool.metrics().overtakes, 0);
}

#[test]
fn bounded_waiters_behind_the_head_are_overtaken_no_more_than_it_is_promised() {
    let pool = bounded::<1>(4);
    let held = pool.try_get().unwrap();
    let mut first = Task::waiting(&pool);
    drop(held);
    drop(pool.try_get().unwrap());
    drop(pool.try_get().unwrap());
    let mut second = {
        let held = pool.try_get().unwrap();
        let task = Task::waiting(&pool);
        drop(held);
        task
    };
    drop(pool.try_get().unwrap());
    // The first was overtaken four times, and the second once.
    let guard = first.guard();
    drop(guard);
    for _ in 0..3 {
        drop(pool.try_get().unwrap());
    }
    assert!(pool.try_get().is_err());
    drop(second.guard());
    assert_eq!(pool.metrics().most_overtaken, 4);
    assert_eq!(pool.metrics().overtakes, 7);
}

#[test]
fn a_called_waiter_that_is_dropped_passes_the_call_on() {
    let pool = bounded::<1>(10);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 3).into_iter();
    drop(held);
    let (called, next) = (tasks.next().unwrap(), tasks.next().unwrap());
    assert_eq!((called.rings(), next.rings()), (1, 0));
    drop(called);
    assert_eq!(next.rings(), 1);
    drop(next);
    let mut last = tasks.next().unwrap();
    assert_eq!(last.rings(), 1);
    drop(last.guard());
    drop(last);
    assert_at_rest(&pool);
    assert!(pool.try_get().is_ok());
}

#[test]
fn the_last_called_waiter_that_is_dropped_leaves_the_connection_to_anybody() {
    let pool = bounded::<1>(1);
    let held = pool.try_get().unwrap();
    let called = Task::waiting(&pool);
    drop(held);
    drop(called);
    for _ in 0..5 {
        drop(pool.try_get().unwrap());
    }
    assert_eq!(pool.metrics().overtakes, 0);
}

#[test]
fn bounded_grants_outright_when_the_limit_is_reached_and_a_dropped_grant_goes_on() {
    let pool = bounded::<1>(1);
    let held = pool.try_get().unwrap();
    let first = Task::waiting(&pool);
    let mut second = Task::waiting(&pool);
    drop(held);
    drop(pool.try_get().unwrap());
    assert_eq!(pool.status().in_use, 1, "granted to the first");
    drop(first);
    // The second has been overtaken once as well.
    assert_eq!(pool.status().in_use, 1, "granted to the second");
    drop(second.guard());
    assert_at_rest(&pool);
}

#[test]
fn bounded_to_nothing_is_fifo() {
    let pool = bounded::<1>(0);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 2);
    drop(held);
    assert!(pool.try_get().is_err());
    assert_eq!(pool.status().in_use, 1);
    drop(tasks[0].guard());
    drop(tasks[1].guard());
    assert_eq!(pool.metrics().overtakes, 0);
}

#[test]
fn bounded_calls_a_crowd_larger_than_one_batch() {
    let pool = bounded::<30>(5);
    pool.resize(0).unwrap();
    let mut tasks = waiting_tasks(&pool, 40);
    pool.resize(30).unwrap();
    let called = tasks.iter().filter(|task| task.rings() == 1).count();
    assert_eq!(called, 30);
    let guards: Vec<_> = tasks[..30].iter_mut().map(Task::guard).collect();
    assert_eq!(guards.len(), 30);
}

#[test]
fn a_pool_moves_on_when_its_called_waiters_sleep() {
    // Called and never polled: newcomers go past until the limit, then the connection is the sleeper's, and no more.
    let pool = bounded::<2>(3);
    let held = hold_all(&pool);
    let mut sleeper = Task::waiting(&pool);
    drop(held);
    for _ in 0..3 {
        drop(pool.try_get().unwrap());
    }
    let other = pool.try_get().unwrap();
    assert_eq!(pool.status().in_use, 2);
    drop(other);
    drop(sleeper.guard());
    assert_eq!(pool.metrics().overtakes, 3);
}

#[cfg(feature = "std")]
mod with_threads {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use conn_pool::{Fairness, Pool};

    use crate::kit::FOREVER;
    use crate::kit::plain::{Task, assert_at_rest, wait_for_waiting};

    /// Threads and tasks that all want the same few connections, many times.
    fn crowd(fairness: Fairness) -> conn_pool::Metrics {
        const TURNS: usize = 300;
        let pool = Pool::from([(); 2]).with_fairness(fairness);
        thread::scope(|scope| {
            for number in 0..6 {
                let pool = &pool;
                scope.spawn(move || {
                    for _ in 0..TURNS {
                        if number % 2 == 0 {
                            drop(pool.get_timeout(FOREVER).unwrap());
                        } else {
                            drop(futures::executor::block_on(pool.get_async()).unwrap());
                        }
                    }
                });
            }
        });
        assert_at_rest(&pool);
        let metrics = pool.metrics();
        assert_eq!(metrics.acquired, 6 * TURNS);
        assert_eq!(metrics.timed_out, 0);
        metrics
    }

    #[test]
    fn a_crowd_is_never_overtaken_under_fifo() {
        let metrics = crowd(Fairness::Fifo);
        assert_eq!((metrics.overtakes, metrics.most_overtaken), (0, 0));
    }

    #[test]
    fn a_crowd_is_overtaken_at_most_as_often_as_bounded_allows() {
        for limit in [0, 1, 4, 16] {
            let metrics = crowd(Fairness::Bounded(limit));
            assert!(metrics.most_overtaken <= limit as usize, "{limit}: {metrics:?}");
        }
    }

    #[test]
    fn a_sleepy_waiter_is_overtaken_no_more_often_however_fast_the_others_are() {
        const WAITS: usize = 30_000;
        let pool = Pool::from([(); 2]).with_fairness(Fairness::Bounded(1));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        drop(pool.try_get());
                    }
                });
            }
            for _ in 0..WAITS {
                let mut task = Task::new(&pool);
                while task.poll().is_pending() {
                    thread::yield_now();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        assert!(pool.metrics().most_overtaken <= 1, "{:?}", pool.metrics());
        assert_at_rest(&pool);
    }

    #[test]
    fn a_called_waiter_whose_task_is_dropped_passes_the_call_to_a_thread() {
        let pool = Pool::from([()]).with_fairness(Fairness::Bounded(10));
        thread::scope(|scope| {
            let held = pool.try_get().unwrap();
            let called = Task::waiting(&pool);
            let thread = scope.spawn(|| pool.get_timeout(FOREVER).map(drop));
            wait_for_waiting(&pool, 2);
            drop(held);
            drop(called);
            thread.join().unwrap().unwrap();
        });
        assert_at_rest(&pool);
    }
}
