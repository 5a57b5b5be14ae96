//! What an operator does to a managed pool: emptying, resizing, suspending, closing.

use std::thread;
use std::time::Duration;

use conn_pool::managed::{DiscardReason, GetError, Nested};

use crate::kit::managed::{assert_at_rest, full, maintain, millis, pool, quiet, secs, take_all, two_out};
use crate::kit::{Call, FOREVER, Gate, Job, Outcome, panics, wait_until};

#[test]
fn retain_shows_the_idle_ones_and_parts_with_those_refused() {
    let pool = full::<4>();
    let held = pool.get().unwrap();
    let mut shown = Vec::new();
    let retained = pool.retain(|conn| {
        shown.push(conn.number);
        conn.number % 2 == 0
    });
    shown.sort_unstable();
    assert_eq!((held.number, shown), (1, vec![2, 3, 4]));
    assert_eq!((retained.kept, retained.discarded, pool.manager().discards(DiscardReason::Evicted)), (2, 1, 1));
    drop(held);
    assert_at_rest(&pool);
}

#[test]
fn a_predicate_may_use_the_pool() {
    let pool = full::<2>();
    let retained = pool.retain(|_| pool.try_get().is_ok() && pool.evict_all() == 1);
    assert_eq!((retained.kept, retained.discarded), (1, 0));
    assert_eq!(pool.get().unwrap().number, 3);
    assert_eq!(pool.manager().discards(DiscardReason::Evicted), 2);
    assert_at_rest(&pool);
}

#[test]
fn what_retain_has_in_hand_goes_to_whoever_came_meanwhile() {
    let pool = full::<1>();
    let mut waiter = None;
    _ = pool.retain(|_| {
        waiter = Some(Job::begun(pool.get_async()));
        true
    });
    assert_eq!(waiter.unwrap().woken_to_end().unwrap().number, 1);
}

#[test]
fn evicting_parts_with_idle_ones_now_and_with_held_ones_when_they_come_back() {
    let pool = full::<3>();
    let held = pool.get().unwrap();
    assert_eq!((pool.evict_all(), pool.manager().discards(DiscardReason::Evicted)), (2, 2));
    held.ping();
    drop(held);
    assert_eq!(pool.manager().discards(DiscardReason::Evicted), 3);
    assert_eq!(pool.get().unwrap().number, 4);
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().live(), 1);
}

#[test]
fn a_connect_that_began_before_an_eviction_is_begun_anew() {
    let pool = pool::<2>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    assert_eq!(pool.evict_all(), 0);
    gate.open();
    assert_eq!(caller.woken_to_end().unwrap().number, 2);
    assert_eq!(pool.manager().discarded(), [1]);
}

#[test]
fn a_connect_of_the_maintenance_that_began_before_an_eviction_is_evicted() {
    let pool = pool::<2>(quiet().min_idle(1));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let now = pool.clock().clone();
    let mut upkeep = Job::begun(pool.maintain_async(conn_pool::managed::Clock::now(&now)));
    pool.evict_all();
    gate.open();
    upkeep.woken_to_end();
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discarded(), [1]);
}

#[test]
fn an_eviction_goes_on_when_the_manager_panics() {
    let pool = full::<3>();
    pool.manager().then(Call::Discard, Outcome::Panic);
    assert!(panics(|| _ = pool.evict_all()));
    assert_eq!(pool.manager().discards(DiscardReason::Evicted), 3);
    assert_at_rest(&pool);
}

#[test]
fn a_suspended_pool_lends_nothing_until_it_is_resumed() {
    let pool = full::<2>();
    let held = pool.get().unwrap();
    pool.suspend();
    assert!(pool.status().suspended);
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)) && pool.try_get_idle().is_none());
    assert!(matches!(pool.get_timeout(millis(5)), Err(GetError::Timeout(_))));
    let mut callers = [Job::begun(pool.get_async()), Job::begun(pool.get_async())];
    drop(held);
    callers.iter_mut().for_each(Job::wait_on);
    pool.resume();
    let served = callers.each_mut().map(|caller| caller.woken_to_end().unwrap());
    assert_eq!((served.len(), pool.manager().live()), (2, 2));
    drop(served);
    drop(pool.try_get().unwrap());
    assert_at_rest(&pool);
}

#[test]
fn a_suspended_pool_does_not_connect_for_callers() {
    let pool = pool::<2>(quiet());
    pool.suspend();
    let mut caller = Job::begun(pool.get_async());
    assert_eq!(pool.manager().calls(Call::Connect), 0);
    pool.resume();
    assert_eq!(caller.woken_to_end().unwrap().number, 1);
}

#[test]
fn a_connect_that_ends_during_a_suspension_is_its_callers() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    pool.suspend();
    gate.open();
    assert_eq!(caller.woken_to_end().unwrap().number, 1);
}

#[test]
fn a_suspended_pool_may_be_emptied_and_closed() {
    let pool = full::<3>();
    pool.suspend();
    assert_eq!(pool.retain(|conn| conn.number == 1).discarded, 2);
    assert_eq!(pool.evict_all(), 1);
    maintain(&pool);
    let mut caller = Job::begun(pool.get_async());
    pool.close();
    assert!(matches!(caller.woken_to_end(), Err(GetError::Closed(_))));
    pool.drain(Duration::ZERO).unwrap();
}

#[test]
fn shrinking_parts_with_idle_ones_now_and_with_held_ones_when_they_come_back() {
    let pool = full::<4>();
    let held = [pool.get().unwrap(), pool.get().unwrap(), pool.get().unwrap()];
    pool.resize(1).unwrap();
    assert_eq!(pool.manager().discards(DiscardReason::Surplus), 1);
    let mut waiter = Job::begun(pool.get_async());
    let [first, second, third] = held;
    drop([first, second]);
    waiter.wait_on();
    assert_eq!(pool.manager().discards(DiscardReason::Surplus), 3);
    drop(third);
    drop(waiter.woken_to_end().unwrap());
    assert_at_rest(&pool);
}

#[test]
fn growing_serves_those_who_wait() {
    let pool = pool::<4>(quiet().max_size(1));
    let held = pool.get().unwrap();
    let mut waiters: Vec<_> = (0..3).map(|_| Job::begun(pool.get_async())).collect();
    pool.manager().allow(3);
    pool.resize(3).unwrap();
    let served: Vec<_> = waiters[..2].iter_mut().map(|waiter| waiter.woken_to_end().unwrap()).collect();
    waiters[2].wait_on();
    drop(held);
    drop(waiters[2].woken_to_end().unwrap());
    drop(served);
    drop(waiters);
    assert_at_rest(&pool);
}

#[test]
fn a_resize_beyond_the_slots_changes_nothing() {
    let pool = full::<2>();
    let error = pool.resize(3).unwrap_err();
    assert_eq!((error.requested, error.capacity, pool.status().max_size), (3, 2, 2));
}

#[test]
fn a_pool_may_be_shrunk_to_nothing_and_grow_again() {
    let pool = full::<2>();
    pool.resize(0).unwrap();
    assert_eq!((pool.manager().live(), pool.status().max_size), (0, 0));
    let mut waiter = Job::begun(pool.get_async());
    pool.resize(2).unwrap();
    assert_eq!(waiter.woken_to_end().unwrap().number, 3);
}

/// More are out than may be: the one that is being made is one too many when it is there.
#[test]
fn a_connect_that_ends_after_a_shrink_does_not_stay() {
    let pool = pool::<2>(quiet());
    let held = pool.get().unwrap();
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    pool.resize(1).unwrap();
    gate.open();
    let second = caller.woken_to_end().unwrap();
    drop(held);
    assert_eq!(pool.manager().discards(DiscardReason::Surplus), 1);
    drop(second);
    assert_at_rest(&pool);
}

#[test]
fn the_floor_gives_way_to_the_size() {
    let pool = pool::<4>(quiet().min_idle(3));
    maintain(&pool);
    pool.resize(2).unwrap();
    maintain(&pool);
    assert_eq!((pool.status().idle, pool.manager().live()), (2, 2));
    pool.resize(4).unwrap();
    maintain(&pool);
    assert_eq!(pool.status().idle, 3);
}

#[test]
fn closing_sends_all_away_and_parts_with_idle_connections() {
    let pool = full::<2>();
    let held = take_all(&pool);
    let mut task = Job::begun(pool.get_async());
    thread::scope(|scope| {
        let thread = scope.spawn(|| pool.get_timeout(FOREVER).map(drop));
        wait_until(|| pool.status().waiting == 2);
        pool.close();
        assert!(matches!(thread.join().unwrap(), Err(GetError::Closed(_))));
    });
    assert!(matches!(task.woken_to_end(), Err(GetError::Closed(_))));
    assert!(matches!(pool.try_get(), Err(GetError::Closed(_))) && pool.is_closed());
    drop(held);
    assert_eq!((pool.manager().discards(DiscardReason::Closed), pool.manager().live()), (2, 0));
    pool.close();
}

#[test]
fn closing_goes_on_when_the_manager_panics() {
    let pool = full::<3>();
    pool.manager().then(Call::Discard, Outcome::Panic);
    assert!(panics(|| pool.close()));
    assert_eq!((pool.manager().discards(DiscardReason::Closed), pool.manager().lost()), (3, 0));
}

#[test]
fn a_connect_that_ends_after_the_close_is_not_lent() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    pool.close();
    gate.open();
    assert!(matches!(caller.woken_to_end(), Err(GetError::Closed(_))));
    assert_eq!((pool.manager().discards(DiscardReason::Closed), pool.manager().live()), (1, 0));
}

#[test]
fn a_check_that_ends_after_the_close_is_followed_by_the_end() {
    let pool = pool::<1>(quiet().validate_after(Some(Duration::ZERO)));
    drop(pool.get().unwrap());
    let gate = Gate::default();
    pool.manager().then(Call::Check, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    pool.close();
    gate.open();
    drop(caller.woken_to_end());
    assert_eq!(pool.manager().live(), 0);
    pool.drain(Duration::ZERO).unwrap();
}

#[test]
fn a_pause_ends_when_the_pool_is_closed() {
    let retry = conn_pool::managed::Retry { attempts: 9, first_pause: secs(1), longest_pause: secs(1) };
    let pool = pool::<1>(quiet().retry(retry));
    pool.manager().always(Call::Connect, Outcome::Error);
    let mut caller = Job::begun(pool.get_async());
    pool.close();
    assert!(matches!(caller.woken_to_end(), Err(GetError::Closed(_))));
}

#[test]
fn a_drain_waits_for_those_who_hold_and_says_who_they_are() {
    let pool = pool::<3>(quiet().max_lifetime(Some(secs(3600))));
    let (first, line) = (pool.get().unwrap(), line!());
    pool.clock().advance(secs(5));
    let second = pool.get().unwrap();
    let error = pool.drain(millis(5)).unwrap_err();
    let longest = error.report.longest_loan.unwrap();
    assert_eq!((longest.held_for, longest.site.unwrap().line()), (Some(secs(5)), line));
    assert_eq!((error.report.status.in_use, pool.loans().count()), (2, 2));
    let text = error.to_string();
    assert!(
        text.starts_with("the pool is not drained (in use: 2 of 3") && text.contains("longest held for 5s"),
        "{text}"
    );
    thread::scope(|scope| {
        let drainer = scope.spawn(|| pool.drain(FOREVER));
        drop([first, second]);
        drainer.join().unwrap().unwrap();
    });
    assert_eq!((pool.manager().live(), pool.loans().count()), (0, 0));
}

#[test]
fn a_task_may_drain() {
    let pool = full::<2>();
    let held = pool.get().unwrap();
    let mut drain = Job::begun(pool.drain_async());
    assert!(pool.is_closed());
    drop(held);
    drain.woken_to_end();
    assert_eq!(pool.manager().live(), 0);
    Job::new(pool.drain_async()).end();
}

#[test]
fn a_drain_waits_for_a_connect_that_is_under_way() {
    let pool = pool::<1>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let mut caller = Job::begun(pool.get_async());
    let mut drain = Job::begun(pool.drain_async());
    gate.open();
    assert!(caller.woken_to_end().is_err());
    drain.woken_to_end();
}

#[test]
fn idle_connections_of_a_suspended_pool_are_evicted_though_callers_wait() {
    let pool = pool::<2>(quiet());
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    pool.suspend();
    let mut waiting = Job::begun(pool.get_async());
    assert_eq!((pool.evict_all(), pool.status().vacant), (2, 2));
    waiting.wait_on();
    pool.resume();
    assert_eq!(waiting.woken_to_end().unwrap().number, 3);
}

#[test]
fn a_suspended_pool_does_not_replace_what_is_found_unfit() {
    let (pool, gate) = (pool::<1>(quiet().validate_after(Some(secs(0)))), Gate::default());
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::error_at(&gate));
    let mut caller = Job::begun(pool.get_async());
    pool.suspend();
    gate.open();
    caller.wait_on();
    assert_eq!((pool.status().vacant, pool.status().waiting), (1, 1));
    pool.resume();
    assert_eq!(caller.woken_to_end().unwrap().number, 2);
}

#[test]
fn what_a_closed_pool_parts_with_was_not_discarded_by_a_borrower() {
    let pool = pool::<2>(quiet().nested(Nested::Allow));
    let [idle, held] = two_out(&pool);
    drop(idle);
    pool.close();
    drop(held);
    assert_eq!((pool.manager().discards(DiscardReason::Closed), pool.metrics().pool.discarded), (2, 0));
}
