//! What maintenance does, run by hand or as a future.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use conn_pool::managed::{
    Clock, Config, ConnGuard, DiscardReason, Lifecycle, MaintenanceReport, Manager, Nested, Pool, Retry,
};

use crate::kit::managed::{SimPool, assert_at_rest, get_from, maintain, millis, pool, quiet, retry, secs, two_out};
use crate::kit::{Call, Gate, Job, Outcome, SimClock, panics, waker_that};

/// A pool with so many idle connections.
pub(crate) fn filled<const N: usize>(config: Config, idle: usize) -> Arc<SimPool<N>> {
    let pool = pool::<N>(config);
    drop((0..idle).map(|_| pool.get().unwrap()).collect::<Vec<_>>());
    assert_eq!(pool.status().idle, idle);
    // Without a limit to ages only the maintenance looks at the clock.
    maintain(&pool);
    pool
}

#[test]
fn it_fills_the_pool_up_to_the_floor_and_no_further() {
    let pool = pool::<4>(quiet().min_idle(3));
    assert_eq!((maintain(&pool).connected, pool.status().idle), (3, 3));
    assert_eq!((maintain(&pool).connected, pool.status().idle), (0, 3));
    let _held = [pool.get().unwrap(), pool.get().unwrap()];
    assert_eq!((maintain(&pool).connected, pool.status().idle), (1, 2));
}

#[test]
fn what_is_idle_for_too_long_goes_but_for_the_floor() {
    let pool = filled::<4>(quiet().min_idle(1).idle_timeout(Some(secs(10))), 4);
    pool.clock().advance(millis(9_999));
    assert_eq!(maintain(&pool).discarded, 0);
    pool.clock().advance(millis(1));
    assert_eq!((maintain(&pool).discarded, pool.status().idle), (3, 1));
    assert_eq!((pool.manager().discards(DiscardReason::Idle), pool.manager().calls(Call::Connect)), (3, 4));
    assert_at_rest(&pool);
}

#[test]
fn a_use_begins_the_idle_time_anew() {
    let pool = filled::<2>(quiet().max_lifetime(Some(secs(1000))).idle_timeout(Some(secs(10))), 2);
    pool.clock().advance(secs(6));
    let used = pool.get().unwrap().number;
    pool.clock().advance(secs(6));
    assert_eq!(maintain(&pool).discarded, 1);
    assert_eq!(pool.get().unwrap().number, used);
}

#[test]
fn an_old_connection_of_the_floor_is_replaced_before_it_goes() {
    let pool = filled::<2>(quiet().min_idle(1).max_lifetime(Some(secs(10))).lifetime_jitter_percent(0), 1);
    pool.clock().advance(secs(10));
    let script = pool.manager().clone();
    pool.manager().then(Call::Connect, Outcome::after(move || assert_eq!(script.live(), 1)));
    assert_eq!((maintain(&pool).connected, pool.status().idle), (1, 1));
    assert_eq!((pool.manager().discarded(), pool.manager().most_live()), (vec![1], 2));
}

#[test]
fn an_old_connection_of_a_full_pool_goes_before_its_replacement_comes() {
    let pool = filled::<1>(quiet().min_idle(1).max_lifetime(Some(secs(10))).lifetime_jitter_percent(0), 1);
    pool.clock().advance(secs(10));
    assert_eq!((maintain(&pool).connected, pool.status().idle), (1, 1));
    assert_eq!((pool.manager().discarded(), pool.manager().most_live()), (vec![1], 1));
}

#[test]
fn an_old_connection_stays_until_somebody_asks_if_it_cannot_be_replaced() {
    let pool = filled::<2>(quiet().min_idle(1).max_lifetime(Some(secs(10))).lifetime_jitter_percent(0), 1);
    pool.clock().advance(secs(10));
    pool.manager().then(Call::Connect, Outcome::Error);
    let done = maintain(&pool);
    assert_eq!((done.connect_failed, done.discarded, pool.status().idle), (1, 0, 1));
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Expired), 1);
}

#[test]
fn a_silent_connection_is_checked_once_in_a_while() {
    let pool = filled::<2>(quiet().keepalive(Some(secs(10))), 2);
    for expected in [0, 0, 2, 0, 2] {
        assert_eq!(maintain(&pool).checked, expected);
        pool.clock().advance(secs(5));
    }
    assert_eq!((pool.manager().calls(Call::Check), pool.metrics().checked), (4, 4));
}

#[test]
fn a_connection_that_is_used_need_not_be_kept_alive() {
    let pool = filled::<1>(quiet().max_lifetime(Some(secs(1000))).keepalive(Some(secs(10))), 1);
    for _ in 0..4 {
        pool.clock().advance(secs(6));
        drop(pool.get().unwrap());
        assert_eq!(maintain(&pool).checked, 0);
    }
}

#[test]
fn a_silent_connection_that_has_died_is_discarded() {
    let pool = filled::<2>(quiet().min_idle(1).keepalive(Some(secs(10))), 1);
    pool.clock().advance(secs(10));
    pool.manager().then(Call::Check, Outcome::Error);
    let done = maintain(&pool);
    assert_eq!((done.checked, done.discarded, done.connected), (1, 1, 1));
    assert_eq!((pool.manager().discards(DiscardReason::Invalid), pool.metrics().check_failed), (1, 1));
}

#[test]
fn nobody_waits_for_a_keepalive_who_could_be_served_otherwise() {
    let pool = filled::<2>(quiet().keepalive(Some(secs(10))), 2);
    pool.clock().advance(secs(10));
    let gate = Gate::default();
    pool.manager().then(Call::Check, Outcome::at(&gate));
    let mut upkeep = Job::begun(pool.maintain_async(pool.clock().now()));
    assert_eq!(pool.status().in_use, 1);
    drop(pool.try_get().unwrap());
    gate.open();
    assert_eq!(upkeep.woken_to_end().checked, 1);
    assert_at_rest(&pool);
}

#[test]
fn an_upkeep_that_is_given_up_loses_nothing() {
    let pool = pool::<2>(quiet().min_idle(2).keepalive(Some(secs(10))));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Connect, Outcome::at(&Gate::default()));
    drop(Job::begun(pool.maintain_async(pool.clock().now())));
    assert_at_rest(&pool);
    pool.clock().advance(secs(10));
    pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
    drop(Job::begun(pool.maintain_async(pool.clock().now())));
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 1);
    assert_at_rest(&pool);
    assert_eq!(maintain(&pool).connected, 2);
}

#[test]
fn only_one_is_at_it() {
    let pool = pool::<2>(quiet().min_idle(1));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut first = Job::begun(pool.maintain_async(pool.clock().now()));
    let second = maintain(&pool);
    assert_eq!(second, {
        let mut none = MaintenanceReport::default();
        none.next = second.next;
        none
    });
    gate.open();
    assert_eq!(first.woken_to_end().connected, 1);
}

#[test]
fn a_manager_that_panics_does_not_stop_the_next_upkeep() {
    let pool = pool::<2>(quiet().min_idle(1).keepalive(Some(secs(1))));
    pool.manager().then(Call::Connect, Outcome::Panic);
    assert!(panics(|| _ = maintain(&pool)));
    // After the pause that any failure has.
    pool.clock().advance(secs(1));
    assert_eq!(maintain(&pool).connected, 1);
    pool.clock().advance(secs(1));
    pool.manager().then(Call::Check, Outcome::Panic).then(Call::Discard, Outcome::Panic);
    assert!(panics(|| _ = maintain(&pool)));
    assert_eq!(maintain(&pool).connected, 1);
    assert_at_rest(&pool);
}

#[test]
fn after_a_failure_it_tries_again_after_pauses_that_grow() {
    let growing = Retry { attempts: 0, first_pause: secs(1), longest_pause: secs(4) };
    let pool = pool::<2>(quiet().min_idle(1).retry(growing));
    pool.manager().always(Call::Connect, Outcome::Error);
    for pause in [1000, 2000, 4000, 4000] {
        let done = maintain(&pool);
        assert_eq!(done.connect_failed, 1);
        assert!((pause / 2..=pause).contains(&done.next.as_millis()), "{done:?}");
        pool.clock().advance(done.next.saturating_sub(millis(1)));
        assert_eq!(maintain(&pool).connect_failed, 0);
        pool.clock().advance(millis(1));
    }
    pool.manager().always(Call::Connect, Outcome::Ok);
    pool.clock().advance(secs(4));
    assert_eq!(maintain(&pool).connected, 1);
}

/// It would fail, wake itself, and fail again, as fast as the server refuses.
#[test]
fn a_future_is_not_woken_by_its_own_failure() {
    let pool = pool::<2>(quiet().min_idle(1).retry(retry(0, secs(1))));
    pool.manager().always(Call::Connect, Outcome::Error);
    let mut upkeep = Job::begun(pool.run_maintenance());
    pool.clock().advance(secs(1));
    let rings = upkeep.rings();
    upkeep.wait_on();
    assert_eq!((pool.manager().calls(Call::Connect), upkeep.rings()), (2, rings));
}

#[test]
fn a_pass_ends_even_if_each_connection_that_it_makes_ends_at_once() {
    let pool = pool::<2>(quiet().min_idle(2));
    for _ in 0..50 {
        let seen = Arc::downgrade(&pool);
        let evict = move || _ = seen.upgrade().unwrap().evict_all();
        pool.manager().then(Call::Connect, Outcome::after(evict));
    }
    assert_eq!(maintain(&pool).connected, 2);
}

/// Nothing tells a loop that a connection was used meanwhile, so it looks sixteen times within the smallest limit.
#[test]
fn it_says_when_to_look_again() {
    let next = |config: Config| maintain(&filled::<2>(config, 1)).next;
    assert_eq!(next(quiet()), secs(30));
    assert_eq!(next(quiet().keepalive(Some(secs(8)))), millis(500));
    assert_eq!(next(quiet().idle_timeout(Some(secs(8)))), millis(500));
    assert_eq!(next(quiet().leak_threshold(Some(secs(8)))), millis(500));
    assert_eq!(next(quiet().max_lifetime(Some(secs(8))).lifetime_jitter_percent(0)), millis(500));
    assert_eq!(next(quiet().keepalive(Some(secs(8))).idle_timeout(Some(secs(16)))), millis(500));
    assert_eq!(next(quiet().keepalive(Some(millis(1)))), millis(10));
    assert_eq!(next(quiet().keepalive(Some(secs(3600)))), secs(30));
}

#[test]
fn what_has_gone_on_for_a_while_is_due_the_sooner() {
    let pool = filled::<1>(quiet().idle_timeout(Some(secs(20))).leak_threshold(Some(secs(10))), 1);
    maintain(&pool);
    pool.clock().advance(millis(19_900));
    assert_eq!(maintain(&pool).next, millis(100));
    let _held = pool.get().unwrap();
    maintain(&pool);
    pool.clock().advance(millis(9_950));
    assert_eq!(maintain(&pool).next, millis(50));
}

#[test]
fn what_the_floor_keeps_from_going_is_kept_alive_in_time() {
    let pool = filled::<2>(quiet().min_idle(1).idle_timeout(Some(secs(10))).keepalive(Some(secs(4))), 1);
    pool.clock().advance(secs(12));
    assert_eq!(maintain(&pool).next, millis(250));
    pool.clock().advance(millis(3_900));
    assert_eq!(maintain(&pool).next, millis(100));
}

/// A pool in use all the time, whose borrowers trust the maintenance: so long.
fn pass<const N: usize>(pool: &SimPool<N>, maintenance: &mut Job<'_, ()>, mut time: Duration) {
    while !time.is_zero() {
        drop(pool.try_get_idle());
        maintenance.wait_on();
        let step = time.min(millis(20));
        pool.clock().advance(step);
        maintenance.wait_on();
        time -= step;
    }
}

/// Whether a connection is checked before it is lent that has been idle for `idle`, while the other one was in use. The
/// maintenance has looked last `phase` before that began.
fn is_checked(limit: Duration, phase: Duration, idle: Duration) -> bool {
    let pool = pool::<2>(quiet().validate_after(Some(limit)).nested(Nested::Allow));
    let [other, own] = [pool.get().unwrap(), pool.get().unwrap()];
    drop(other);
    let mut maintenance = Job::begun(pool.run_maintenance());
    pass(&pool, &mut maintenance, limit + phase);
    drop(own);
    pass(&pool, &mut maintenance, idle);
    let _both = [pool.get().unwrap(), pool.get().unwrap()];
    pool.manager().calls(Call::Check) > 0
}

#[test]
fn a_connection_that_marks_are_trusted_for_is_checked_in_time_and_not_long_before() {
    for limit in [millis(400), millis(1000), millis(4000)] {
        for phase in (0..10).map(|tenth| limit / 40 * tenth) {
            assert!(is_checked(limit, phase, limit + millis(1)), "{limit:?} {phase:?}");
            assert!(!is_checked(limit, phase, (limit / 2).saturating_sub(millis(1))), "{limit:?} {phase:?}");
        }
    }
}

#[test]
fn a_connection_that_marks_are_trusted_for_lives_for_most_of_its_time_and_no_longer() {
    for limit in [millis(400), millis(4000), secs(30)] {
        let pool = pool::<1>(quiet().max_lifetime(Some(limit)).lifetime_jitter_percent(0));
        drop(pool.get().unwrap());
        let mut maintenance = Job::begun(pool.run_maintenance());
        pass(&pool, &mut maintenance, (limit / 8 * 7).saturating_sub(millis(1)));
        assert_eq!(pool.try_get_idle().map(|own| own.number), Some(1), "{limit:?}");
        pass(&pool, &mut maintenance, limit / 8 + millis(1));
        assert!(pool.try_get_idle().is_none(), "{limit:?}");
    }
}

#[test]
fn a_leak_is_reported_once_with_the_place_where_it_was_borrowed() {
    let pool = pool::<2>(quiet().leak_threshold(Some(secs(10))));
    let (held, line) = (pool.get().unwrap(), line!());
    maintain(&pool);
    pool.clock().advance(secs(10));
    assert_eq!((maintain(&pool).leaked, maintain(&pool).leaked), (1, 0));
    let event = pool.manager().events().pop().unwrap();
    assert!(event.starts_with("leaked: held for 10s") && event.contains(&format!("{}:{line}:", file!())), "{event}");
    drop(held);
    let _again = pool.get().unwrap();
    maintain(&pool);
    pool.clock().advance(secs(10));
    assert_eq!((maintain(&pool).leaked, pool.metrics().leaked), (1, 2));
}

#[test]
fn a_leak_is_reported_though_the_connection_before_it_in_its_slot_leaked_too() {
    let pool = pool::<1>(quiet().leak_threshold(Some(secs(10))));
    for leaked in 1..=2 {
        let held = pool.get().unwrap();
        maintain(&pool);
        pool.clock().advance(secs(10));
        assert_eq!((maintain(&pool).leaked, pool.metrics().leaked), (1, leaked));
        ConnGuard::discard(held);
    }
}

#[test]
fn a_closed_pool_is_left_alone() {
    let pool = pool::<2>(quiet().min_idle(2));
    pool.close();
    assert_eq!(maintain(&pool).connected, 0);
    assert_eq!(pool.manager().calls(Call::Connect), 0);
}

#[test]
fn the_future_does_its_work_when_it_is_due() {
    let pool = pool::<2>(quiet().min_idle(1).keepalive(Some(secs(10))));
    let mut upkeep = Job::begun(pool.run_maintenance());
    assert_eq!(pool.status().idle, 1);
    for checks in 1..=3 {
        pool.clock().advance(millis(9_999));
        upkeep.wait_on();
        assert_eq!(pool.manager().calls(Call::Check), checks - 1);
        pool.clock().advance(millis(1));
        upkeep.wait_on();
        assert_eq!(pool.manager().calls(Call::Check), checks);
    }
}

#[test]
fn the_future_is_roused_by_a_loss_and_by_a_borrower() {
    let pool = pool::<2>(quiet().min_idle(1));
    let mut upkeep = Job::begun(pool.run_maintenance());
    pool.evict_all();
    let rings = upkeep.rings();
    assert!(rings > 0);
    upkeep.wait_on();
    assert_eq!((pool.status().idle, pool.manager().calls(Call::Connect)), (1, 2));
    let _held = pool.get().unwrap();
    assert!(upkeep.rings() > rings);
    upkeep.wait_on();
    assert_eq!(pool.status().idle, 1);
}

#[test]
fn whoever_is_roused_by_a_loss_finds_the_slot_vacant() {
    let pool = pool::<1>(quiet().min_idle(1));
    // The pool and its clock keep the waker, which must not keep them.
    let (seen, vacant) = (Arc::downgrade(&pool), Arc::new(AtomicUsize::new(usize::MAX)));
    let noted = Arc::clone(&vacant);
    let waker = waker_that(move || noted.store(seen.upgrade().unwrap().status().vacant, Ordering::SeqCst));
    let mut upkeep = Box::pin(pool.run_maintenance());
    assert!(upkeep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    pool.evict_all();
    assert_eq!(vacant.load(Ordering::SeqCst), 1);
}

#[test]
fn the_future_ends_when_the_pool_is_closed() {
    let pool = pool::<2>(quiet().min_idle(1));
    let mut upkeep = Job::begun(pool.run_maintenance());
    pool.close();
    upkeep.woken_to_end();
}

#[test]
fn the_future_ends_when_the_pool_is_closed_in_the_midst_of_its_work() {
    let pool = filled::<2>(quiet().keepalive(Some(secs(10))), 1);
    pool.clock().advance(secs(10));
    let gate = Gate::default();
    pool.manager().then(Call::Check, Outcome::at(&gate));
    let mut upkeep = Job::begun(pool.run_maintenance());
    pool.close();
    gate.open();
    upkeep.woken_to_end();
    assert_eq!((pool.manager().live(), pool.manager().lost()), (0, 0));
}

#[test]
fn what_is_lost_in_the_midst_of_its_work_is_made_up_for_soon() {
    let pool = filled::<2>(quiet().min_idle(2).keepalive(Some(secs(10))), 2);
    pool.clock().advance(secs(10));
    let gate = Gate::default();
    pool.manager().then(Call::Check, Outcome::Ok).then(Call::Check, Outcome::at(&gate));
    let mut upkeep = Job::begun(pool.run_maintenance());
    pool.evict_all();
    gate.open();
    upkeep.wait_on();
    pool.clock().advance(millis(10));
    upkeep.wait_on();
    assert_eq!(pool.status().idle, 2);
}

/// While connections are marked, borrowers need not ask the clock; and what they get is never staler than promised.
#[test]
fn with_the_future_what_was_idle_for_long_is_checked_before_it_is_lent() {
    let pool = filled::<1>(quiet().validate_after(Some(millis(400))), 1);
    let mut upkeep = Job::begun(pool.run_maintenance());
    for (idle, checks) in [(150, 0), (500, 1), (150, 1), (700, 2), (401, 3)] {
        for _ in 0..idle {
            pool.clock().advance(millis(1));
            upkeep.wait_on();
        }
        drop(pool.get().unwrap());
        assert_eq!(pool.manager().calls(Call::Check), checks, "after {idle} ms");
    }
}

/// While one connection is busy all the time, another falls idle at any moment between two looks.
#[test]
fn with_the_future_no_busy_pool_lends_what_was_idle_for_longer_than_may_be() {
    for (phase, idle, is_checked) in
        [(5, 405, true), (55, 405, true), (95, 405, true), (5, 150, false), (95, 150, false)]
    {
        let pool = filled::<2>(quiet().validate_after(Some(millis(400))).nested(Nested::Allow), 2);
        let mut upkeep = Job::begun(pool.run_maintenance());
        let mut pass = |millis_in_all: u64| {
            for _ in 0..millis_in_all / 5 {
                pool.clock().advance(millis(5));
                drop(pool.get().unwrap());
                upkeep.wait_on();
            }
        };
        pass(200);
        let busy = pool.get().unwrap();
        let other = pool.get().unwrap();
        drop(busy);
        pass(200 + phase);
        drop(other);
        pass(idle);
        let before = pool.manager().calls(Call::Check);
        let both = [pool.get().unwrap(), pool.get().unwrap()];
        let checks = pool.manager().calls(Call::Check) - before;
        assert_eq!((checks, both[1].number), (usize::from(is_checked), 2), "{idle} ms after {phase}");
    }
}

/// The whole pool falls idle at any moment between two looks, and maintenance sleeps soon after that.
#[test]
fn with_the_future_no_pool_that_falls_quiet_lends_what_was_idle_for_longer_than_may_be() {
    for phase in (0..20).map(|part| 5 * part) {
        for (idle, is_checked) in [(150, false), (401, true), (450, true), (5_000, true)] {
            let pool = filled::<2>(quiet().validate_after(Some(millis(400))).nested(Nested::Allow), 2);
            let mut upkeep = Job::begun(pool.run_maintenance());
            let mut pass = |is_used: bool| {
                pool.clock().advance(millis(1));
                drop(is_used.then(|| two_out(&pool)));
                upkeep.wait_on();
            };
            (0..200 + phase).for_each(|_| pass(true));
            (0..idle).for_each(|_| pass(false));
            drop(two_out(&pool));
            let checks = pool.manager().calls(Call::Check);
            assert_eq!(checks, if is_checked { 2 } else { 0 }, "{idle} ms after {phase}");
        }
    }
}

#[test]
fn the_future_of_a_pool_that_has_fallen_quiet_is_woken_no_more_when_all_is_marked() {
    let pool = filled::<2>(quiet().validate_after(Some(millis(400))).nested(Nested::Allow), 2);
    let mut upkeep = Job::begun(pool.run_maintenance());
    let mut pass = || {
        let before = upkeep.rings();
        pool.clock().advance(millis(20));
        upkeep.wait_on();
        upkeep.rings() - before
    };
    for _ in 0..20 {
        drop(two_out(&pool));
        pass();
    }
    assert!((0..30).map(|_| pass()).sum::<usize>() > 0, "it makes the last passes");
    assert_eq!((0..500).map(|_| pass()).sum::<usize>(), 0);
}

/// Where connections have to be checked that were idle for long, an acquire looks whether the marks are recent.
#[test]
fn while_the_future_runs_in_time_borrowers_look_at_the_clock_once_if_at_all() {
    let expires = quiet().max_lifetime(Some(secs(4))).nested(Nested::Allow);
    for (config, reads) in [(expires, 0), (expires.validate_after(Some(millis(400))), 1)] {
        let pool = filled::<1>(config, 1);
        let mut upkeep = Job::begun(pool.run_maintenance());
        // It begins when the pool is used, and has this one timed.
        drop(pool.get().unwrap());
        upkeep.wait_on();
        drop(pool.get().unwrap());
        let before = pool.clock().reads();
        for _ in 0..5 {
            drop(pool.get().unwrap());
            drop(pool.try_get_idle().unwrap());
            drop(Job::new(pool.get_async()).end().unwrap());
        }
        assert_eq!(pool.clock().reads() - before, 15 * reads);
        drop(upkeep);
        let before = pool.clock().reads();
        drop(pool.get().unwrap());
        assert!(pool.clock().reads() > before);
    }
}

#[test]
fn with_the_future_a_connection_in_use_expires() {
    let config = quiet().max_lifetime(Some(secs(16))).lifetime_jitter_percent(0);
    let pool = filled::<1>(config, 1);
    let mut upkeep = Job::begun(pool.run_maintenance());
    for _ in 0..16 {
        drop(get_from(&pool, &mut upkeep));
        pool.clock().advance(secs(1));
        upkeep.wait_on();
    }
    let held = get_from(&pool, &mut upkeep);
    assert_eq!(held.number, 2);
    for _ in 0..17 {
        pool.clock().advance(secs(1));
        upkeep.wait_on();
    }
    drop(held);
    assert_eq!((pool.manager().discards(DiscardReason::Expired), pool.status().idle), (2, 0));
}

#[test]
fn without_the_future_borrowers_look_at_the_clock_again() {
    let pool = filled::<1>(quiet().validate_after(Some(millis(400))), 1);
    let mut upkeep = Job::begun(pool.run_maintenance());
    for _ in 0..3 {
        drop(pool.get().unwrap());
        pool.clock().advance(millis(100));
        upkeep.wait_on();
    }
    drop(upkeep);
    let before = pool.manager().calls(Call::Check);
    pool.clock().advance(millis(500));
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), before + 1);
}

#[test]
fn upkeep_needs_no_waker() {
    let pool = pool::<2>(quiet().min_idle(1));
    let mut upkeep = Box::pin(pool.maintain_async(Duration::ZERO));
    assert!(upkeep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_connect_of_the_maintenance_that_panics_is_not_tried_again_at_once() {
    let growing = Retry { attempts: 0, first_pause: secs(1), longest_pause: secs(4) };
    let pool = pool::<2>(quiet().min_idle(1).retry(growing));
    pool.manager().always(Call::Connect, Outcome::Panic);
    assert!(panics(|| _ = maintain(&pool)));
    maintain(&pool);
    assert_eq!(pool.manager().calls(Call::Connect), 1);
}

#[test]
fn maintenance_bears_with_connections_that_come_and_go() {
    /// Takes no time at all, so that the two threads meet often.
    struct Swift;
    impl Lifecycle for Swift {
        type Connection = ();
        type Error = ();
    }
    impl Manager for Swift {
        fn connect(&self, _within: Option<Duration>) -> Result<(), ()> {
            Ok(())
        }
    }
    let config = Config::new().max_lifetime(Some(millis(1))).lifetime_jitter_percent(0);
    let pool = Pool::<_, 1, _>::with_clock(Swift, config, SimClock::default()).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // It finds a connection that is too old, and puts it back.
                drop(pool.try_get_idle());
            }
        });
        let work = || {
            for _ in 0..20_000 {
                drop(pool.get());
                pool.clock().advance(millis(1));
                pool.maintain(pool.clock().now());
            }
        };
        let has_failed = panics(work);
        is_over.store(true, Ordering::Relaxed);
        assert!(!has_failed);
    });
}

/// The first of two is too old by the time that the second is made. At another pace the server would make connections
/// all the time.
#[test]
fn connections_that_end_at_once_are_made_up_for_at_a_measured_pace() {
    let config = quiet().max_lifetime(Some(millis(1))).lifetime_jitter_percent(0).min_idle(2);
    let pool = pool::<4>(config);
    let (clock, seen) = (pool.clock().clone(), Arc::downgrade(&pool));
    let connect = move || {
        assert!(seen.upgrade().unwrap().manager().calls(Call::Connect) < 500, "they are made all the time");
        clock.advance(millis(1));
    };
    pool.manager().always(Call::Connect, Outcome::after(connect));
    let mut upkeep = Job::begun(pool.run_maintenance());
    for _ in 0..100 {
        pool.clock().advance(millis(1));
        upkeep.wait_on();
    }
    let (connects, took) = (pool.manager().calls(Call::Connect), pool.clock().now().as_millis());
    assert!((10..=took / 10 * 7).contains(&(connects as u128)), "{connects} connects in {took} ms");
}
