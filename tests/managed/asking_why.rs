//! A manager is told why it is to check a connection.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use conn_pool::managed::CheckReason::{self, Dirty, EachTime, IdleForLong, Keepalive, Required, Suspended, Unproven};
use conn_pool::managed::{Config, ConnGuard, DiscardReason, GetError, Nested};

use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, maintain, millis, pool, quiet, secs, two_out};
use crate::kit::{Call, Job, Outcome, panics};

/// A pool of one idle connection.
fn one(config: Config) -> Arc<SimPool<1>> {
    let pool = pool::<1>(config);
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().reasons(), []);
    pool
}

/// Acquires the connection as a thread, and then as a task, after what `before` does to the pool each time.
#[track_caller]
fn assert_told(pool: &SimPool<1>, expected: CheckReason, before: impl Fn()) {
    before();
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().reasons(), [expected], "a thread");
    before();
    // It finds no connection that needs no check, and puts this one back.
    assert!(pool.try_get_idle().is_none());
    drop(Job::new(pool.get_async()).end().unwrap());
    assert_eq!(pool.manager().reasons(), [expected], "a task");
    before();
    drop(pool.try_get().unwrap());
    assert_eq!(pool.manager().reasons(), [expected], "a caller that does not wait");
}

/// With and without the fast path.
fn each(config: Config, work: impl Fn(&SimPool<1>)) {
    for nested in [Nested::Allow, Nested::Refuse] {
        work(&one(config.nested(nested)));
    }
}

#[test]
fn it_was_idle_for_long() {
    each(quiet().validate_after(Some(millis(500))), |pool| {
        assert_told(pool, IdleForLong, || pool.clock().advance(secs(1)));
    });
}

/// Another connection is in use all the time, so maintenance marks.
#[test]
fn it_was_marked_as_idle_for_long() {
    for nested in [Nested::Allow, Nested::Refuse] {
        let pool = pool::<2>(quiet().validate_after(Some(millis(500))).nested(nested));
        drop(two_out(&pool));
        let mut upkeep = Job::begun(pool.run_maintenance());
        for _ in 0..24 {
            drop(pool.get().unwrap());
            pool.clock().advance(millis(20));
            upkeep.wait_on();
        }
        assert_eq!(pool.manager().reasons(), []);
        drop(two_out(&pool));
        assert_eq!(pool.manager().reasons(), [IdleForLong], "by the clock it was idle for 480 ms");
    }
}

#[test]
fn it_was_dirty_when_it_came_back() {
    each(quiet(), |pool| {
        assert_told(pool, Dirty, || {
            pool.manager().then(Call::Dirty, Outcome::Error);
            drop(pool.get().unwrap());
        });
    });
}

#[test]
fn its_caller_has_asked_for_it() {
    each(quiet(), |pool| {
        assert_told(pool, Required, || ConnGuard::require_check(&pool.get().unwrap()));
    });
}

#[test]
fn a_request_on_it_was_cut() {
    each(quiet(), |pool| {
        assert_told(pool, Required, || {
            let mut held = pool.get().unwrap();
            Job::new(ConnGuard::scope(&mut held, async |_| pending::<()>().await)).wait_on();
        });
    });
}

#[test]
fn its_manager_has_panicked_when_it_was_asked() {
    each(quiet(), |pool| {
        assert_told(pool, Required, || {
            pool.manager().then(Call::Closed, Outcome::Panic);
            assert!(panics(|| _ = pool.get()));
        });
    });
}

#[test]
fn it_was_not_shown_to_work_for_long() {
    each(quiet().validate_every(Some(secs(2))), |pool| {
        assert_told(pool, Unproven, || pool.clock().advance(millis(2_001)));
    });
}

/// It is used all the time, so maintenance marks.
#[test]
fn it_was_marked_as_not_shown_to_work_for_long() {
    each(quiet().validate_every(Some(secs(2))), |pool| {
        assert_told(pool, Unproven, || {
            let mut upkeep = Job::begun(pool.run_maintenance());
            for _ in 0..95 {
                drop(pool.try_get_idle());
                pool.clock().advance(millis(20));
                upkeep.wait_on();
            }
        });
    });
}

#[test]
fn the_machine_was_suspended() {
    each(quiet(), |pool| {
        maintain(pool);
        assert_told(pool, Suspended, || {
            pool.clock().suspend(secs(1));
            maintain(pool);
        });
    });
}

#[test]
fn each_is_checked_each_time() {
    each(quiet().validate_after(ALWAYS).validate_every(Some(secs(2))), |pool| {
        assert_told(pool, EachTime, || pool.clock().advance(secs(3)));
    });
}

#[test]
fn it_is_to_be_kept_alive() {
    let pool = one(quiet().keepalive(Some(secs(10))));
    maintain(&pool);
    pool.clock().advance(secs(10));
    assert_eq!((maintain(&pool).checked, pool.manager().reasons()), (1, vec![Keepalive]));
    ConnGuard::require_check(&pool.get().unwrap());
    maintain(&pool);
    pool.clock().advance(secs(10));
    assert_eq!((maintain(&pool).checked, pool.manager().reasons()), (1, vec![Required]));
}

/// What the last use has left behind must not go unsaid, since it may have to be cleaned up.
#[test]
fn of_several_reasons_the_first_is_told() {
    for (config, idle) in [
        (quiet().validate_after(Some(millis(500))), IdleForLong),
        (quiet().validate_after(Some(millis(500))).validate_every(Some(millis(800))), Unproven),
        (quiet().validate_after(ALWAYS).validate_every(Some(millis(800))), EachTime),
    ] {
        each(config, |pool| {
            maintain(pool);
            let is_marked = [false, true];
            for (is_suspended, is_required, is_dirty) in
                is_marked.iter().flat_map(|a| is_marked.iter().flat_map(move |b| is_marked.map(|c| (*a, *b, c))))
            {
                let held = pool.get().unwrap();
                pool.manager().reasons();
                if is_dirty {
                    pool.manager().then(Call::Dirty, Outcome::Error);
                }
                if is_required {
                    ConnGuard::require_check(&held);
                }
                drop(held);
                pool.clock().advance(secs(1));
                if is_suspended {
                    pool.clock().suspend(secs(1));
                }
                maintain(pool);
                drop(pool.get().unwrap());
                let marks = [(is_dirty, Dirty), (is_required, Required), (is_suspended, Suspended), (true, idle)];
                let first = marks.iter().find(|(is_set, _)| *is_set).unwrap().1;
                assert_eq!(pool.manager().reasons(), [first], "{is_suspended} {is_required} {is_dirty}");
            }
        });
    }
}

#[test]
fn it_is_told_once_for_each_check_and_before_it() {
    let pool = one(quiet().validate_after(ALWAYS));
    let script = pool.manager().clone();
    let is_told = move || assert_eq!(script.reasons(), [EachTime]);
    pool.manager().then(Call::Check, Outcome::after(is_told));
    drop(pool.get().unwrap());
    assert_eq!((pool.manager().reasons(), pool.manager().calls(Call::Why)), (vec![], 1));
}

/// There is no check then.
#[test]
fn a_caller_without_time_tells_nothing() {
    let pool = one(quiet().validate_after(ALWAYS));
    assert!(matches!(pool.get_timeout(Duration::ZERO), Err(GetError::Timeout(_))));
    assert!(matches!(Job::new(pool.get_async_timeout(Duration::ZERO)).end(), Err(GetError::Timeout(_))));
    assert_eq!((pool.manager().reasons(), pool.manager().calls(Call::Check)), (vec![], 0));
}

#[test]
fn a_manager_that_panics_when_it_is_told_loses_the_connection_and_no_slot() {
    let pool = one(quiet().validate_after(ALWAYS).keepalive(Some(secs(10))));
    maintain(&pool);
    let ways: [fn(&SimPool<1>); 3] = [
        |pool| _ = pool.get(),
        |pool| _ = Job::new(pool.get_async()).poll(),
        |pool| {
            maintain(pool);
            pool.clock().advance(secs(10));
            maintain(pool);
        },
    ];
    for (way, lost) in ways.iter().zip(1..) {
        pool.manager().then(Call::Why, Outcome::Panic);
        assert!(panics(|| way(&pool)));
        assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), lost);
        assert_at_rest(&pool);
        drop(pool.get().unwrap());
    }
}
