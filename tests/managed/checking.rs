//! Connections are checked before they are lent: which, when, and what follows.

use std::future::pending;
use std::time::Duration;

use conn_pool::managed::{Clock, Config, ConnGuard, DiscardReason, GetError, Nested, OwnedConnGuard, Pool};

use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, assert_send, millis, owned, pool, quiet, secs, take_all};
use crate::kit::{Call, Failed, Gate, Job, Outcome, Script, panics, watched};

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

/// Whatever the limits of the pool are, a caller whose connection is silent has time for another one.
#[test]
fn a_check_leaves_its_caller_half_of_the_time() {
    for (limit, timeout, given) in [
        (Some(secs(5)), secs(2), secs(1)),
        (None, secs(60), secs(30)),
        (Some(secs(5)), secs(60), secs(5)),
        (Some(secs(5)), millis(400), millis(250)),
    ] {
        let pool = pool::<1>(quiet().validation_timeout(limit).validate_after(ALWAYS));
        drop(pool.get().unwrap());
        pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
        let mut caller = Job::begun(pool.get_async_timeout(timeout));
        pool.clock().advance(given.saturating_sub(millis(1)));
        assert_eq!(caller.rings(), 0, "{limit:?}, {timeout:?}");
        pool.clock().advance(millis(1));
        assert_eq!(caller.woken_to_end().unwrap().number, 2, "{limit:?}, {timeout:?}");
    }
}

/// A caller in a hurry does not have each connection given up that does not answer at once.
#[test]
fn a_check_may_take_a_quarter_of_a_second_or_all_that_its_caller_has() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
    let mut caller = Job::begun(pool.get_async_timeout(millis(100)));
    pool.clock().advance(millis(99));
    assert_eq!(caller.rings(), 0);
    pool.clock().advance(millis(1));
    let error = caller.woken_to_end().unwrap_err();
    assert_eq!(error.name(), "timeout", "{error}");
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
fn without_marks_idle_time_counts_from_the_last_acquire() {
    let pool = pool::<1>(quiet().validate_after(Some(millis(500))));
    for (held_for, checks) in [(500, 0), (501, 1), (0, 1)] {
        let held = pool.get().unwrap();
        pool.clock().advance(millis(held_for));
        drop(held);
        drop(pool.get().unwrap());
        assert_eq!(pool.manager().calls(Call::Check), checks, "held for {held_for} ms");
    }
}

#[test]
fn idle_time_for_maintenance_does_not_count_from_before_it_saw_the_connection_in_use() {
    let pool = pool::<1>(quiet().validate_after(Some(secs(1))).idle_timeout(Some(secs(8))));
    let held = pool.get().unwrap();
    for _ in 0..2 {
        pool.clock().advance(secs(8));
        assert_eq!(pool.loans().next().unwrap().held_for, Some(pool.clock().now()));
        pool.maintain(pool.clock().now());
    }
    drop(held);
    for (idle, discards) in [(0, 0), (7, 0), (1, 1)] {
        pool.clock().advance(secs(idle));
        pool.maintain(pool.clock().now());
        assert_eq!(pool.manager().discards(DiscardReason::Idle), discards);
    }
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
fn a_dirty_connection_is_checked_before_it_is_lent_again() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    assert!(pool.try_get_idle().is_none());
    drop(pool.get().unwrap());
    drop(pool.get().unwrap());
    assert_eq!((pool.manager().calls(Call::Check), pool.manager().calls(Call::Connect)), (1, 1));
}

#[test]
fn what_fails_its_check_is_replaced_for_the_same_caller() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::Error);
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Invalid), 1);
    assert!(pool.manager().events().contains(&"check failed: Check 1 failed".into()));
}

#[test]
fn a_caller_without_time_leaves_what_is_to_be_checked() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.manager().calls(Call::Check), pool.metrics().pool.timed_out), (0, 1));
    assert_at_rest(&pool);
    assert_eq!(pool.get().unwrap().number, 1);
}

#[test]
fn a_thread_without_time_for_a_check_is_told_so() {
    let pool = pool::<1>(Config::new().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    let answer = watched("no time", move || pool.get_timeout(Duration::ZERO).map(drop));
    assert!(matches!(answer, Err(GetError::Timeout(_))), "{answer:?}");
}

#[test]
fn without_time_for_a_check_a_caller_times_out_and_the_connection_stays() {
    let pool = Pool::<_, 1>::new(Script::default(), Config::new().validate_after(ALWAYS)).unwrap();
    drop(pool.get().unwrap());
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!((pool.status().idle, pool.metrics().pool.timed_out), (1, 1));
    assert_eq!(pool.metrics().discarded_in_all(), 0);
}

#[test]
fn whoever_gives_up_while_a_connection_is_checked_passes_the_turn_on() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
    let first = Job::begun(pool.get_async());
    let mut second = Job::begun(pool.get_async());
    drop(first);
    assert_eq!(second.woken_to_end().unwrap().number, 2);
}

/// Its turn had come: those who came later are served after it.
#[test]
fn a_caller_whose_connection_was_unfit_keeps_its_place() {
    let pool = pool::<2>(quiet().max_connecting(1).validate_after(ALWAYS));
    let held = [pool.get().unwrap(), pool.get().unwrap()];
    let mut early = Job::begun(pool.get_async());
    let mut late = Job::begun(pool.get_async());
    let [first, second] = held;
    let gate = Gate::default();
    pool.manager().then(Call::Broken, Outcome::Error).then(Call::Connect, Outcome::at(&gate));
    drop(first);
    early.wait_on();
    pool.manager().then(Call::Check, Outcome::Error);
    drop(second);
    late.wait_on();
    let mut last = Job::begun(pool.get_async());
    gate.open();
    let early = early.woken_to_end().unwrap();
    let late = late.woken_to_end().unwrap();
    last.wait_on();
    drop(early);
    drop(last.woken_to_end().unwrap());
    drop(late);
}

#[test]
fn of_callers_whose_connections_were_unfit_the_first_to_come_is_the_first_to_be_served() {
    let pool = pool::<3>(quiet().max_connecting(1).validate_after(ALWAYS));
    let (first, second) = (pool.get().unwrap(), pool.get().unwrap());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let connecting = Job::begun(pool.get_async());
    let mut early = Job::begun(pool.get_async());
    let mut late = Job::begun(pool.get_async());
    drop((first, second));
    pool.manager().then(Call::Check, Outcome::Error).then(Call::Check, Outcome::Error);
    // Each waits again, since no more connects may run.
    late.wait_on();
    early.wait_on();
    drop(connecting);
    let served = early.woken_to_end().unwrap();
    drop(late.woken_to_end().unwrap());
    drop(served);
    assert_at_rest(&pool);
}

#[test]
fn a_connection_that_is_checked_is_borrowed_once() {
    let pool = pool::<1>(quiet().nested(Nested::Allow));
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    let checked = pool.get().unwrap();
    assert_eq!((pool.manager().calls(Call::Check), ConnGuard::uses(&checked)), (1, 2));
    assert_eq!(pool.metrics().pool.acquired, 2);
}

#[test]
fn who_finds_a_connection_unfit_makes_no_other_while_too_many_are_out() {
    let (pool, gate) = (pool::<2>(Config::new().validate_after(ALWAYS)), Gate::default());
    pool.manager().then(Call::Check, Outcome::error_at(&gate));
    let held = pool.try_get().unwrap();
    drop(pool.try_get().unwrap());
    let mut task = Job::begun(pool.get_async());
    pool.resize(1).unwrap();
    gate.open();
    // With the one that is still held there are as many as may be.
    assert!(task.poll().is_pending(), "another was made");
    drop(held);
    assert_eq!((task.end().unwrap().number, pool.manager().calls(Call::Connect)), (1, 2));
}

/// Each way to acquire: `get` of a thread, `try_get`, `get_async`.
type Way = fn(&SimPool<3>) -> Result<usize, GetError<Failed>>;
const WAYS: [(&str, Way); 3] = [
    ("get", |pool| pool.get().map(|connection| connection.number)),
    ("try_get", |pool| pool.try_get().map(|connection| connection.number)),
    ("get_async", |pool| Job::new(pool.get_async()).end().map(|connection| connection.number)),
];

/// A server that refuses more connections has those that there are.
#[test]
fn the_next_idle_connection_is_tried_before_another_is_made() {
    for (name, way) in WAYS {
        for unfit in 1..=2 {
            let pool = pool::<3>(quiet().validate_after(ALWAYS));
            drop(take_all(&pool));
            pool.manager().always(Call::Connect, Outcome::Error);
            for _ in 0..unfit {
                pool.manager().then(Call::Check, Outcome::Error);
            }
            assert_eq!(way(&pool), Ok(unfit + 1), "{name}");
            assert_eq!(pool.manager().calls(Call::Connect), 3, "{name} has connected beside idle connections");
        }
    }
}

#[test]
fn a_connection_that_is_too_old_is_not_replaced_beside_an_idle_one() {
    for (name, way) in WAYS {
        let pool = pool::<3>(quiet().max_lifetime(Some(secs(60))).lifetime_jitter_percent(0));
        let old = pool.get().unwrap();
        pool.clock().advance(secs(40));
        drop((pool.get().unwrap(), old));
        pool.clock().advance(secs(30));
        pool.manager().always(Call::Connect, Outcome::Error);
        assert_eq!(way(&pool), Ok(2), "{name}");
    }
}

/// If all are unfit the caller connects, and is told what came of that.
#[test]
fn a_caller_connects_when_the_last_idle_connection_was_unfit() {
    for (name, way) in WAYS {
        let pool = pool::<3>(quiet().validate_after(ALWAYS));
        drop(take_all(&pool));
        pool.manager().always(Call::Check, Outcome::Error);
        assert_eq!(way(&pool), Ok(4), "{name}");
        assert_eq!(pool.status().vacant, 2, "{name}");
        pool.manager().always(Call::Connect, Outcome::Error);
        assert_eq!(way(&pool).unwrap_err().name(), "connect", "{name}");
    }
}

#[test]
fn a_caller_whose_connect_fails_gets_what_came_back_meanwhile() {
    let pool = pool::<2>(quiet());
    let (held, gate) = (pool.get().unwrap(), Gate::default());
    pool.manager().then(Call::Connect, Outcome::error_at(&gate));
    let mut caller = Job::begun(pool.get_async());
    drop(held);
    gate.open();
    assert_eq!(caller.end().unwrap().number, 1);
    assert_at_rest(&pool);
}

/// On the fast path, and where each acquire reads the clock.
#[test]
fn a_connection_that_is_known_to_be_closed_is_not_lent() {
    for config in [quiet().nested(Nested::Allow), quiet().max_lifetime(Some(secs(60)))] {
        for (name, way) in WAYS {
            let pool = pool::<3>(config);
            drop(take_all(&pool));
            pool.manager().then(Call::Closed, Outcome::Error);
            assert_eq!(way(&pool), Ok(2), "{name}");
            assert_eq!((pool.manager().discards(DiscardReason::Broken), pool.manager().calls(Call::Connect)), (1, 3));
            assert_eq!(pool.metrics().discarded_for(DiscardReason::Broken), 1);
            pool.manager().always(Call::Closed, Outcome::Error);
            assert_eq!(way(&pool), Ok(4), "{name}: all were closed");
        }
    }
}

#[test]
fn a_manager_that_panics_when_asked_loses_no_connection() {
    for config in [quiet().nested(Nested::Allow), quiet().max_lifetime(Some(secs(60)))] {
        for (name, way) in WAYS {
            let pool = pool::<3>(config);
            drop(take_all(&pool));
            pool.manager().then(Call::Closed, Outcome::Panic);
            assert!(panics(|| _ = way(&pool)), "{name}");
            assert_at_rest(&pool);
            assert_eq!((take_all(&pool).len(), pool.manager().calls(Call::Check)), (3, 1), "{name}");
        }
    }
}

#[test]
fn among_idle_connections_those_that_can_be_used_are_found() {
    for config in [quiet().nested(Nested::Allow), quiet().max_lifetime(Some(secs(60))).lifetime_jitter_percent(0)] {
        let pool = pool::<3>(config);
        drop(take_all(&pool));
        pool.manager().then(Call::Closed, Outcome::Error);
        assert_eq!(pool.try_get_idle().unwrap().number, 2);
        pool.manager().always(Call::Closed, Outcome::Error);
        assert!(pool.try_get_idle().is_none());
        assert_eq!((pool.manager().discards(DiscardReason::Broken), pool.status().idle), (3, 0));
    }
}

/// A handler's timeout drops the future in the midst of a query.
#[test]
fn a_request_that_is_cut_has_its_connection_checked() {
    let pool = pool::<1>(quiet());
    let mut request = Job::begun(async {
        let mut held = pool.get_async().await.unwrap();
        ConnGuard::scope(&mut held, async |_| pending::<()>().await).await;
    });
    request.wait_on();
    drop(request);
    assert!(pool.try_get_idle().is_none());
    drop(pool.get().unwrap());
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), 1);
}

#[test]
fn a_request_that_has_ended_costs_no_check() {
    let pool = pool::<1>(quiet());
    let mut held = pool.get().unwrap();
    let request = ConnGuard::scope(&mut held, async |connection| connection.number);
    assert_send(&request);
    assert_eq!(Job::new(request).end(), 1);
    drop(held);
    drop(pool.get().unwrap());
    let mut held = owned(pool.get().unwrap(), &pool);
    assert_eq!(Job::new(OwnedConnGuard::scope(&mut held, async |connection| connection.number)).end(), 1);
    drop(held);
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), 0);
}

#[test]
fn a_connection_that_is_in_doubt_is_checked_whatever_ends_well_after_that() {
    let pool = pool::<1>(quiet());
    let mut held = pool.get().unwrap();
    ConnGuard::require_check(&held);
    Job::new(ConnGuard::scope(&mut held, async |_| ())).end();
    drop(held);
    pool.manager().then(Call::Check, Outcome::Error);
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Invalid), 1);
}

/// Its connect has shown that it works, also if a pass of maintenance has come between the grant and the caller's look.
#[test]
fn a_connection_that_was_just_made_for_a_caller_is_not_checked() {
    let pool = pool::<2>(quiet().validate_after(Some(millis(500))));
    let mut upkeep = Job::begun(pool.run_maintenance());
    let mut caller = Job::begun(pool.get_async());
    for _ in 0..2 {
        upkeep.wait_on();
        pool.clock().advance(millis(200));
    }
    drop(caller.woken_to_end().unwrap());
    assert_eq!((pool.manager().calls(Call::Connect), pool.manager().calls(Call::Check)), (1, 0));
}

/// No caller has had it.
#[test]
fn a_connection_that_is_not_lent_is_not_counted_as_acquired() {
    let pool = pool::<1>(quiet().validate_after(ALWAYS));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::Error);
    drop(pool.get().unwrap());
    assert_eq!((pool.metrics().pool.acquired, pool.metrics().pool.reused), (2, 0));
    pool.manager().then(Call::Check, Outcome::Error).then(Call::Connect, Outcome::Error);
    pool.get().unwrap_err();
    assert_eq!(pool.metrics().pool.acquired, 2);
    drop(pool.get().unwrap());
    pool.manager().then(Call::Closed, Outcome::Error);
    drop(pool.get().unwrap());
    assert_eq!((pool.metrics().pool.acquired, pool.manager().calls(Call::Connect)), (4, 5));
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert_eq!(pool.metrics().pool.acquired, 4);
}
