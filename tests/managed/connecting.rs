//! Connections are made: by whom, how often, within which time, and what is told when it fails.

use std::thread;
use std::time::Duration;

use conn_pool::managed::{Config, GetError, Pool};

use crate::kit::managed::{ALWAYS, assert_at_rest, pool, quiet, secs, take_all};
use crate::kit::{Call, FOREVER, Failed, Gate, Job, Outcome, Script, panics, wait_until};

#[test]
fn a_thread_tells_the_manager_its_time_limits() {
    let pool =
        pool::<2>(quiet().connect_timeout(Some(secs(9))).validation_timeout(Some(secs(4))).validate_after(ALWAYS));
    drop(pool.get().unwrap());
    drop(pool.try_get().unwrap());
    drop(pool.get_timeout(FOREVER).unwrap());
    assert_eq!(pool.manager().given(Call::Connect), [Some(secs(9))]);
    assert_eq!(pool.manager().given(Call::Check), [Some(secs(4)); 2]);
}

#[test]
fn a_thread_tells_the_manager_what_is_left_of_its_own_time() {
    for limit in [None, Some(secs(600))] {
        let pool = pool::<2>(quiet().connect_timeout(limit).validation_timeout(limit).validate_after(ALWAYS));
        drop(pool.get_timeout(secs(60)).unwrap());
        drop(pool.get_timeout(secs(60)).unwrap());
        // Half of it for a check.
        for (call, most) in [(Call::Connect, secs(60)), (Call::Check, secs(30))] {
            let given = pool.manager().given(call)[0].unwrap();
            assert!(given <= most && given > most / 2, "{given:?} for {call:?}");
        }
    }
}

#[test]
fn without_limits_the_manager_has_all_the_time_there_is() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    drop(pool.get_timeout(Duration::MAX).unwrap());
    assert_eq!((pool.manager().given(Call::Connect), pool.manager().given(Call::Check)), (vec![None], vec![None]));
}

#[test]
fn a_task_ends_a_connect_that_takes_too_long() {
    let pool = pool::<1>(quiet().connect_timeout(Some(secs(9))));
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let mut caller = Job::begun(pool.get_async());
    pool.clock().advance(secs(9));
    let error = caller.woken_to_end().unwrap_err();
    assert!(matches!(error, GetError::ConnectTimeout { after, .. } if after == secs(9)), "{error}");
    assert_eq!((pool.manager().events(), pool.metrics().connect_failed), (vec!["connect timed out".into()], 1));
    assert_at_rest(&pool);
}

#[test]
fn a_caller_without_time_does_not_connect() {
    let pool = pool::<1>(quiet());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.manager().calls(Call::Connect), pool.metrics().pool.timed_out), (0, 1));
    drop(pool.get().unwrap());
    drop(pool.get_timeout(Duration::ZERO).unwrap());
}

#[test]
fn without_time_to_connect_a_caller_times_out_and_is_counted() {
    let pool = Pool::<_, 1>::new(Script::default(), Config::new()).unwrap();
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.status().vacant, pool.metrics().pool.timed_out), (1, 1));
}

#[test]
fn a_failed_connect_passes_the_turn_on() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::error_at(&gate));
    let mut first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    gate.open();
    assert!(matches!(first.woken_to_end(), Err(GetError::Connect { .. })));
    assert_eq!(second.woken_to_end().unwrap().number, 1);
}

#[test]
fn a_connect_that_panics_passes_the_turn_on() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::panic_at(&gate));
    thread::scope(|scope| {
        let first = scope.spawn(|| panics(|| drop(pool.get())));
        gate.wait_for_arrivals(1);
        let second = scope.spawn(|| pool.get_timeout(FOREVER).unwrap().number);
        wait_until(|| pool.status().waiting == 1);
        gate.open();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (true, 1));
    });
}

#[test]
fn a_connect_whose_caller_gives_up_passes_the_turn_on() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    drop(first);
    assert_eq!(second.woken_to_end().unwrap().number, 1);
}

#[test]
fn each_of_a_crowd_learns_for_itself_that_there_is_no_connecting() {
    let pool = pool::<2>(quiet());
    let gate = Gate::default();
    pool.manager().always(Call::Connect, Outcome::error_at(&gate));
    let mut crowd: Vec<_> = (0..5).map(|_| Job::begun(pool.get_async())).collect();
    gate.open();
    for caller in &mut crowd {
        assert!(matches!(caller.woken_to_end(), Err(GetError::Connect { .. })));
    }
    assert_eq!(pool.manager().calls(Call::Connect), 5);
    assert_at_rest(&pool);
}

#[test]
fn the_error_of_each_caller_is_its_own() {
    let pool = pool::<2>(quiet());
    pool.manager().always(Call::Connect, Outcome::Error);
    let errors = [pool.get(), pool.get()].map(|got| got.err().and_then(GetError::into_manager_error));
    assert_eq!(errors, [Some(Failed(Call::Connect, 1)), Some(Failed(Call::Connect, 2))]);
}

#[test]
fn a_slow_connect_delays_nobody_else() {
    let pool = pool::<2>(quiet());
    drop(pool.get().unwrap());
    let held = pool.get().unwrap();
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut slow = Job::begun(pool.get_async());
    let mut waiter = Job::begun(pool.get_async());
    drop(held);
    assert_eq!(waiter.woken_to_end().unwrap().number, 1);
    drop(pool.try_get().unwrap());
    gate.open();
    assert_eq!(slow.woken_to_end().unwrap().number, 2);
}

#[test]
fn so_many_connect_at_once_and_others_wait() {
    let pool = pool::<3>(quiet().max_connecting(1));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    assert_eq!((pool.status().connecting, pool.status().waiting, pool.status().vacant), (1, 1, 2));
    gate.open();
    let first = first.woken_to_end().unwrap();
    let second = second.woken_to_end().unwrap();
    assert_eq!((first.number, second.number), (1, 2));
}

#[test]
fn who_waits_to_connect_takes_what_comes_back_meanwhile() {
    let pool = pool::<3>(quiet().max_connecting(1));
    let held = pool.get().unwrap();
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    let _stuck = Job::begun(pool.get_async());
    let mut waiting = Job::begun(pool.get_async());
    drop(held);
    assert_eq!(waiting.woken_to_end().unwrap().number, 1);
}

#[test]
fn the_limit_to_connects_holds_for_those_whose_connection_has_died() {
    let pool = pool::<3>(quiet().max_connecting(1).validate_after(ALWAYS));
    drop(take_all(&pool));
    pool.manager().always(Call::Check, Outcome::Error);
    let gate = Gate::default();
    pool.manager().always(Call::Connect, Outcome::at(&gate));
    let mut callers: Vec<_> = (0..3).map(|_| Job::begun(pool.get_async())).collect();
    assert_eq!((pool.manager().calls(Call::Connect), pool.status().connecting), (4, 1));
    gate.open();
    let held: Vec<_> = callers.iter_mut().map(|caller| caller.woken_to_end().unwrap()).collect();
    assert_eq!(held.len(), 3);
}
