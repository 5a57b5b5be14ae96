//! Callers that wait: in which order they are served, how many there may be, and for how long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use conn_pool::Fairness;
use conn_pool::managed::{Config, GetError};

use crate::kit::managed::{ALWAYS, assert_at_rest, millis, owned, pool, quiet, secs};
use crate::kit::{Call, FOREVER, Gate, Job, Outcome, comes, poll_once, wait_until};

#[test]
fn threads_and_tasks_wait_in_one_queue() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut first = Job::begun(pool.get_async());
    let gate = Gate::default();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let _held = pool.get().unwrap();
            gate.wait_for_arrivals(1);
        });
        wait_until(|| pool.status().waiting == 2);
        let mut third = Job::begun(pool.get_async());
        drop(held);
        let first = first.woken_to_end().unwrap();
        third.wait_on();
        drop(first);
        third.wait_on();
        gate.arrive();
        thread.join().unwrap();
        drop(third.woken_to_end().unwrap());
    });
}

#[test]
fn with_a_bound_newcomers_overtake_so_often_and_no_more() {
    let pool = pool::<1>(quiet().fairness(Fairness::Bounded(2)));
    let mut held = pool.get().unwrap();
    let mut waiting = Job::begun(pool.get_async());
    for _ in 0..2 {
        drop(held);
        held = pool.try_get().unwrap();
        waiting.wait_on();
    }
    drop(held);
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    assert_eq!(waiting.woken_to_end().unwrap().number, 1);
}

#[test]
fn who_comes_when_the_queue_is_full_is_refused() {
    let pool = pool::<1>(quiet().max_waiting(1));
    let held = pool.get().unwrap();
    let mut waiting = Job::begun(pool.get_async());
    assert!(matches!(Job::new(pool.get_async()).end(), Err(GetError::QueueFull(_))));
    assert!(matches!(pool.get_timeout(FOREVER), Err(GetError::QueueFull(_))));
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    assert_eq!(pool.metrics().refused, 2);
    drop(held);
    drop(waiting.woken_to_end().unwrap());
    drop(pool.get().unwrap());
}

#[test]
fn a_pool_without_a_queue_serves_whom_it_can() {
    let pool = pool::<1>(quiet().max_waiting(0));
    let held = pool.get().unwrap();
    assert!(matches!(Job::new(pool.get_async()).end(), Err(GetError::QueueFull(_))));
    drop(held);
    assert_eq!(pool.get().unwrap().number, 1);
}

/// Its turn had come already: it is not one of those who would make the queue longer than callers' patience.
#[test]
fn who_comes_back_to_a_full_queue_is_not_refused() {
    let pool = pool::<2>(quiet().max_waiting(1).max_connecting(1).validate_after(ALWAYS));
    drop(pool.get().unwrap());
    let (connects, checks) = (Gate::default(), Gate::default());
    pool.manager().then(Call::Check, Outcome::error_at(&checks)).then(Call::Connect, Outcome::at(&connects));
    let mut checking = Job::begun(pool.get_async());
    let mut connecting = Job::begun(pool.get_async());
    let mut waiting = Job::begun(pool.get_async());
    checks.open();
    checking.wait_on();
    assert_eq!((pool.status().waiting, pool.metrics().refused), (2, 0));
    connects.open();
    let _held = connecting.woken_to_end().unwrap();
    let unfit_before = checking.woken_to_end().unwrap();
    waiting.wait_on();
    drop(unfit_before);
    drop(waiting.woken_to_end().unwrap());
}

#[test]
fn a_task_has_one_budget_for_waiting_connecting_and_checking() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    let silence = Outcome::at(&Gate::default());
    // Half of the time is for the check, and the rest for another connect.
    pool.manager().then(Call::Check, silence.clone());
    for outcome in [silence.clone(), Outcome::Ok, silence] {
        pool.manager().then(Call::Connect, outcome);
    }
    for (what, expected) in [("connecting", "connect_timeout"), ("waiting", "timeout"), ("checking", "connect_timeout")]
    {
        let held = (what == "waiting").then(|| pool.get().unwrap());
        let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
        pool.clock().advance(secs(1));
        caller.wait_on();
        pool.clock().advance(secs(1));
        assert_eq!(caller.woken_to_end().unwrap_err().name(), expected, "{what}");
        drop(held);
        assert_at_rest(&pool);
    }
    assert_eq!(pool.manager().calls(Call::Connect), 3);
}

#[test]
fn a_task_gives_up_at_a_moment_of_the_pools_clock() {
    let pool = pool::<1>(quiet());
    pool.clock().advance(secs(5));
    let held = pool.get().unwrap();
    let mut caller = Job::begun(pool.get_async_deadline(secs(5) + millis(100)));
    pool.clock().advance(millis(99));
    caller.wait_on();
    pool.clock().advance(millis(1));
    assert_eq!(caller.woken_to_end().unwrap_err().name(), "timeout");
    let mut late = Job::new(pool.get_async_deadline(secs(5)));
    assert_eq!(late.end().unwrap_err().name(), "timeout", "the moment has passed");
    drop(held);
    drop(Job::new(pool.get_async_deadline(secs(5))).end().expect("what is free is lent without a wait"));
    assert_at_rest(&pool);
}

#[test]
fn a_task_that_gives_up_is_counted_once() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
    pool.clock().advance(secs(2));
    assert!(matches!(caller.woken_to_end(), Err(GetError::Timeout(_))));
    assert_eq!((pool.metrics().pool.timed_out, pool.status().waiting), (1, 0));
    drop(held);
    drop(Job::new(pool.get_async_timeout(Duration::ZERO)).end().unwrap());
    pool.evict_all();
    assert!(matches!(Job::new(pool.get_async_timeout(Duration::ZERO)).end(), Err(GetError::Timeout(_))));
    assert_eq!((pool.metrics().pool.timed_out, pool.manager().calls(Call::Connect)), (2, 1));
}

#[test]
fn a_task_that_is_served_in_time_gets_its_connection() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
    pool.clock().advance(secs(1));
    drop(held);
    assert_eq!(caller.woken_to_end().unwrap().number, 1);
    drop(Job::new(pool.get_async_timeout(Duration::ZERO)).end().unwrap());
}

#[test]
fn a_thread_gives_up_when_its_time_is_over() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    assert!(matches!(pool.get_timeout(millis(5)), Err(GetError::Timeout(_))));
    assert!(matches!(pool.get_deadline(std::time::Instant::now()), Err(GetError::Timeout(_))));
    assert_eq!(pool.metrics().pool.timed_out, 2);
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn who_was_granted_a_connection_does_not_wait_until_another_is_parted_with() {
    for _ in 0..300 {
        let (pool, gate) = (pool::<3>(Config::new()), Gate::default());
        pool.manager().always(Call::Discard, Outcome::at(&gate));
        let mut held: Vec<_> = (0..3).map(|_| owned(pool.try_get().unwrap(), &pool)).collect();
        pool.resize(2).unwrap();
        let waiter = thread::spawn({
            let pool = Arc::clone(&pool);
            move || drop(pool.get().unwrap())
        });
        wait_until(|| pool.status().waiting == 1);
        // One of two is one too many; the other is for the waiter. Both come back in one moment.
        let barrier = Arc::new(Barrier::new(2));
        let givers = [held.pop(), held.pop()].map(|held| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || {
                barrier.wait();
                drop(held);
            })
        });
        let is_served = comes(|| waiter.is_finished());
        gate.open();
        assert!(is_served);
        for giver in givers {
            giver.join().unwrap();
        }
        waiter.join().unwrap();
    }
}

/// Callers that wait for their connection to be made are not refused: they would not wait if they made it themselves.
#[test]
fn a_queue_without_places_refuses_no_caller_that_a_connection_is_made_for() {
    let pool = pool::<2>(quiet().max_waiting(0));
    let mut upkeep = Job::begun(pool.run_maintenance());
    let mut callers = [Job::begun(pool.get_async()), Job::begun(pool.get_async())];
    assert!(matches!(Job::new(pool.get_async()).error(), GetError::QueueFull(_)));
    upkeep.wait_on();
    let _held = callers.each_mut().map(Job::guard);
    assert!(matches!(Job::new(pool.get_async()).error(), GetError::QueueFull(_)));
}

/// The future of a task that waited, and was granted a connection that is fit as it is.
#[test]
fn a_task_that_was_served_is_not_polled_again() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut waiting = Box::pin(pool.get_async());
    assert!(poll_once(&mut waiting).is_pending());
    drop(held);
    let Poll::Ready(Ok(granted)) = poll_once(&mut waiting) else { panic!("it was granted the connection") };
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(&mut waiting).is_pending())).is_err());
    drop(waiting);
    drop(granted);
    assert_at_rest(&pool);
}
