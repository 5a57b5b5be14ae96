//! Connections that grow too old.

use conn_pool::managed::{Config, DiscardReason};

use crate::kit::managed::{ALWAYS, maintain, millis, pool, quiet, secs, take_all};
use crate::kit::{Call, Job};

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
fn a_connection_that_is_too_old_is_not_lent_where_each_is_checked() {
    let config = Config::new().validate_after(ALWAYS).max_lifetime(Some(secs(60))).lifetime_jitter_percent(0);
    let pool = pool::<1>(config);
    drop(pool.get().unwrap());
    pool.clock().advance(secs(60));
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Expired), 1);
}

#[test]
fn a_connection_that_marks_are_trusted_for_is_not_lent_beyond_its_life() {
    let pool = pool::<1>(quiet().max_lifetime(Some(millis(16_000))).lifetime_jitter_percent(0));
    drop(pool.get().unwrap());
    let mut maintenance = Job::begun(pool.run_maintenance());
    for _ in 0..15 {
        drop(pool.try_get_idle());
        pool.clock().advance(millis(999));
        let _pending = maintenance.poll();
        pool.clock().advance(millis(1));
        let _pending = maintenance.poll();
    }
    // The last look was just before the end.
    drop(pool.try_get_idle());
    pool.clock().advance(millis(995));
    let _pending = maintenance.poll();
    pool.clock().advance(millis(5));
    assert!(pool.try_get_idle().is_none());
}
