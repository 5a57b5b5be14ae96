//! Connections that are cleaned up as they come back, and not when the next caller gets them.

use conn_pool::managed::{CheckReason, DiscardReason};

use crate::kit::managed::{full, get_from, maintain, millis, pool, quiet, secs};
use crate::kit::{Call, Gate, Job, Outcome, wait_until};

#[test]
fn threads_clean_up_what_comes_back() {
    let pool = pool::<1>(quiet().clean_on_return(true));
    let health = pool.health_check().unwrap();
    let gate = Gate::default();
    drop(pool.get().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), 0, "nothing was dirty");
    pool.manager().then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::at(&gate));
    drop(pool.get().unwrap());
    gate.wait_for_arrivals(1);
    assert!(pool.try_get().is_err() && pool.loans().next().is_none());
    gate.open();
    assert_eq!(pool.get().unwrap().number, 1);
    assert_eq!((pool.manager().calls(Call::Check), pool.manager().reasons()), (1, vec![CheckReason::Dirty]));
    drop(health);
}

#[test]
fn what_cannot_be_cleaned_up_is_replaced() {
    let pool = pool::<1>(quiet().clean_on_return(true));
    let health = pool.health_check().unwrap();
    pool.manager().then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::Error);
    drop(pool.get().unwrap());
    assert_eq!(pool.get().unwrap().number, 2);
    pool.manager().then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::Panic);
    drop(pool.get().unwrap());
    wait_until(|| pool.manager().discards(DiscardReason::CheckCancelled) == 1);
    assert_eq!(pool.get().unwrap().number, 3);
    assert_eq!(pool.manager().discards(DiscardReason::Invalid), 1);
    drop(health);
}

#[test]
fn a_reset_that_blocks_is_followed_by_the_clean_up() {
    let pool = pool::<1>(quiet().clean_on_return(true));
    let health = pool.health_check().unwrap();
    pool.manager().then(Call::Blocks, Outcome::Error).then(Call::Dirty, Outcome::Error);
    drop(pool.get().unwrap());
    wait_until(|| pool.status().idle == 1);
    assert_eq!((pool.manager().calls(Call::Reset), pool.manager().calls(Call::Check)), (1, 1));
    drop(health);
}

#[test]
fn a_task_cleans_up_what_comes_back() {
    let pool = pool::<1>(quiet().clean_on_return(true));
    let mut upkeep = Job::begun(pool.run_maintenance());
    let held = get_from(&pool, &mut upkeep);
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(held);
    assert_eq!((pool.status().idle, pool.manager().calls(Call::Check)), (0, 0));
    let mut waiter = Job::begun(pool.get_async());
    upkeep.wait_on();
    assert_eq!(pool.manager().calls(Call::Check), 1);
    drop(waiter.woken_to_end().unwrap());
    assert_eq!(pool.manager().calls(Call::Check), 1);
}

#[test]
fn what_was_not_begun_is_left_to_the_next_caller() {
    let pool = pool::<1>(quiet().clean_on_return(true));
    let mut upkeep = Job::begun(pool.run_maintenance());
    let held = get_from(&pool, &mut upkeep);
    pool.manager().then(Call::Dirty, Outcome::Error);
    drop(held);
    drop(upkeep);
    assert_eq!((pool.status().idle, pool.manager().calls(Call::Check)), (1, 0));
    drop(Job::new(pool.get_async()).end().unwrap());
    assert_eq!(pool.manager().reasons(), [CheckReason::Dirty]);
}

#[test]
fn the_next_caller_cleans_up_unless_it_is_asked_for_and_there_is_a_connector() {
    for (asked, has_connector) in [(false, true), (true, false)] {
        let pool = pool::<1>(quiet().clean_on_return(asked));
        let health = has_connector.then(|| pool.health_check().unwrap());
        pool.manager().then(Call::Dirty, Outcome::Error);
        drop(pool.get().unwrap());
        assert_eq!((pool.status().idle, pool.manager().calls(Call::Check)), (1, 0));
        drop(pool.get().unwrap());
        assert_eq!(pool.manager().reasons(), [CheckReason::Dirty]);
        drop(health);
    }
}

#[test]
fn a_pool_that_is_closed_cleans_up_nothing() {
    let pool = pool::<1>(quiet().clean_on_return(true));
    let health = pool.health_check().unwrap();
    let held = pool.get().unwrap();
    pool.manager().then(Call::Dirty, Outcome::Error);
    pool.close();
    drop(held);
    wait_until(|| pool.manager().discards(DiscardReason::Closed) == 1);
    assert_eq!(pool.manager().calls(Call::Check), 0);
    drop(health);
}

#[test]
fn what_is_idle_is_told_with_its_age_uses_and_idle_time() {
    let pool = full::<3>();
    drop(pool.get().unwrap());
    maintain(&pool);
    pool.clock().advance(secs(7));
    let mut seen = Vec::new();
    let retained = pool.retain_with(|connection, idle| {
        assert_eq!((idle.age, idle.idle_for), (secs(7), Some(secs(7))));
        seen.push(idle.uses);
        connection.number != 2
    });
    assert_eq!((retained.kept, retained.discarded, pool.manager().discards(DiscardReason::Evicted)), (2, 1, 1));
    assert_eq!(seen, [2, 1, 1]);
    // No pass has seen what happened since.
    drop(pool.get().unwrap());
    pool.clock().advance(millis(5));
    let unknown = std::cell::Cell::new(0);
    _ = pool.retain_with(|_, idle| {
        unknown.set(unknown.get() + usize::from(idle.idle_for.is_none()));
        true
    });
    assert_eq!(unknown.get(), 1);
}

#[test]
fn what_is_extracted_is_the_callers() {
    let pool = full::<3>();
    let held = pool.get().unwrap();
    let mut extracted = pool.extract_if(|connection, _| connection.number != 2);
    assert_eq!(extracted.iter().map(|connection| connection.number).collect::<Vec<_>>(), [3]);
    extracted.iter().for_each(crate::kit::Conn::ping);
    let metrics = pool.metrics();
    assert_eq!((metrics.discarded_for(DiscardReason::Detached), pool.manager().calls(Call::Discard)), (1, 0));
    assert_eq!((pool.status().idle, pool.status().vacant), (1, 1));
    drop(held);
    extracted.iter_mut().for_each(crate::kit::Conn::part);
}

#[test]
fn a_panic_while_extracting_loses_no_slot() {
    let pool = full::<2>();
    assert!(crate::kit::panics(|| drop(pool.extract_if(|_, _| panic!("the predicate panics")))));
    assert_eq!((pool.status().idle, pool.status().vacant), (1, 1));
    assert_eq!(pool.manager().discards(DiscardReason::CheckCancelled), 1);
}
