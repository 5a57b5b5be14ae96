//! Options that are changed while the pool runs, and the limits that hold as a connection is released.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use conn_pool::managed::{Config, ConfigError, DiscardReason, GetError, Nested, Retry, Reuse};

use super::maintaining::filled;
use crate::kit::keeper::{BOTH, Keeper};
use crate::kit::managed::{assert_at_rest, full, maintain, millis, pool, quiet, secs, take_all, two_out};
use crate::kit::{Call, Gate, Job, Outcome, panics};

type Change = fn(Config) -> Config;

#[test]
fn a_connection_is_used_as_often_as_it_may_be() {
    let pool = pool::<1>(quiet().max_uses(3));
    let numbers: Vec<_> = (0..7).map(|_| pool.get().unwrap().number).collect();
    assert_eq!(numbers, [1, 1, 1, 2, 2, 2, 3]);
    assert_eq!(pool.manager().discards(DiscardReason::UsedUp), 2);
    assert_eq!(pool.metrics().discarded_for(DiscardReason::UsedUp), 2);
    assert_at_rest(&pool);
}

#[test]
fn uses_are_counted_however_a_connection_was_acquired() {
    for by in BOTH {
        let pool = pool::<1>(quiet().max_uses(2));
        let mut keeper = Keeper::begin(by, &pool);
        let mut first = Job::begun(pool.get_async());
        let held = keeper.answer(&mut first).unwrap();
        let mut waiting = [(); 2].map(|()| Job::begun(pool.get_async()));
        drop(held);
        assert_eq!(keeper.answer(&mut waiting[0]).unwrap().number, 1, "{by:?}");
        // The second waiter had to wait for another connection.
        assert_eq!(keeper.answer(&mut waiting[1]).unwrap().number, 2, "{by:?}");
        assert_eq!(pool.manager().discards(DiscardReason::UsedUp), 1, "{by:?}");
    }
}

#[test]
fn maintenance_uses_no_connection_up() {
    let pool = filled::<1>(quiet().max_uses(2).keepalive(Some(secs(1))), 1);
    for _ in 0..5 {
        pool.clock().advance(secs(1));
        assert_eq!(maintain(&pool).checked, 1);
    }
    assert_eq!(pool.get().unwrap().number, 1);
    assert_eq!(pool.manager().discards(DiscardReason::UsedUp), 1);
}

#[test]
fn no_more_are_idle_than_may_be() {
    let pool = full::<4>();
    pool.reconfigure(|config| config.max_idle(4)).unwrap();
    let held = take_all(&pool);
    pool.reconfigure(|config| config.max_idle(2)).unwrap();
    drop(held);
    assert_eq!((pool.status().idle, pool.manager().discards(DiscardReason::Excess)), (2, 2));
    assert_at_rest(&pool);
}

#[test]
fn what_is_idle_and_too_much_goes_at_once() {
    let pool = full::<4>();
    pool.reconfigure(|config| config.max_idle(1)).unwrap();
    assert_eq!((pool.status().idle, pool.manager().discards(DiscardReason::Excess)), (1, 3));
}

#[test]
fn a_change_is_carried_out_though_the_manager_panics_meanwhile() {
    let pool = full::<4>();
    pool.manager().then(Call::Discard, Outcome::Panic);
    pool.manager().then(Call::Discard, Outcome::Panic);
    assert!(panics(|| pool.reconfigure(|config| config.max_size(3).max_idle(1)).unwrap()));
    assert_eq!((pool.status().max_size, pool.status().idle), (3, 1));
    let discards = [DiscardReason::Surplus, DiscardReason::Excess].map(|reason| pool.manager().discards(reason));
    assert_eq!(discards, [1, 2]);
}

#[test]
fn none_may_be_idle() {
    let pool = pool::<2>(quiet().max_idle(0));
    let [held, other] = two_out(&pool);
    let mut waiter = Job::begun(pool.get_async());
    drop(held);
    assert_eq!(waiter.woken_to_end().unwrap().number, 1, "it is wanted, and so not too much");
    drop(other);
    assert_eq!((pool.status().idle, pool.status().vacant), (0, 2));
    assert_eq!(pool.manager().discards(DiscardReason::Excess), 2);
}

#[test]
fn what_becomes_idle_without_a_release_is_left_to_maintenance() {
    for by in BOTH {
        let pool = pool::<4>(quiet().max_idle(1));
        let gate = Gate::default();
        pool.manager().always(Call::Connect, Outcome::at(&gate));
        let mut keeper = Keeper::begin(by, &pool);
        let callers = [(); 3].map(|()| Job::begun(pool.get_async()));
        keeper.until(|| pool.manager().calls(Call::Connect) == 3);
        drop(callers);
        gate.open();
        keeper.until(|| pool.manager().discards(DiscardReason::Excess) == 2);
        keeper.until(|| pool.status().idle == 1);
    }
}

#[test]
fn what_is_too_much_goes_before_its_time_also_by_maintenance_that_runs() {
    for by in BOTH {
        let pool = filled::<4>(quiet(), 4);
        let mut keeper = Keeper::begin(by, &pool);
        pool.reconfigure(|config| config.max_idle(1)).unwrap();
        keeper.until(|| pool.manager().discards(DiscardReason::Excess) == 3);
        assert_eq!(pool.status().idle, 1, "{by:?}");
    }
}

/// Each option that can be changed, and what `config` says before and after.
#[test]
fn what_was_changed_can_be_read() {
    let pool = pool::<8>(quiet());
    let change = |config: Config| {
        config
            .max_size(7)
            .wait_timeout(Some(secs(1)))
            .min_idle(2)
            .max_idle(5)
            .connect_timeout(Some(secs(3)))
            .validation_timeout(None)
            .max_lifetime(Some(secs(600)))
            .max_uses(9)
            .idle_timeout(Some(secs(8)))
            .keepalive(Some(millis(10) / 3))
            .leak_threshold(Some(secs(13)))
    };
    let before = pool.config();
    pool.reconfigure(change).unwrap();
    assert_eq!(pool.config(), change(before).keepalive(Some(millis(4))), "in whole milliseconds");
    assert_eq!(pool.status().max_size, 7);
    pool.reconfigure(|config| config.idle_timeout(None).wait_timeout(None).max_idle(usize::MAX)).unwrap();
    let config = pool.config();
    assert_eq!((config.get_idle_timeout(), config.get_wait_timeout(), config.get_max_idle()), (None, None, None));
    pool.resize(3).unwrap();
    assert_eq!(pool.config().get_max_size(), Some(3));
}

#[test]
fn what_a_pool_is_built_of_cannot_be_changed() {
    let pool = pool::<8>(quiet());
    let before = pool.config();
    let changes: [(&str, Change); 15] = [
        ("capacity", |config| config.capacity(8)),
        ("retry", |config| config.retry(Retry { attempts: 17, ..Retry::DEFAULT })),
        ("fail_fast", |config| config.fail_fast(true)),
        ("lifetime_jitter_percent", |config| config.lifetime_jitter_percent(3)),
        ("validate_after", |config| config.validate_after(Some(secs(77)))),
        ("validate_every", |config| config.validate_every(Some(secs(77)))),
        ("max_connecting", |config| config.max_connecting(3)),
        ("max_waiting", |config| config.max_waiting(3)),
        ("reuse", |config| config.reuse(Reuse::RoundRobin)),
        ("on_panic", |config| config.on_panic(conn_pool::managed::OnPanic::Reset)),
        ("nested", |config| config.nested(Nested::Allow)),
        ("clean_on_return", |config| config.clean_on_return(true)),
        ("wait_times", |config| config.wait_times(true)),
        ("fairness", |config| config.fairness(conn_pool::Fairness::Bounded(2))),
        ("name", |config| config.name("another")),
    ];
    for (option, change) in changes {
        let refused = pool.reconfigure(|config| change(config.min_idle(1)));
        assert_eq!(refused, Err(ConfigError::Fixed { option }));
        let text = format!("{option} cannot be changed while a pool runs: set it when the pool is built");
        assert_eq!(refused.unwrap_err().to_string(), text);
    }
    assert_eq!(pool.config(), before);
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_changed() {
    let pool = pool::<8>(quiet().min_idle(2));
    let before = pool.config();
    let refusals: [(Change, &str); 4] = [
        (
            |config| config.max_size(9),
            "max_size is 9 and the pool has room for 8 (its N, or its capacity): max_size can be at most that",
        ),
        (|config| config.max_idle(1), "min_idle is 2 and max_idle is 1: min_idle can be at most max_idle"),
        (
            |config| config.max_lifetime(Some(secs(1))).keepalive(Some(secs(2))),
            "keepalive is 2s and max_lifetime is 1s: no connection gets that old, so it can be at most that (`None` \
             turns it off)",
        ),
        (
            |config| config.max_uses(0),
            "max_uses is 0: it has to be more (`None`, where it can be had, stands for no limit)",
        ),
    ];
    for (change, text) in refusals {
        assert_eq!(pool.reconfigure(change).unwrap_err().to_string(), text);
    }
    assert!(panics(|| _ = pool.reconfigure(|_| panic!("in the midst of it"))));
    assert_eq!(pool.config(), before);
    pool.reconfigure(|config| config.min_idle(1)).unwrap();
}

#[test]
fn a_size_that_is_changed_serves_waiters_and_takes_back_what_is_too_much() {
    let pool = full::<4>();
    pool.reconfigure(|config| config.max_size(1)).unwrap();
    assert_eq!((pool.status().idle, pool.manager().discards(DiscardReason::Surplus)), (1, 3));
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async());
    pool.reconfigure(|config| config.max_size(2)).unwrap();
    drop((waiter.woken_to_end().unwrap(), held));
    assert_at_rest(&pool);
}

#[test]
fn a_size_below_the_floor_does_not_stand_in_the_way_of_other_changes() {
    let pool = pool::<4>(quiet().min_idle(2));
    for size in [1, 0] {
        pool.resize(size).unwrap();
        pool.reconfigure(|config| config.max_uses(7)).unwrap();
        assert_eq!((pool.config().get_max_size(), pool.status().max_size), (Some(size), size));
    }
    let refused = pool.reconfigure(|config| config.max_size(1)).unwrap_err().to_string();
    assert_eq!(refused, "min_idle is 2 and max_size is 1: min_idle can be at most max_size");
}

#[test]
fn a_floor_is_not_raised_above_the_size() {
    let pool = pool::<4>(quiet().max_size(2));
    let raise = || pool.reconfigure(|config| config.min_idle(3)).unwrap_err().to_string();
    assert_eq!(raise(), "min_idle is 3 and max_size is 2: min_idle can be at most max_size");
    pool.resize(0).unwrap();
    assert_eq!(raise(), "min_idle is 3 and max_size is 0: min_idle can be at most max_size");
    pool.resize(3).unwrap();
    pool.reconfigure(|config| config.min_idle(3)).unwrap();
}

#[test]
fn a_life_that_is_cut_short_ends_sooner_for_what_there_is_and_what_is_being_made() {
    let pool = pool::<3>(quiet().lifetime_jitter_percent(0));
    drop(pool.get().unwrap());
    let held = pool.get().unwrap();
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut late = Job::begun(pool.get_async());
    pool.reconfigure(|config| config.max_lifetime(Some(secs(10)))).unwrap();
    gate.open();
    drop((late.woken_to_end().unwrap(), held));
    pool.clock().advance(millis(9_999));
    assert_eq!(maintain(&pool).discarded, 0);
    pool.clock().advance(millis(1));
    assert_eq!((maintain(&pool).discarded, pool.manager().discards(DiscardReason::Expired)), (2, 2));
}

#[test]
fn a_life_that_is_cut_short_is_kept_to_without_maintenance_too() {
    let pool = full::<1>();
    pool.reconfigure(|config| config.max_lifetime(Some(secs(10)))).unwrap();
    pool.clock().advance(secs(10));
    assert_eq!(pool.get().unwrap().number, 2);
    pool.reconfigure(|config| config.max_lifetime(None)).unwrap();
    pool.clock().advance(secs(1000));
    assert_eq!(pool.get().unwrap().number, 2);
}

#[test]
fn uses_before_the_limit_was_set_count() {
    let pool = full::<2>();
    let held = pool.get().unwrap();
    pool.reconfigure(|config| config.max_uses(1)).unwrap();
    drop(held);
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().discards(DiscardReason::UsedUp), 2);
}

#[test]
fn callers_wait_for_as_long_as_they_may_now() {
    let pool = pool::<1>(quiet().nested(Nested::Allow));
    let _held = pool.get().unwrap();
    pool.reconfigure(|config| config.wait_timeout(Some(millis(1)))).unwrap();
    assert!(matches!(pool.get(), Err(GetError::Timeout(_))));
    let mut task = Job::begun(pool.get_async());
    pool.clock().advance(millis(1));
    assert!(matches!(task.woken_to_end(), Err(GetError::Timeout(_))));
}

#[test]
fn the_manager_is_told_of_the_limits_as_they_are_now() {
    let pool = pool::<2>(quiet().connect_timeout(Some(secs(1))));
    pool.reconfigure(|config| config.connect_timeout(Some(secs(7)))).unwrap();
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().given(Call::Connect), [Some(secs(7))]);
}

#[test]
fn maintenance_that_sleeps_fills_up_to_a_floor_that_is_raised() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        let mut keeper = Keeper::begin(by, &pool);
        keeper.until(|| true);
        pool.reconfigure(|config| config.min_idle(3)).unwrap();
        keeper.until(|| pool.status().idle == 3);
    }
}

#[test]
fn what_is_not_changed_stays_as_it_was() {
    let exact = millis(3) / 2;
    let pool = pool::<2>(quiet().wait_timeout(Some(exact)));
    pool.reconfigure(|config| config.min_idle(1)).unwrap();
    assert_eq!(pool.config().get_wait_timeout(), Some(exact));
}

#[test]
fn a_change_that_another_one_has_overtaken_is_made_to_what_that_has_left() {
    let (pool, calls) = (pool::<4>(quiet()), AtomicUsize::new(0));
    pool.reconfigure(|config| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            pool.reconfigure(|config| config.max_idle(2)).unwrap();
        }
        assert_eq!(config.get_max_idle().is_some(), calls.load(Ordering::Relaxed) == 2);
        config.min_idle(config.get_max_idle().unwrap_or(4))
    })
    .unwrap();
    assert_eq!((pool.config().get_min_idle(), calls.load(Ordering::Relaxed)), (2, 2));
}

/// Each adds one, so that a change which is lost shows.
#[test]
fn no_change_is_lost_among_several() {
    let (pool, calls) = (pool::<4>(quiet()), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let add = |config: Config| {
                        calls.fetch_add(1, Ordering::Relaxed);
                        config.max_uses(config.get_max_uses().unwrap_or(1) + 1)
                    };
                    pool.reconfigure(add).unwrap();
                }
            });
        }
    });
    assert_eq!(pool.config().get_max_uses(), Some(201));
    assert!(calls.load(Ordering::Relaxed) >= 200);
}
