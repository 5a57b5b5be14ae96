//! A connection's way through the pool: lent, given back, reset, parted with; and what a guard is good for.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use conn_pool::VacancyError;
use conn_pool::managed::{Config, ConnGuard, DiscardReason, Nested, OwnedConnGuard, Pool, Reuse, from_async_fn};

use crate::kit::managed::{
    ALWAYS, assert_at_rest, full, get_async_owned, maintain, millis, owned, pool, quiet, secs, take_all, two_out,
};
use crate::kit::{Call, FOREVER, Job, Outcome, panics};

#[test]
fn a_connection_is_made_when_it_is_wanted_and_used_again() {
    let pool = pool::<2>(quiet());
    for _ in 0..3 {
        assert_eq!(pool.get().unwrap().number, 1);
        assert_eq!(Job::new(pool.get_async()).end().unwrap().number, 1);
        assert_eq!(pool.try_get().unwrap().number, 1);
        assert_eq!(pool.try_get_idle().unwrap().number, 1);
    }
    assert_eq!((pool.manager().calls(Call::Connect), pool.manager().calls(Call::Reset)), (1, 12));
    assert_at_rest(&pool);
}

#[test]
fn a_connection_that_comes_back_is_looked_at_then_reset() {
    let pool = pool::<1>(quiet());
    let script = pool.manager().clone();
    pool.manager().then(Call::Broken, Outcome::after(move || assert_eq!(script.calls(Call::Reset), 0)));
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Reset), 1);
}

#[test]
fn a_connection_that_cannot_be_reset_is_discarded() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Reset, Outcome::Error);
    drop(pool.get().unwrap());
    assert_eq!(
        (pool.manager().discards(DiscardReason::ResetFailed), pool.metrics().discarded_for(DiscardReason::ResetFailed)),
        (1, 1)
    );
    assert_eq!(pool.manager().events(), ["connected", "reset failed: Reset 1 failed"]);
    assert_at_rest(&pool);
}

/// No function of the manager's is called under a lock: each may call the pool.
#[test]
fn the_manager_may_use_the_pool_in_any_call() {
    for call in [Call::Connect, Call::Check, Call::Broken, Call::Reset, Call::Dirty, Call::Discard] {
        let pool = pool::<2>(quiet().validate_after(ALWAYS).on_panic(conn_pool::managed::OnPanic::Reset));
        drop(pool.get().unwrap());
        let own = Arc::downgrade(&pool);
        let meddle = move || {
            let pool = own.upgrade().unwrap();
            drop(pool.try_get());
            pool.evict_all();
            pool.resize(2).unwrap();
            maintain(&pool);
            _ = pool.retain(|_| true);
        };
        pool.manager().then(Call::Check, if call == Call::Check { Outcome::Ok } else { Outcome::Error });
        pool.manager().then(call, Outcome::after(meddle));
        drop(pool.get().unwrap());
        drop(pool.get().unwrap());
        assert_at_rest(&pool);
    }
}

#[test]
fn what_is_idle_and_fit_is_lent_without_a_word_to_the_manager() {
    let pool = pool::<1>(quiet().validate_after(Some(millis(500))));
    assert!(pool.try_get_idle().is_none());
    drop(pool.get().unwrap());
    drop(pool.try_get_idle().unwrap());
    pool.clock().advance(millis(501));
    assert!(pool.try_get_idle().is_none());
    assert_eq!((pool.manager().calls(Call::Connect), pool.manager().calls(Call::Check)), (1, 0));
    assert_at_rest(&pool);
}

#[test]
fn a_caller_that_looks_for_an_idle_one_does_not_pass_the_queue() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    let mut waiter = Job::begun(pool.get_async());
    drop(held);
    assert!(pool.try_get_idle().is_none());
    drop(waiter.woken_to_end().unwrap());
}

#[test]
fn an_idle_connection_is_found_wherever_it_is() {
    let pool = pool::<16>(quiet().nested(Nested::Allow));
    let mut held: Vec<_> = (0..16).map(|_| pool.get().unwrap()).collect();
    let last = held.pop().unwrap().number;
    assert_eq!(pool.try_get_idle().map(|idle| idle.number), Some(last));
}

#[test]
fn a_look_for_an_idle_connection_that_finds_none_fit_is_no_borrowing() {
    let pool = pool::<1>(quiet());
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    assert!(pool.try_get_idle().is_none());
    assert_eq!(pool.metrics().pool.acquired, 1);
}

#[test]
fn what_is_to_go_when_it_comes_back_is_that_one() {
    let pool = pool::<2>(quiet().nested(Nested::Allow));
    let [first, second] = two_out(&pool);
    pool.evict_all();
    drop(first);
    assert_eq!(pool.manager().discarded(), [1]);
    let _third = pool.get().unwrap();
    drop(second);
    assert_eq!(pool.manager().discarded(), [1, 2]);
}

#[test]
fn what_is_found_out_about_a_connection_is_noted_of_that_one() {
    let pool = pool::<2>(quiet().nested(Nested::Allow));
    let [first, second] = two_out(&pool);
    pool.manager().then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::Error);
    drop(second);
    drop(first);
    let _both = two_out(&pool);
    assert_eq!(pool.manager().discarded(), [2], "the one that is dirty is checked");
}

fn numbers_lent(reuse: Reuse) -> HashSet<usize> {
    let pool = pool::<4>(quiet().reuse(reuse));
    drop(take_all(&pool));
    (0..8).map(|_| pool.get().unwrap().number).collect()
}

#[test]
fn the_lowest_is_lent_again_or_all_in_turn() {
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

#[test]
fn connections_are_lent_in_turn_from_the_first_on() {
    let pool = pool::<3>(Config::new().reuse(Reuse::RoundRobin));
    drop([pool.get().unwrap(), pool.get_timeout(FOREVER).unwrap(), pool.try_get().unwrap()]);
    let numbers = [(); 4].map(|()| pool.get().unwrap().number);
    assert_eq!(numbers, [1, 2, 3, 1]);
}

#[test]
fn an_owned_guard_keeps_its_pool() {
    let pool = pool::<2>(quiet());
    let script = pool.manager().clone();
    let guards = [owned(pool.get().unwrap(), &pool), Job::new(get_async_owned(Arc::clone(&pool))).end().unwrap()];
    assert!(pool.try_get().is_err());
    drop(pool);
    let [first, second] = guards;
    OwnedConnGuard::discard(first);
    assert_eq!((script.discards(DiscardReason::Discarded), script.live()), (1, 1));
    assert_eq!((OwnedConnGuard::uses(&second), second.number), (1, 2));
    drop(second);
    assert_eq!((script.discards(DiscardReason::Closed), script.live(), script.lost()), (1, 0, 0));
}

#[test]
fn a_guard_is_handed_back_for_the_arc_of_another_pool() {
    let pools = [pool::<1>(quiet()), pool::<1>(quiet())];
    let guard = pools[0].get().unwrap();
    let Err(guard) = ConnGuard::into_owned(guard, &pools[1]) else { panic!("it owns a pool that is not its own") };
    assert_eq!((guard.number, pools[0].status().in_use, pools[1].status().in_use), (1, 1, 0));
    assert_eq!(pools.each_ref().map(Arc::strong_count), [1, 1]);
    drop(owned(guard, &pools[0]));
    for pool in &pools {
        assert_at_rest(pool);
        assert_eq!(Arc::strong_count(pool), 1);
    }
    assert_eq!(pools.each_ref().map(|pool| pool.manager().calls(Call::Reset)), [1, 0]);
}

#[test]
fn a_guard_tells_of_its_connection() {
    let pool = pool::<1>(quiet());
    drop(pool.get().unwrap());
    pool.clock().advance(secs(3));
    let guard = pool.get().unwrap();
    assert_eq!((ConnGuard::age(&guard), ConnGuard::uses(&guard)), (secs(3), 2));
    assert_eq!(format!("{guard:?}"), "ConnGuard { slot: 0, connection: Conn 1 }");
    ConnGuard::discard(guard);
    assert_eq!((pool.manager().discards(DiscardReason::Discarded), pool.manager().calls(Call::Reset)), (1, 1));
    assert_eq!(ConnGuard::uses(&pool.get().unwrap()), 1);
}

#[test]
fn a_guard_of_another_slot_than_the_first_tells_of_its_own_connection() {
    let pool = pool::<2>(quiet());
    let _first = pool.get().unwrap();
    drop(pool.get().unwrap());
    pool.clock().advance(secs(3));
    let second = pool.get().unwrap();
    assert_eq!(
        (ConnGuard::uses(&second), format!("{second:?}").as_str()),
        (2, "ConnGuard { slot: 1, connection: Conn 2 }")
    );
}

#[test]
fn a_connection_may_be_written_to_through_its_guard() {
    let pool = pool::<1>(quiet());
    pool.get().unwrap().number = 7;
    assert_eq!(pool.get().unwrap().number, 7);
}

#[test]
fn a_pool_that_goes_parts_with_its_connections() {
    let pool = pool::<3>(quiet());
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    let script = pool.manager().clone();
    script.then(Call::Discard, Outcome::Panic);
    assert!(panics(|| drop(pool)));
    assert_eq!((script.discards(DiscardReason::Closed), script.live(), script.lost()), (2, 0, 0));
}

#[test]
fn a_connection_that_was_made_elsewhere_is_put_in_for_whoever_waits() {
    let connect = || async { Err::<u32, _>(std::io::Error::other("nobody connects")) };
    let pool = Pool::<_, 2>::new(from_async_fn(connect), quiet().max_size(1)).unwrap();
    pool.insert(1).unwrap();
    let refused = pool.insert(2).unwrap_err();
    assert_eq!((refused.connection, refused.reason), (2, VacancyError::Full { max_size: 1 }));
    assert_eq!(*Job::new(pool.get_async()).end().unwrap(), 1);
    pool.resize(2).unwrap();
    pool.suspend();
    let mut waiting = Job::begun(pool.get_async());
    pool.insert(3).unwrap();
    waiting.wait_on();
    pool.resume();
    drop(waiting.woken_to_end().unwrap());
    pool.close();
    assert_eq!(pool.insert(4).unwrap_err().reason, VacancyError::Closed);
}

#[test]
fn all_that_is_idle_is_taken_and_nothing_is_made() {
    let pool = full::<4>();
    let held = pool.get().unwrap();
    let idle: Vec<_> = pool.take_idle().map(|conn| conn.number).collect();
    // Each was released before the next one was taken, and so is the same.
    assert_eq!((idle.len(), held.number), (4, 1));
    let mut kept: Vec<_> = pool.take_idle().collect();
    assert_eq!((kept.len(), pool.take_idle().count(), pool.manager().calls(Call::Connect)), (3, 0, 4));
    kept.sort_by_key(|conn| conn.number);
    assert!(kept.iter().map(|conn| conn.number).eq(2..=4));
}
