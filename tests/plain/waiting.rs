//! Who is served when: one queue for threads and tasks, first come, first served.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

use conn_pool::{Pool, TryGetError};

use crate::kit::plain::{Task, assert_at_rest, hold_all, waiting_tasks};
use crate::kit::{Bell, poll_once, poll_with};

#[test]
fn released_connection_goes_to_the_oldest_waiter() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 3);
    drop(held);
    for served in 0..3 {
        let rings: Vec<usize> = tasks.iter().map(Task::rings).collect();
        let expected: Vec<usize> = (0..3).map(|task| usize::from(task <= served)).collect();
        assert_eq!(rings, expected, "the next one in the queue is woken, and no other");
        assert!(tasks[served + 1..].iter_mut().all(|task| task.poll().is_pending()));
        drop(tasks[served].guard());
    }
    assert_at_rest(&pool);
}

#[test]
fn connections_that_come_back_together_serve_as_many_in_order() {
    let pool = Pool::from([0, 1, 2]);
    let held = hold_all(&pool);
    let mut tasks = waiting_tasks(&pool, 5);
    drop(held);
    let guards: Vec<_> = tasks[..3].iter_mut().map(Task::guard).collect();
    assert!(tasks[3..].iter_mut().all(|task| task.poll().is_pending()));
    drop(guards);
    drop(tasks[4].guard());
    drop(tasks[3].guard());
    assert_at_rest(&pool);
}

#[test]
fn place_in_the_queue_is_taken_at_the_first_poll() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut made_first = Task::new(&pool);
    let mut polled_first = Task::new(&pool);
    assert_eq!(pool.status().waiting, 0);
    assert!(polled_first.poll().is_pending());
    assert!(made_first.poll().is_pending());
    drop(held);
    assert!(made_first.poll().is_pending());
    drop(polled_first.guard());
    drop(made_first.guard());
}

#[test]
fn polling_again_keeps_the_place_in_the_queue() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut tasks = waiting_tasks(&pool, 3);
    for _ in 0..5 {
        assert!(tasks[0].poll().is_pending());
    }
    assert_eq!(pool.status().waiting, 3);
    assert_eq!(pool.metrics().waited, 3);
    drop(held);
    for task in &mut tasks {
        drop(task.guard());
    }
}

#[test]
fn newcomer_does_not_take_what_was_granted_to_a_waiter() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut waiter = Task::waiting(&pool);
    drop(held);
    assert!(matches!(pool.try_get(), Err(TryGetError::Exhausted)));
    assert_eq!(pool.status().in_use, 1);
    let mut newcomer = Task::waiting(&pool);
    drop(waiter.guard());
    drop(newcomer.guard());
    assert_eq!(pool.metrics().overtakes, 0);
}

#[test]
fn newcomer_stands_behind_the_queue_even_if_the_queue_was_served() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut first = Task::waiting(&pool);
    drop(held);
    // Granted and not picked up yet.
    let mut second = Task::waiting(&pool);
    let mut third = Task::waiting(&pool);
    drop(first.guard());
    assert!(third.poll().is_pending());
    drop(second.guard());
    drop(third.guard());
}

#[test]
fn one_caller_may_wait_many_times() {
    const WAITS: usize = 200;
    let pool = Pool::from([0; 7]);
    let held = hold_all(&pool);
    let (bell, waker) = Bell::new();
    let mut futures: Vec<_> = (0..WAITS).map(|_| Box::pin(pool.get_async())).collect();
    assert!(futures.iter_mut().all(|future| poll_with(future, &waker).is_pending()));
    assert_eq!(pool.status().waiting, WAITS);
    drop(held);
    let mut served = 0;
    while served < WAITS {
        let guards: Vec<_> =
            futures[served..].iter_mut().map_while(|future| ready(poll_with(future, &waker))).collect();
        assert!(!guards.is_empty() && guards.len() <= 7);
        served += guards.len();
    }
    assert_eq!(bell.rings(), WAITS);
    assert_at_rest(&pool);
}

fn ready<T, E: std::fmt::Debug>(poll: std::task::Poll<Result<T, E>>) -> Option<T> {
    match poll {
        std::task::Poll::Ready(answer) => Some(answer.unwrap()),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_called() {
    let pool = Pool::from(['a']);
    let held = pool.try_get().unwrap();
    let mut future = Box::pin(pool.get_async());
    let (old, old_waker) = Bell::new();
    let (new, new_waker) = Bell::new();
    assert!(poll_with(&mut future, &old_waker).is_pending());
    assert!(poll_with(&mut future, &new_waker).is_pending());
    drop(held);
    assert_eq!((old.rings(), new.rings()), (0, 1));
    assert!(poll_with(&mut future, Waker::noop()).is_ready());
}

#[test]
fn a_waker_whose_clones_do_not_pass_for_it_is_registered_all_the_same() {
    static CLONES: AtomicUsize = AtomicUsize::new(0);
    static WAKES: AtomicUsize = AtomicUsize::new(0);
    // `will_wake` may answer "no" for a clone: it is a guess. Here each clone has an address of its own.
    const TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            let clones = CLONES.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(clones < 100, "cloned again and again");
            RawWaker::new(std::ptr::without_provenance(clones), &TABLE)
        },
        |_| {
            WAKES.fetch_add(1, Ordering::SeqCst);
        },
        |_| (),
        |_| (),
    );
    // SAFETY: the table's functions follow no pointer.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let pool = Pool::from([()]);
    let held = pool.try_get().unwrap();
    let mut future = Box::pin(pool.get_async());
    for _ in 0..3 {
        assert!(poll_with(&mut future, &waker).is_pending());
    }
    drop(held);
    assert_eq!(WAKES.load(Ordering::SeqCst), 1);
    assert!(poll_with(&mut future, &waker).is_ready());
}

#[test]
fn a_waker_is_kept_no_longer_than_the_wait() {
    let pool = Pool::from(['a']);
    for cancelled in [false, true] {
        let held = pool.try_get().unwrap();
        let (bell, waker) = Bell::new();
        let mut future = Box::pin(pool.get_async());
        assert!(poll_with(&mut future, &waker).is_pending());
        drop(waker);
        assert_eq!(std::sync::Arc::strong_count(&bell), 2);
        if cancelled {
            drop(future);
        } else {
            drop(held);
        }
        assert_eq!(std::sync::Arc::strong_count(&bell), 1);
    }
}

#[test]
fn inserted_connection_goes_to_the_oldest_waiter() {
    let pool: Pool<u32, 2> = Pool::new();
    let mut tasks = waiting_tasks(&pool, 3);
    pool.insert(7).unwrap();
    assert!(tasks[1..].iter_mut().all(|task| task.poll().is_pending()));
    let first = tasks[0].guard();
    assert_eq!(*first, 7);
    pool.insert(8).unwrap();
    assert_eq!(*tasks[1].guard(), 8);
    drop(first);
    assert!(matches!(*tasks[2].guard(), 7 | 8));
}

#[test]
fn status_and_debug_show_the_queue() {
    let pool = Pool::from(['a', 'b']);
    assert_eq!(format!("{pool:?}"), "Pool { 2/2 free [..] waiting: 0 }");
    let held = hold_all(&pool);
    let tasks = waiting_tasks(&pool, 2);
    assert_eq!(pool.status().waiting, 2);
    assert_eq!(format!("{pool:?}"), "Pool { 0/2 free [##] waiting: 2 (tasks: 2, threads: 0) }");
    drop(tasks);
    drop(held);
    assert_eq!(format!("{pool:?}"), "Pool { 2/2 free [..] waiting: 0 }");
}

#[test]
#[should_panic(expected = "polled after it had finished")]
fn polling_a_finished_future_panics() {
    let pool = Pool::from(['a']);
    let mut future = Box::pin(pool.get_async());
    assert!(poll_once(&mut future).is_ready());
    let _panics = poll_once(&mut future);
}

#[cfg(feature = "std")]
mod with_threads {
    use std::sync::Mutex;
    use std::thread;
    use std::time::Duration;

    use conn_pool::Pool;

    use crate::kit::plain::{Task, assert_at_rest, hold_all, wait_for_waiting};
    use crate::kit::{FOREVER, wait_until};

    /// Lets threads (`'t'`) and tasks (`'a'`) join the queue one after the other, frees the only connection, and says
    /// in which order they got it.
    fn order_of_service(queue: &str) -> Vec<usize> {
        let pool = Pool::from([()]);
        let served = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let held = pool.try_get().unwrap();
            let mut tasks = Vec::new();
            for (place, kind) in queue.chars().enumerate() {
                if kind == 'a' {
                    tasks.push((place, Task::waiting(&pool)));
                } else {
                    let (pool, served) = (&pool, &served);
                    scope.spawn(move || {
                        let guard = pool.get_timeout(FOREVER).unwrap();
                        served.lock().unwrap().push(place);
                        drop(guard);
                    });
                }
                wait_for_waiting(&pool, place + 1);
            }
            let kinds = format!("(tasks: {}, threads: {})", tasks.len(), queue.len() - tasks.len());
            assert!(format!("{pool:?}").contains(&kinds), "{pool:?} does not show {kinds}");
            drop(held);
            for (place, mut task) in tasks {
                wait_until(|| task.rings() > 0);
                let guard = task.guard();
                served.lock().unwrap().push(place);
                drop(guard);
            }
        });
        assert_at_rest(&pool);
        served.into_inner().unwrap()
    }

    #[test]
    fn threads_and_tasks_are_served_in_the_order_in_which_they_came() {
        for queue in ["tttt", "aaaa", "tata", "atat", "ttaa", "aatt", "ataattat"] {
            assert_eq!(order_of_service(queue), (0..queue.len()).collect::<Vec<_>>(), "queue {queue}");
        }
    }

    #[test]
    fn a_thread_that_was_served_or_gave_up_is_no_longer_shown_in_the_queue() {
        let pool = Pool::from([1]);
        let held = pool.try_get().unwrap();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| *pool.get_timeout(FOREVER).unwrap());
            wait_for_waiting(&pool, 1);
            drop(held);
            assert_eq!(waiter.join().unwrap(), 1);
        });
        let held = pool.try_get().unwrap();
        assert!(pool.get_timeout(Duration::from_millis(1)).is_err());
        let task = Task::waiting(&pool);
        assert!(format!("{pool:?}").ends_with("waiting: 1 (tasks: 1, threads: 0) }"), "{pool:?}");
        drop(task);
        drop(held);
    }

    #[test]
    fn inserting_serves_a_thread() {
        let pool: Pool<u32, 1> = Pool::new();
        thread::scope(|scope| {
            let thread = scope.spawn(|| *pool.get_timeout(FOREVER).unwrap());
            wait_for_waiting(&pool, 1);
            pool.insert(7).unwrap();
            assert_eq!(thread.join().unwrap(), 7);
        });
    }

    #[test]
    fn a_guard_dropped_on_another_thread_serves_the_queue() {
        let pool = Pool::from([1, 2]);
        let mut held = hold_all(&pool);
        let mut task = Task::waiting(&pool);
        thread::scope(|scope| {
            let guard = held.pop().unwrap();
            scope.spawn(move || drop(guard));
        });
        assert_eq!(task.rings(), 1);
        drop(task.guard());
    }
}
