//! A connect has failed, and its caller tries again after a pause.

use std::thread;
use std::time::Duration;

use conn_pool::managed::{GetError, ManagerError, Retry};

use crate::kit::managed::{assert_at_rest, millis, pool, quiet, retry, secs};
use crate::kit::{Call, Failed, Job, Outcome, wait_until};

#[test]
fn a_failed_connect_is_tried_again_after_a_pause() {
    let pool = pool::<1>(quiet().retry(retry(2, secs(1))));
    pool.manager().then(Call::Connect, Outcome::Error).then(Call::Connect, Outcome::Error);
    let mut caller = Job::begun(pool.get_async());
    for attempts in 1..=2 {
        // A pause is shortened by up to half.
        pool.clock().advance(millis(400));
        caller.wait_on();
        assert_eq!((pool.manager().calls(Call::Connect), pool.status().vacant), (attempts, 1));
        pool.clock().advance(millis(600));
        if attempts == 1 {
            caller.wait_on();
        }
    }
    assert_eq!(caller.woken_to_end().unwrap().number, 1);
    assert_eq!(pool.manager().calls(Call::Connect), 3);
}

#[test]
fn after_its_last_attempt_the_caller_gets_the_last_error() {
    let pool = pool::<1>(quiet().retry(retry(2, millis(1))));
    pool.manager().always(Call::Connect, Outcome::Error);
    let error = pool.get().unwrap_err();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Failed(Call::Connect, 3)), .. }), "{error}");
    assert_eq!(pool.metrics().connect_failed, 3);
    assert_at_rest(&pool);
}

#[test]
fn who_does_not_wait_does_not_try_again() {
    let pool = pool::<1>(quiet().retry(retry(9, millis(1))));
    pool.manager().always(Call::Connect, Outcome::Error);
    assert!(matches!(
        pool.try_get(),
        Err(GetError::Connect { error: ManagerError::Own(Failed(Call::Connect, 1)), .. })
    ));
}

#[test]
fn a_deadline_ends_a_pause_with_the_error_that_led_to_it() {
    let pool = pool::<1>(quiet().retry(retry(9, secs(3600))));
    pool.manager().always(Call::Connect, Outcome::Error);
    let error = pool.get_timeout(millis(300)).unwrap_err();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Failed(Call::Connect, 1)), .. }), "{error}");
}

/// As for a thread: what went wrong is worth more to its caller than that time is up.
#[test]
fn a_deadline_of_a_task_ends_a_pause_with_the_error_that_led_to_it() {
    let retry = Retry { attempts: 9, first_pause: secs(60), longest_pause: secs(60) };
    let pool = pool::<1>(quiet().retry(retry));
    pool.manager().always(Call::Connect, Outcome::Error);
    let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
    pool.clock().advance(secs(2));
    let error = caller.woken_to_end().unwrap_err();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Failed(Call::Connect, 1)), .. }), "{error}");
    assert_at_rest(&pool);
}

#[test]
fn a_thread_that_has_time_left_tries_to_connect_again() {
    let retry = Retry { attempts: 1, first_pause: millis(1), longest_pause: millis(1) };
    let pool = pool::<1>(quiet().retry(retry));
    pool.manager().then(Call::Connect, Outcome::Error);
    assert!(pool.get_timeout(secs(30)).is_ok());
    assert_eq!(pool.manager().calls(Call::Connect), 2);
}

#[test]
fn a_pause_that_no_clock_can_express_is_one_without_end() {
    let pool = pool::<2>(quiet().retry(retry(1, Duration::MAX)));
    let held = pool.get().unwrap();
    pool.manager().then(Call::Connect, Outcome::Error);
    thread::scope(|scope| {
        let caller = scope.spawn(|| pool.get().unwrap().number);
        wait_until(|| pool.status().waiting == 1);
        drop(held);
        assert_eq!(caller.join().unwrap(), 1);
    });
}

#[test]
fn during_a_pause_the_caller_takes_what_comes_back() {
    let pool = pool::<2>(quiet().retry(retry(9, secs(1))));
    let held = pool.get().unwrap();
    pool.manager().then(Call::Connect, Outcome::Error);
    let mut caller = Job::begun(pool.get_async());
    drop(held);
    assert_eq!(caller.woken_to_end().unwrap().number, 1);
    assert_eq!(pool.manager().calls(Call::Connect), 2);
}

#[test]
fn during_a_pause_the_caller_keeps_its_place_and_leaves_connecting_to_others() {
    let pool = pool::<2>(quiet().retry(retry(9, secs(1))));
    let held = pool.get().unwrap();
    pool.manager().then(Call::Connect, Outcome::Error);
    let mut pausing = Job::begun(pool.get_async());
    let other = pool.get().unwrap();
    assert_eq!(other.number, 2);
    let mut later = Job::begun(pool.get_async());
    drop(held);
    later.wait_on();
    assert_eq!(pausing.woken_to_end().unwrap().number, 1);
    drop(other);
    assert_eq!(later.woken_to_end().unwrap().number, 1);
}

#[test]
fn of_several_who_pause_the_first_who_came_is_served_first() {
    let pool = pool::<2>(quiet().retry(retry(9, secs(1))));
    let mut held = Some(pool.get().unwrap());
    for rounds in 0..3 {
        let calls = pool.manager().calls(Call::Connect);
        pool.manager().then(Call::Connect, Outcome::Error).then(Call::Connect, Outcome::Error);
        let mut waiters = [(); 2].map(|()| Job::begun(pool.get_async()));
        for _ in 0..rounds {
            // Each tries again, fails again, and pauses again, the later one first.
            pool.manager().then(Call::Connect, Outcome::Error).then(Call::Connect, Outcome::Error);
            pool.clock().advance(secs(1));
            waiters.iter_mut().rev().for_each(Job::wait_on);
        }
        assert_eq!(pool.manager().calls(Call::Connect) - calls, 2 * (rounds + 1));
        drop(held.take());
        waiters[1].wait_on();
        let served = waiters[0].woken_to_end().unwrap();
        drop(served);
        held = Some(waiters[1].woken_to_end().unwrap());
    }
}

/// Where maintenance connects. The callers with a deadline wait on.
#[test]
fn a_call_without_a_deadline_ends_however_many_wait_before_it() {
    let config = quiet().connect_timeout(Some(secs(5))).retry(retry(0, secs(1)));
    let pool = pool::<2>(config);
    pool.manager().always(Call::Connect, Outcome::Error);
    let mut upkeep = Job::begun(pool.run_maintenance());
    let mut others: Vec<_> = (0..40).map(|_| Job::begun(pool.get_async_timeout(secs(100)))).collect();
    let mut own = Job::begun(pool.get_async());
    for _ in 0..8 {
        upkeep.wait_on();
        pool.clock().advance(secs(1));
        others.iter_mut().for_each(Job::wait_on);
    }
    let error = own.woken_to_end().err().unwrap();
    assert!(
        matches!(&error, GetError::Connect { error: ManagerError::Shared(text), .. } if text.as_str().contains("failed"))
    );
    assert_eq!(pool.status().waiting, 40);
    pool.manager().always(Call::Connect, Outcome::Ok);
    pool.clock().advance(secs(1));
    upkeep.wait_on();
    drop(others[0].woken_to_end().unwrap());
    drop(others[1].woken_to_end().unwrap());
}
