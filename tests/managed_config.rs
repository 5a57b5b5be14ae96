//! Every option does what its documentation says, as far as borrowers notice; see `managed_maintenance` for the rest.
#![cfg(feature = "std")]

mod common;
#[path = "common/managed.rs"]
mod kit;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{FOREVER, panics, wait_until};
use conn_pool::Fairness;
use conn_pool::managed::{Config, ConnGuard, DiscardReason, GetError, Nested, OnPanic, Pool, Retry, Reuse};
use kit::{
    Call, Failed, Gate, Job, Outcome, Script, SimClock, SimPool, assert_at_rest, maintain, millis, pool, quiet, secs,
};

type Guard<'a, const N: usize> = ConnGuard<'a, Script, N, SimClock>;

fn take_all<const N: usize>(pool: &SimPool<N>) -> Vec<Guard<'_, N>> {
    std::iter::from_fn(|| pool.try_get().ok()).collect()
}

const fn retry(attempts: u32, pause: Duration) -> Retry {
    Retry { attempts, first_pause: pause, longest_pause: pause }
}

#[test]
fn max_size_is_the_most_that_is_lent() {
    let pool = pool::<4>(quiet().max_size(2));
    let held = take_all(&pool);
    assert_eq!((held.len(), pool.manager().live(), pool.status().max_size), (2, 2, 2));
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn nothing_is_opened_that_nobody_asked_for() {
    let pool = pool::<4>(Config::new());
    maintain(&pool);
    assert_eq!(pool.manager().calls(Call::Connect), 0);
}

#[test]
fn what_contradicts_itself_builds_no_pool() {
    let built = Pool::<_, 2, _>::with_clock(Script::default(), quiet().max_size(3), SimClock::default());
    let error = built.expect_err("three connections do not fit in two slots");
    assert_eq!(error, quiet().max_size(3).check(2).unwrap_err());
    assert!(panics(|| drop(Pool::<_, 2>::const_new(Script::default(), quiet().min_idle(3)))));
}

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

const ALWAYS: Option<Duration> = Some(Duration::ZERO);

#[test]
fn a_thread_tells_the_manager_what_is_left_of_its_own_time() {
    for limit in [None, Some(secs(600))] {
        let pool = pool::<2>(quiet().connect_timeout(limit).validation_timeout(limit).validate_after(ALWAYS));
        drop(pool.get_timeout(secs(60)).unwrap());
        drop(pool.get_timeout(secs(60)).unwrap());
        for call in [Call::Connect, Call::Check] {
            let given = pool.manager().given(call)[0].unwrap();
            assert!(given <= secs(60) && given > secs(30), "{given:?} for {call:?}");
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
fn a_task_ends_a_check_that_takes_too_long_and_connects_anew() {
    let pool = pool::<1>(quiet().validation_timeout(Some(secs(4))).validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
    let mut caller = Job::begun(pool.get_async());
    pool.clock().advance(secs(4));
    assert_eq!(caller.woken_to_end().unwrap().number, 2);
    assert_eq!((pool.manager().discards(DiscardReason::Invalid), pool.metrics().check_failed), (1, 1));
    assert_eq!(pool.manager().events()[1], "check timed out");
}

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
    assert!(matches!(error, GetError::Connect { error: Failed(Call::Connect, 3), .. }), "{error}");
    assert_eq!(pool.metrics().connect_failed, 3);
    assert_at_rest(&pool);
}

#[test]
fn who_does_not_wait_does_not_try_again() {
    let pool = pool::<1>(quiet().retry(retry(9, millis(1))));
    pool.manager().always(Call::Connect, Outcome::Error);
    assert!(matches!(pool.try_get(), Err(GetError::Connect { error: Failed(Call::Connect, 1), .. })));
}

#[test]
fn a_deadline_ends_a_pause_with_the_error_that_led_to_it() {
    let pool = pool::<1>(quiet().retry(retry(9, secs(3600))));
    pool.manager().always(Call::Connect, Outcome::Error);
    let error = pool.get_timeout(millis(300)).unwrap_err();
    assert!(matches!(error, GetError::Connect { error: Failed(Call::Connect, 1), .. }), "{error}");
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

#[test]
fn an_old_connection_is_not_lent_but_replaced() {
    let pool = pool::<1>(quiet().max_lifetime(Some(secs(10))).lifetime_jitter_percent(0));
    drop(pool.get().unwrap());
    pool.clock().advance(millis(9_999));
    assert_eq!(pool.get().unwrap().number, 1);
    pool.clock().advance(millis(1));
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Expired), 1);
}

#[test]
fn a_pool_that_never_rests_renews_its_connections() {
    let pool = pool::<1>(quiet().max_lifetime(Some(secs(10))).lifetime_jitter_percent(0));
    for _ in 0..35 {
        let held = pool.get().unwrap();
        pool.clock().advance(secs(1));
        drop(held);
    }
    assert_eq!(pool.manager().calls(Call::Connect), 4);
}

#[test]
fn connections_made_together_do_not_end_together() {
    let pool = pool::<64>(quiet().max_lifetime(Some(secs(100))));
    drop(take_all(&pool));
    let gone_after = |past: u64, now: u64| {
        pool.clock().advance(secs(now - past));
        maintain(&pool);
        pool.manager().discards(DiscardReason::Expired)
    };
    assert_eq!(gone_after(0, 74), 0);
    let half = gone_after(74, 88);
    assert!((10..54).contains(&half), "{half}");
    assert_eq!(gone_after(88, 100), 64);
}

#[test]
fn what_was_idle_for_long_is_checked_before_it_is_lent() {
    let pool = pool::<1>(quiet().validate_after(Some(millis(500))));
    drop(pool.get().unwrap());
    for (idle, checks) in [(500, 0), (501, 1), (100, 1), (500, 1), (900, 2)] {
        pool.clock().advance(millis(idle));
        drop(pool.get().unwrap());
        assert_eq!(pool.manager().calls(Call::Check), checks, "after {idle} ms");
    }
}

#[test]
fn the_time_that_a_connection_is_in_use_is_not_idle_time() {
    let pool = pool::<1>(quiet().validate_after(Some(millis(500))));
    let held = pool.get().unwrap();
    pool.clock().advance(secs(60));
    drop(held);
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), 0);
}

#[test]
fn with_no_time_each_is_checked_and_with_none_nothing_is() {
    for (after, checks) in [(ALWAYS, 3), (None, 0)] {
        let pool = pool::<1>(quiet().validate_after(after));
        for _ in 0..4 {
            drop(pool.get().unwrap());
            pool.clock().advance(secs(0));
        }
        assert_eq!(pool.manager().calls(Call::Check), checks);
    }
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

#[test]
fn who_comes_when_the_line_is_full_is_refused() {
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
fn a_pool_without_a_line_serves_whom_it_can() {
    let pool = pool::<1>(quiet().max_waiting(0));
    let held = pool.get().unwrap();
    assert!(matches!(Job::new(pool.get_async()).end(), Err(GetError::QueueFull(_))));
    drop(held);
    assert_eq!(pool.get().unwrap().number, 1);
}

/// Its turn had come already: it is not one of those who would make the line longer than callers' patience.
#[test]
fn who_comes_back_to_a_full_line_is_not_refused() {
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

fn numbers_lent(reuse: Reuse) -> HashSet<usize> {
    let pool = pool::<4>(quiet().reuse(reuse));
    drop(take_all(&pool));
    (0..8).map(|_| pool.get().unwrap().number).collect()
}

#[test]
fn the_warmest_is_lent_again_or_all_in_turn() {
    assert_eq!(numbers_lent(Reuse::Packed).len(), 1);
    assert_eq!(numbers_lent(Reuse::RoundRobin).len(), 4);
}

#[test]
fn lending_in_turn_loses_nothing_under_load() {
    let pool = pool::<3>(quiet().reuse(Reuse::RoundRobin).nested(Nested::Allow));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| pool.get().unwrap().ping()));
        }
    });
    assert_at_rest(&pool);
}

fn panic_while_holding(pool: &SimPool<1>) {
    assert!(panics(|| {
        let _held = pool.get().unwrap();
        panic!("its holder panics");
    }));
}

#[test]
fn a_connection_held_in_a_panic_may_be_reset_instead() {
    let pool = pool::<1>(quiet().on_panic(OnPanic::Reset));
    panic_while_holding(&pool);
    assert_eq!((pool.manager().calls(Call::Reset), pool.status().idle), (1, 1));
    pool.manager().then(Call::Reset, Outcome::Error);
    panic_while_holding(&pool);
    assert_eq!(pool.manager().discards(DiscardReason::ResetFailed), 1);
    for call in [Call::Broken, Call::Reset, Call::Dirty] {
        pool.manager().then(call, Outcome::Panic);
        panic_while_holding(&pool);
    }
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 3);
    assert_at_rest(&pool);
}

#[test]
fn a_manager_that_panics_while_a_panic_unwinds_costs_no_slot() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Discard, Outcome::Panic);
    panic_while_holding(&pool);
    assert_eq!(pool.manager().calls(Call::Reset), 0);
    assert_at_rest(&pool);
}

#[test]
fn a_thread_that_would_wait_for_itself_is_told_so() {
    let pool = pool::<1>(quiet().nested(Nested::Refuse));
    let (held, line) = (pool.get().unwrap(), line!());
    match pool.get().unwrap_err() {
        GetError::Nested { own, .. } => assert_eq!(own.site.unwrap().line(), line),
        other => panic!("{other}"),
    }
    assert!(matches!(pool.get_timeout(millis(1)), Err(GetError::Timeout(_))));
    thread::scope(|scope| {
        let other = scope.spawn(|| pool.get().unwrap().number);
        wait_until(|| pool.status().waiting == 1);
        drop(held);
        assert_eq!(other.join().unwrap(), 1);
    });
}

#[test]
fn a_thread_may_hold_two_while_there_are_enough() {
    let pool = pool::<2>(quiet().nested(Nested::Refuse));
    let held = [pool.get().unwrap(), pool.get().unwrap()];
    assert!(matches!(pool.get(), Err(GetError::Nested { .. })));
    drop(held);
    drop([pool.get().unwrap(), pool.get().unwrap()]);
}

#[test]
fn a_thread_may_wait_while_it_holds_one_if_that_is_allowed() {
    let pool = pool::<1>(quiet().nested(Nested::Allow));
    let held = pool.get().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(|| pool.status().waiting == 1);
            drop(held);
        });
        assert_eq!(pool.get().unwrap().number, 1);
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
fn the_name_is_in_reports_and_on_the_thread() {
    let pool = pool::<1>(quiet().min_idle(1).name("orders"));
    let thread_name = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&thread_name);
    let note = move || *noted.lock().unwrap() = thread::current().name().map(String::from);
    pool.manager().then(Call::Connect, Outcome::after(note));
    let health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 1);
    drop(health);
    assert_eq!(thread_name.lock().unwrap().as_deref(), Some("conn_pool orders"));
    assert_eq!(pool.report().to_string(), "pool \"orders\": in use: 0 of 1, idle: 1, vacant: 0, waiting: 0");
    assert!(format!("{pool:?}").contains("orders"), "{pool:?}");
}
