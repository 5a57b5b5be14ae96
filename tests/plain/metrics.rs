//! What a pool tells about itself.

use conn_pool::{ConnGuard, Fairness, Pool, Status};

use crate::kit::plain::{Task, hold_all, waiting_tasks};

#[test]
fn borrowings_are_counted_and_the_first_of_each_connection_is_no_reuse() {
    let pool: Pool<usize, 70> = Pool::from_fn(|number| number);
    drop(hold_all(&pool));
    assert_eq!((pool.metrics().acquired, pool.metrics().reused), (70, 0));
    drop(hold_all(&pool));
    assert_eq!((pool.metrics().acquired, pool.metrics().reused), (140, 70));
    for _ in 0..60 {
        drop(pool.try_get().unwrap());
    }
    assert_eq!((pool.metrics().acquired, pool.metrics().reused), (200, 130));
}

#[test]
fn waiters_count_as_borrowers_once_they_are_served() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 3);
    drop(held);
    for task in &mut tasks {
        drop(task.guard());
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.acquired, metrics.reused, metrics.waited), (4, 3, 3));
}

#[test]
fn uses_of_connections_that_are_gone_stay_counted() {
    let pool = Pool::from([1, 2]);
    drop(hold_all(&pool));
    let both = hold_all(&pool);
    for guard in both {
        ConnGuard::discard(guard);
    }
    let metrics = pool.metrics();
    assert_eq!((metrics.acquired, metrics.reused, metrics.discarded), (4, 2, 2));
    pool.insert(3).unwrap();
    drop(pool.try_get().unwrap());
    let metrics = pool.metrics();
    assert_eq!((metrics.acquired, metrics.reused), (5, 2), "a new connection in an old slot is no reuse");
    pool.close();
    assert_eq!((pool.metrics().acquired, pool.metrics().reused, pool.metrics().discarded), (5, 2, 2));
}

#[test]
fn dropping_for_want_of_room_or_by_closing_is_no_discard() {
    let pool = Pool::from([1, 2, 3]);
    pool.resize(2).unwrap();
    pool.drop_surplus();
    let held = pool.try_get().unwrap();
    pool.close();
    drop(held);
    assert_eq!(pool.metrics().discarded, 0);
}

#[test]
fn peaks_show_the_most_and_start_anew_from_now() {
    let pool = Pool::from([1, 2, 3, 4]);
    assert_eq!((pool.metrics().peak_in_use, pool.metrics().peak_waiting), (0, 0));
    drop(pool.try_get().unwrap());
    assert_eq!(pool.metrics().peak_in_use, 1);
    let held = hold_all(&pool);
    drop(waiting_tasks(&pool, 3));
    drop(held);
    assert_eq!((pool.metrics().peak_in_use, pool.metrics().peak_waiting), (4, 3));
    let one = pool.try_get().unwrap();
    pool.reset_peaks();
    assert_eq!((pool.metrics().peak_in_use, pool.metrics().peak_waiting), (1, 0));
    let another = pool.try_get().unwrap();
    drop((one, another));
    assert_eq!(pool.metrics().peak_in_use, 2);
    pool.reset_peaks();
    assert_eq!(pool.metrics().peak_in_use, 0);
}

#[test]
fn what_is_out_when_the_peaks_start_anew_counts_even_if_it_is_back_before_somebody_looks() {
    let pool = Pool::from([1, 2, 3]);
    let held = (pool.try_get().unwrap(), pool.try_get().unwrap());
    pool.reset_peaks();
    drop(held);
    assert_eq!(pool.metrics().peak_in_use, 2);
}

#[test]
fn waiters_that_are_there_when_the_peaks_start_anew_count() {
    let pool = Pool::from([1]);
    let held = pool.try_get().unwrap();
    let tasks = waiting_tasks(&pool, 3);
    pool.reset_peaks();
    let more = waiting_tasks(&pool, 1);
    drop((more, tasks, held));
    assert_eq!((pool.metrics().peak_in_use, pool.metrics().peak_waiting), (1, 4));
}

#[test]
fn a_newcomer_past_the_queue_shows_in_the_peak() {
    let pool = Pool::from([1]).with_fairness(Fairness::Bounded(9));
    let held = pool.try_get().unwrap();
    let called = Task::waiting(&pool);
    drop(held);
    pool.reset_peaks();
    drop(pool.try_get().unwrap());
    assert_eq!(pool.metrics().peak_in_use, 1);
    drop(called);
}

#[test]
fn a_waiter_that_is_served_shows_in_the_peak() {
    let pool = Pool::from([1, 2]);
    pool.resize(1).unwrap();
    let held = pool.try_get().unwrap();
    let mut waiter = Task::waiting(&pool);
    pool.reset_peaks();
    assert_eq!(pool.metrics().peak_in_use, 1);
    pool.resize(2).unwrap();
    drop((held, waiter.guard()));
    assert_eq!(pool.metrics().peak_in_use, 2);
}

#[test]
fn the_peak_of_a_pool_that_ran_full_is_exact_for_any_size() {
    fn full<const N: usize>() {
        let pool: Pool<usize, N> = Pool::from_fn(|number| number);
        drop(hold_all(&pool));
        assert_eq!(pool.metrics().peak_in_use, N);
        pool.reset_peaks();
        drop(hold_all(&pool));
        assert_eq!(pool.metrics().peak_in_use, N);
    }
    full::<1>();
    full::<4>();
    full::<5>();
    full::<64>();
    full::<300>();
}

#[test]
fn status_names_each_slot_once() {
    let pool: Pool<usize, 10> = Pool::new();
    for number in 0..7 {
        pool.insert(number).unwrap();
    }
    let held = (pool.try_get().unwrap(), pool.try_get().unwrap());
    let status = pool.status();
    assert_eq!((status.capacity, status.max_size), (10, 10));
    assert_eq!((status.in_use, status.idle, status.vacant), (2, 5, 3));
    assert_eq!((status.waiting, status.closed), (0, false));
    assert_eq!(status.to_string(), "in use: 2 of 10, idle: 5, vacant: 3, waiting: 0");
    drop(held);
}

#[test]
fn errors_say_how_full_the_pool_was() {
    let pool = Pool::from([1]);
    let held = pool.try_get().unwrap();
    let task = Task::waiting(&pool);
    let error = pool.try_get().unwrap_err();
    assert_eq!((error.name(), &*error.to_string()), ("exhausted", "no connection is free"));
    assert_eq!(pool.status().to_string(), "in use: 1 of 1, idle: 0, vacant: 0, waiting: 1");
    drop(task);
    drop(held);
    pool.close();
    let error = pool.try_get().unwrap_err();
    assert_eq!((error.name(), &*error.to_string()), ("closed", "the pool is closed"));
    assert_eq!(pool.status().to_string(), "in use: 0 of 1, idle: 0, vacant: 1, waiting: 0");
}

/// No figure is ever beyond what there can be, even while everything moves; the size does not.
fn assert_within_bounds(status: &Status) {
    assert!(status.in_use <= status.capacity, "{status:?}");
    assert!(status.idle <= status.capacity, "{status:?}");
    assert!(status.vacant <= status.capacity, "{status:?}");
}

#[test]
fn status_stays_within_bounds_under_load() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let pool: Pool<usize, 6> = Pool::from_fn(|number| number);
    let working = AtomicUsize::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for turn in 0..3000 {
                    match pool.try_get() {
                        Ok(guard) if turn % 50 == 0 => ConnGuard::discard(guard),
                        Ok(guard) => drop(guard),
                        Err(_) => std::thread::yield_now(),
                    }
                    if turn % 20 == 0 {
                        let _ = pool.insert(turn);
                        drop(Task::new(&pool).poll());
                    }
                }
                working.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while working.load(Ordering::SeqCst) > 0 {
            assert_within_bounds(&pool.status());
            let metrics = pool.metrics();
            assert!(metrics.peak_in_use <= 6, "{metrics:?}");
            assert!(format!("{pool:?}").starts_with("Pool { "));
        }
    });
    let status = pool.status();
    assert_eq!((status.in_use, status.idle + status.vacant), (0, 6));
}

#[test]
fn callers_that_give_up_are_counted() {
    let pool = Pool::from([1]);
    let held = pool.try_get().unwrap();
    drop(waiting_tasks(&pool, 3));
    assert_eq!(pool.metrics().cancelled, 3);
    let mut tasks = waiting_tasks(&pool, 3);
    drop(held);
    drop(tasks.remove(0));
    assert_eq!(pool.metrics().cancelled, 4, "it was granted a connection, and has never seen it");
    let guard = tasks[0].guard();
    pool.close();
    assert!(tasks[1].poll().is_ready());
    drop((tasks, guard));
    assert_eq!(pool.metrics().cancelled, 4, "those that have their answer have not given up");
}

#[test]
fn a_caller_whose_time_is_up_has_not_given_up() {
    let pool = Pool::from([1]);
    let _held = pool.try_get().unwrap();
    #[cfg(feature = "std")]
    assert!(pool.get_timeout(std::time::Duration::from_millis(1)).is_err());
    drop(pool.get_async());
    assert_eq!(pool.metrics().cancelled, 0);
}

/// The percentiles are those of the callers, and not of those among them that had to wait.
#[cfg(feature = "std")]
#[test]
fn the_percentiles_of_waits_are_over_all_callers() {
    use std::time::Duration;

    let pool = Pool::from([1]).with_wait_times();
    (0..98).for_each(|_| drop(pool.get().unwrap()));
    let _held = pool.get().unwrap();
    assert!(pool.get_timeout(Duration::from_millis(5)).is_err());
    let waits = pool.wait_times();
    assert_eq!((waits.count(), waits.percentile(99.0)), (100, Some(Duration::ZERO)));
    assert!(waits.percentile(99.5).unwrap() >= Duration::from_millis(5));
}

#[cfg(feature = "std")]
mod with_a_clock {
    use std::time::Duration;

    use conn_pool::Pool;

    use crate::kit::plain::{Task, waiting_tasks};

    #[test]
    fn wait_times_are_measured_for_the_served_and_for_those_who_gave_up() {
        const WAIT: Duration = Duration::from_millis(20);
        let pool = Pool::from([1]).with_wait_times();
        assert_eq!(pool.wait_times().count(), 0);
        let held = pool.try_get().unwrap();
        assert!(pool.get_timeout(WAIT).is_err());
        assert_eq!(pool.wait_times().count(), 2, "and one that was served at once");
        assert!(pool.wait_times().max().unwrap() >= WAIT);
        let mut served = Task::waiting(&pool);
        drop(held);
        drop(served.guard());
        assert_eq!(pool.wait_times().count(), 3);
        let held = pool.try_get().unwrap();
        drop(waiting_tasks(&pool, 5));
        assert_eq!(pool.wait_times().count(), 9, "those who were cancelled waited as well");
        assert!(pool.wait_times().percentile(50.0).unwrap() <= pool.wait_times().max().unwrap());
        drop(held);
        assert_eq!(pool.wait_times().buckets().map(|(_, count)| count).sum::<usize>(), 9);
    }

    #[test]
    fn wait_times_are_measured_only_where_they_were_asked_for() {
        let pool = Pool::from([1]);
        let held = pool.try_get().unwrap();
        assert!(pool.get_timeout(Duration::from_millis(1)).is_err());
        drop(held);
        assert_eq!((pool.metrics().waited, pool.wait_times().count()), (1, 0));
    }

    #[test]
    fn who_does_not_wait_has_waited_for_no_time_at_all() {
        let pool = Pool::from([1]).with_wait_times();
        for _ in 0..5 {
            drop(pool.get().unwrap());
        }
        let held = pool.get().unwrap();
        assert!(pool.try_get().is_err());
        assert!(pool.get_timeout(Duration::ZERO).is_err());
        drop(held);
        let waits = pool.wait_times();
        assert_eq!((waits.count(), waits.max()), (6, Some(Duration::ZERO)));
        assert_eq!((pool.metrics().waited, pool.metrics().timed_out), (0, 1));
    }
}
