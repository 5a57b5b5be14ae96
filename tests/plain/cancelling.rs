//! A future is dropped at a bad moment: the others are served as if it had never been there.

use conn_pool::Pool;

use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};
use crate::kit::{Census, poll_once};

#[test]
fn whoever_is_dropped_from_the_queue_the_others_are_served_in_order() {
    const LENGTH: usize = 6;
    // Every way to leave: each set of places of the queue, one bit a place.
    for dropped in 0..1_u32 << LENGTH {
        for from_the_back in [false, true] {
            let pool = Pool::from([()]);
            let held = pool.try_get().unwrap();
            let mut tasks: Vec<_> = waiting_tasks(&pool, LENGTH).into_iter().map(Some).collect();
            let mut places: Vec<usize> = (0..LENGTH).filter(|place| dropped >> place & 1 == 1).collect();
            if from_the_back {
                places.reverse();
            }
            for place in places {
                tasks[place] = None;
            }
            assert_eq!(pool.status().waiting, LENGTH - dropped.count_ones() as usize);
            drop(held);
            let mut rest: Vec<_> = tasks.into_iter().flatten().collect();
            for served in 0..rest.len() {
                assert!(rest[served + 1..].iter_mut().all(|task| task.poll().is_pending()), "dropped: {dropped:b}");
                drop(rest[served].guard());
            }
            assert_at_rest(&pool);
        }
    }
}

#[test]
fn a_grant_that_nobody_picks_up_goes_to_the_next_in_the_queue() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 4).into_iter();
    drop(held);
    let mut granted = tasks.next().unwrap();
    for mut next in tasks {
        assert_eq!((granted.rings(), next.rings()), (1, 0));
        assert!(next.poll().is_pending());
        drop(granted);
        assert_eq!(next.rings(), 1);
        granted = next;
    }
    drop(granted.guard());
    assert_at_rest(&pool);
}

#[test]
fn a_grant_to_the_last_in_the_queue_comes_back_to_the_pool() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let task = Task::waiting(&pool);
    drop(held);
    assert_eq!(pool.status().in_use, 1);
    drop(task);
    assert_at_rest(&pool);
    assert!(pool.try_get().is_ok());
}

#[test]
fn dropping_the_granted_and_the_next_at_once_serves_the_third() {
    let pool = Pool::from([()]);
    for granted_first in [true, false] {
        let held = pool.try_get().unwrap();
        let mut tasks = waiting_tasks(&pool, 3);
        drop(held);
        let (first, second) = (tasks.remove(0), tasks.remove(0));
        if granted_first {
            drop(first);
            drop(second);
        } else {
            drop(second);
            drop(first);
        }
        drop(tasks[0].guard());
        assert_at_rest(&pool);
    }
}

#[test]
fn several_grants_dropped_at_once_go_to_the_waiters_in_order() {
    let pool = Pool::from([(); 3]);
    let held = hold_all(&pool);
    let mut granted = waiting_tasks(&pool, 3);
    let mut rest = waiting_tasks(&pool, 4);
    drop(held);
    assert!(granted.iter().all(|task| task.rings() == 1));
    drop(granted.remove(1));
    assert_eq!(rest.iter().map(Task::rings).collect::<Vec<_>>(), [1, 0, 0, 0]);
    drop(granted);
    assert_eq!(rest.iter().map(Task::rings).collect::<Vec<_>>(), [1, 1, 1, 0]);
    let guards: Vec<_> = rest[..3].iter_mut().map(Task::guard).collect();
    assert!(rest[3].poll().is_pending());
    drop(guards);
    drop(rest[3].guard());
    assert_at_rest(&pool);
}

#[test]
fn when_the_last_waiter_is_dropped_newcomers_are_served_at_once_again() {
    let pool = Pool::from([1, 2]);
    let held = hold_all(&pool);
    drop(waiting_tasks(&pool, 3));
    assert_eq!(pool.status().waiting, 0);
    drop(held);
    let waited = pool.metrics().waited;
    let both = (pool.try_get().unwrap(), pool.try_get().unwrap());
    drop(both);
    assert!(poll_once(&mut Box::pin(pool.get_async())).is_ready());
    assert_eq!(pool.metrics().waited, waited);
    assert_at_rest(&pool);
}

#[test]
fn a_future_that_was_never_polled_leaves_no_trace() {
    let pool = Pool::from([()]);
    drop(pool.get_async());
    let held = pool.try_get().unwrap();
    drop(pool.get_async());
    assert_eq!((pool.status().waiting, pool.metrics().waited), (0, 0));
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn a_finished_future_may_be_dropped_before_and_after_its_guard() {
    let pool = Pool::from([()]);
    for future_first in [true, false] {
        let held = pool.try_get().unwrap();
        let mut task = Task::waiting(&pool);
        drop(held);
        let guard = task.guard();
        if future_first {
            drop(task);
            assert_eq!(pool.status().in_use, 1);
            drop(guard);
        } else {
            drop(guard);
            drop(task);
        }
        assert_at_rest(&pool);
    }
}

#[test]
fn a_waiter_that_was_sent_away_may_be_dropped_unpolled() {
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let tasks = waiting_tasks(&pool, 3);
    pool.close();
    drop(tasks);
    drop(held);
    assert_eq!(pool.status().waiting, 0);
    assert_eq!(pool.status().vacant, 1);
}

#[test]
fn a_grant_dropped_after_close_ends_the_connection() {
    let census = Census::new();
    let pool = Pool::from([census.connect()]);
    let held = pool.try_get().unwrap();
    let granted = Task::waiting(&pool);
    drop(held);
    pool.close();
    assert_eq!(census.dropped(), 0);
    drop(granted);
    assert_eq!(census.dropped(), 1);
}

/// Never drops `task`. It stays within reach, since a leak detector is right to complain about what is not.
fn leak<T>(task: T) {
    static LEAKED: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());
    LEAKED.lock().unwrap().push(std::ptr::from_mut(Box::leak(Box::new(task))).expose_provenance());
}

#[test]
fn a_leaked_future_loses_at_most_the_connection_that_it_was_granted() {
    let census = Census::new();
    let pool = Pool::from([census.connect(), census.connect()]);
    let held = hold_all(&pool);
    leak(Task::waiting(&pool));
    let mut next = Task::waiting(&pool);
    drop(held);
    drop(next.guard());
    let status = pool.status();
    assert_eq!((status.in_use, status.idle, status.waiting), (1, 1, 0));
    drop(next);
    drop(pool);
    census.assert_each_dropped_once();
}

#[cfg(feature = "std")]
mod with_threads {
    use std::thread;

    use conn_pool::Pool;

    use crate::kit::plain::{Task, assert_at_rest, wait_for_waiting};
    use crate::kit::{FOREVER, wait_until};

    #[test]
    fn tasks_dropped_in_a_queue_with_threads_hold_nobody_up() {
        // The tasks stand at the head, in the middle and at the tail.
        for dropped in 0..8_u32 {
            let pool = Pool::from([()]);
            thread::scope(|scope| {
                let held = pool.try_get().unwrap();
                let mut tasks = Vec::new();
                let mut threads = Vec::new();
                for place in 0..5 {
                    if place % 2 == 0 {
                        tasks.push(Some(Task::waiting(&pool)));
                    } else {
                        threads.push(scope.spawn(|| pool.get_timeout(FOREVER).map(drop)));
                        wait_for_waiting(&pool, place + 1);
                    }
                }
                for (place, task) in tasks.iter_mut().enumerate() {
                    if dropped >> place & 1 == 1 {
                        *task = None;
                    }
                }
                assert_eq!(pool.status().waiting, 5 - dropped.count_ones() as usize);
                drop(held);
                for mut task in tasks.into_iter().flatten() {
                    wait_until(|| task.rings() == 1);
                    drop(task.guard());
                }
                for thread in threads {
                    thread.join().unwrap().unwrap();
                }
            });
            assert_at_rest(&pool);
        }
    }

    #[test]
    fn a_grant_that_a_task_does_not_pick_up_goes_to_a_thread_and_from_there_to_a_task() {
        let pool = Pool::from([()]);
        thread::scope(|scope| {
            let held = pool.try_get().unwrap();
            let granted = Task::waiting(&pool);
            let thread = scope.spawn(|| pool.get_timeout(FOREVER).map(drop));
            wait_for_waiting(&pool, 2);
            let also_granted = Task::waiting(&pool);
            let mut last = Task::waiting(&pool);
            drop(held);
            drop(granted);
            thread.join().unwrap().unwrap();
            assert_eq!((also_granted.rings(), last.rings()), (1, 0));
            drop(also_granted);
            drop(last.guard());
        });
        assert_at_rest(&pool);
    }

    #[test]
    fn a_future_may_be_dropped_on_another_thread() {
        let pool = Pool::from([()]);
        let held = pool.try_get().unwrap();
        let [queued, granted] = [Task::waiting(&pool), Task::waiting(&pool)];
        let mut last = Task::waiting(&pool);
        thread::scope(|scope| {
            scope.spawn(move || drop(queued));
        });
        drop(held);
        thread::scope(|scope| {
            scope.spawn(move || drop(granted));
        });
        drop(last.guard());
        assert_at_rest(&pool);
    }

    #[test]
    fn futures_dropped_while_they_are_being_granted_lose_nothing() {
        let pool = Pool::from([(); 2]);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        drop(pool.get_timeout(FOREVER).unwrap());
                    }
                });
                scope.spawn(|| {
                    for _ in 0..2000 {
                        // Granted at once, in the queue, or granted in the very moment.
                        let mut task = Task::new(&pool);
                        drop(task.poll());
                        drop(task);
                    }
                });
            }
        });
        assert_at_rest(&pool);
        assert!(pool.try_get().is_ok());
    }
}
