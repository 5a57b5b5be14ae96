//! A handler that interrupts the lock's holder, on the same core, and releases a slot: it must not spin.

use super::Rig;
use super::tests::{assert_counts, assert_waits, served, wait};
use crate::engine::AcquireError;
use crate::fairness::Fairness;

#[test]
fn a_slot_that_a_handler_releases_goes_to_the_waiter_when_the_holder_is_done() {
    let pool = Rig::<u32, 1>::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    let held = pool.held(pool.try_slot().unwrap());
    let waiter = wait(&pool);
    assert_waits(&waiter);
    pool.engine().interrupted_by(|| drop(held));
    drop(pool.held(served(&waiter)));
    assert_counts(&pool, [0, 1, 0, 0]);
}

#[test]
fn a_connection_that_a_handler_releases_to_a_closed_pool_ends_when_the_holder_is_done() {
    let pool = Rig::<u32, 1>::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    let held = pool.held(pool.try_slot().unwrap());
    pool.close();
    pool.engine().interrupted_by(|| drop(held));
    assert_counts(&pool, [0, 0, 1, 0]);
}

#[test]
fn a_handler_that_finds_the_lock_taken_is_refused_a_slot() {
    let pool = Rig::<u32, 1>::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    let held = pool.held(pool.try_slot().unwrap());
    pool.engine().interrupted_by(|| assert_eq!(pool.try_slot().unwrap_err(), AcquireError::Exhausted));
    drop(held);
    drop(pool.held(pool.try_slot().unwrap()));
    assert_counts(&pool, [0, 1, 0, 0]);
}
