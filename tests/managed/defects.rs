//! What goes wrong in other pools, and not in this one. Each scenario was run against their current releases, and found
//! to fail there: P1 to P12.

use std::sync::Arc;
use std::thread;

use conn_pool::managed::{DiscardReason, GetError, ManagerError};

use crate::kit::managed::{assert_at_rest, get_async_owned, millis, owned, pool, quiet, take_all};
use crate::kit::{Call, FOREVER, Failed, Gate, Job, Outcome, panics, wait_until};

/// P1: r2d2 lets the waiter sleep for its whole timeout, while the pool is empty.
#[test]
fn a_waiter_makes_a_connection_when_what_comes_back_is_broken() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    pool.manager().then(Call::Broken, Outcome::Error);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.get_timeout(FOREVER).unwrap().number);
        wait_until(|| pool.status().waiting == 1);
        drop(held);
        assert_eq!(waiter.join().unwrap(), 2);
    });
    assert_at_rest(&pool);
}

/// P1, for tasks.
#[test]
fn a_task_makes_a_connection_when_what_comes_back_is_broken() {
    let pool = pool::<1>(quiet());
    let held = pool.get().unwrap();
    pool.manager().then(Call::Broken, Outcome::Error);
    let mut waiter = Job::begun(pool.get_async());
    drop(held);
    assert_eq!(waiter.woken_to_end().unwrap().number, 2);
}

/// P2: r2d2 looks at idle connections only, every 30 seconds, and lends this one again.
#[test]
fn a_connection_that_grew_too_old_in_use_is_not_lent_again() {
    let pool = pool::<1>(quiet().max_lifetime(Some(millis(500))));
    let held = pool.get().unwrap();
    pool.clock().advance(millis(1200));
    drop(held);
    assert_eq!(pool.get().unwrap().number, 2);
    assert_eq!(pool.manager().discards(DiscardReason::Expired), 1);
}

/// P3: bb8 serves the caller that comes first, so that one that asks again and again starves all others.
#[test]
fn who_comes_again_at_once_does_not_overtake_a_waiting_task() {
    let pool = pool::<1>(quiet());
    for _ in 0..10 {
        let greedy = pool.get().unwrap();
        let mut modest = Job::begun(pool.get_async());
        drop(greedy);
        assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
        let mut greedy = Job::begun(pool.get_async());
        drop(modest.woken_to_end().unwrap());
        drop(greedy.woken_to_end().unwrap());
    }
}

/// P3, for threads, where r2d2 lets newcomers in first at times.
#[test]
fn who_comes_again_at_once_does_not_overtake_a_waiting_thread() {
    let pool = pool::<1>(quiet());
    let greedy = pool.get().unwrap();
    let gate = Gate::default();
    thread::scope(|scope| {
        let modest = scope.spawn(|| {
            let held = pool.get().unwrap();
            gate.wait_for_arrivals(1);
            held.number
        });
        wait_until(|| pool.status().waiting == 1);
        drop(greedy);
        assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
        gate.arrive();
        assert_eq!(modest.join().unwrap(), 1);
    });
}

/// P4: bb8 counts a connect that has panicked as on its way for ever.
#[test]
fn a_connect_that_panics_costs_no_slot() {
    let pool = pool::<2>(quiet());
    pool.manager().then(Call::Connect, Outcome::Panic).then(Call::Connect, Outcome::Panic);
    assert!(panics(|| drop(pool.get())) && panics(|| drop(pool.get())));
    pool.manager().then(Call::Connect, Outcome::Panic);
    assert!(panics(|| drop(Job::new(pool.get_async()).poll())));
    assert_eq!(take_all(&pool).len(), 2);
    assert_at_rest(&pool);
}

/// P5: bb8 lends a connection whose check was given up half-way to the next caller.
#[test]
fn a_connection_whose_check_was_given_up_is_not_lent_again() {
    let pool = pool::<1>(quiet().validate_after(Some(millis(0))));
    drop(pool.get().unwrap());
    pool.manager().then(Call::Check, Outcome::at(&Gate::default()));
    drop(Job::begun(pool.get_async()));
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 1);
    assert_eq!(pool.get().unwrap().number, 2);
}

/// P6: bb8 tells the caller that time is up, after all of it, and keeps the error to itself.
#[test]
fn a_failed_connect_is_told_to_the_caller_at_once() {
    let pool = pool::<1>(quiet());
    pool.manager().always(Call::Connect, Outcome::Error);
    let error = pool.get_timeout(FOREVER).unwrap_err();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Failed(Call::Connect, 1)), .. }), "{error}");
    let error = Job::new(pool.get_async()).end().unwrap_err();
    assert!(matches!(error, GetError::Connect { error: ManagerError::Own(Failed(Call::Connect, 2)), .. }), "{error}");
}

/// P7: deadpool lends ten.
#[test]
fn a_pool_that_was_shrunk_lends_no_more_than_its_new_size() {
    let pool = pool::<10>(quiet());
    drop([pool.get().unwrap(), pool.try_get().unwrap()]);
    pool.resize(5).unwrap();
    pool.manager().allow(5);
    assert_eq!(take_all(&pool).len(), 5);
    assert_at_rest(&pool);
}

/// P8: deadpool calls the predicate under a lock, which is poisoned from then on.
#[test]
fn a_predicate_that_panics_leaves_the_pool_in_order() {
    let pool = pool::<2>(quiet());
    drop(take_all(&pool));
    assert!(panics(|| _ = pool.retain(|_| panic!("the predicate panics"))));
    assert_eq!(take_all(&pool).len(), 2);
    assert_eq!((pool.manager().live(), pool.manager().discarded().len()), (2, 1));
    assert_at_rest(&pool);
}

/// P9: deadpool drops surplus connections without a word to the manager.
#[test]
fn the_manager_takes_leave_of_what_a_resize_leaves_over() {
    let pool = pool::<4>(quiet());
    drop(take_all(&pool));
    pool.resize(1).unwrap();
    assert_eq!((pool.manager().discards(DiscardReason::Surplus), pool.manager().lost()), (3, 0));
    assert_eq!((pool.status().idle, pool.manager().live()), (1, 1));
}

/// P10: mobc goes on with the size that it was built with.
#[test]
fn a_resize_changes_how_many_are_lent() {
    for size in [2, 8] {
        let pool = pool::<8>(quiet().max_size(4));
        drop(take_all(&pool));
        pool.resize(size).unwrap();
        pool.manager().allow(size);
        assert_eq!(take_all(&pool).len(), size);
    }
}

/// P11: r2d2, bb8 and deadpool lend the connection again, in the middle of whatever its borrower was.
#[test]
fn a_connection_that_was_held_by_one_who_panicked_is_not_lent_again() {
    let pool = pool::<1>(quiet());
    assert!(panics(|| {
        let _held = pool.get().unwrap();
        panic!("its borrower panics");
    }));
    assert_eq!(pool.manager().discards(DiscardReason::Panicked), 1);
    assert_eq!(pool.get().unwrap().number, 2);
}

/// P12: mobc panics where there is no runtime, and bb8 where the pool has to make another connection.
#[test]
fn a_guard_may_be_dropped_where_there_is_no_runtime() {
    let pool = pool::<2>(quiet().min_idle(1));
    for outcome in [Outcome::Ok, Outcome::Error] {
        let held = Job::new(get_async_owned(Arc::clone(&pool))).end().unwrap();
        pool.manager().then(Call::Broken, outcome);
        thread::spawn(move || drop(held)).join().unwrap();
    }
    assert_eq!(pool.manager().discards(DiscardReason::Broken), 1);
    let last = Job::new(get_async_owned(Arc::clone(&pool))).end().unwrap();
    let script = pool.manager().clone();
    drop(pool);
    thread::spawn(move || drop(last)).join().unwrap();
    assert_eq!((script.live(), script.lost(), script.discards(DiscardReason::Closed)), (0, 0, 1));
}

/// P12, with a waiter who is to be woken from there.
#[test]
fn a_guard_that_is_dropped_where_there_is_no_runtime_serves_a_task() {
    let pool = pool::<1>(quiet());
    let held = owned(pool.get().unwrap(), &pool);
    let mut waiter = Job::begun(pool.get_async());
    thread::spawn(move || drop(held)).join().unwrap();
    assert_eq!(waiter.woken_to_end().unwrap().number, 1);
    assert_eq!(Arc::strong_count(&pool), 1);
}
