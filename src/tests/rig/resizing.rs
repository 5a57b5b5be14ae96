//! A pool that connects, and is resized meanwhile.

use super::Rig;
use super::tests::{assert_counts, assert_waits, filled, served, vacant, wait};
use crate::engine::{AcquireError, VacateReason};
use crate::fairness::Fairness;
use crate::slot::PoolParts;

#[test]
fn a_pool_that_shrank_during_a_connect_retires_the_slot_when_it_comes_back() {
    for succeeds in [true, false] {
        let pool = vacant::<2>();
        let slot = pool.try_slot().unwrap();
        pool.resize(0);
        assert_counts(&pool, [1, 0, 0, 0]);
        if succeeds {
            drop(pool.connect(slot, 7));
        } else {
            pool.fail(slot);
        }
        assert_counts(&pool, [0, 0, 0, 0]);
        // Its connection was dropped: a pool that connects keeps no surplus.
        pool.resize(2);
        assert_counts(&pool, [0, 0, 2, 0]);
    }
}

#[test]
fn a_pool_that_shrank_and_grew_during_a_connect_keeps_the_slot() {
    let pool = vacant::<1>();
    let slot = pool.try_slot().unwrap();
    let wait = wait(&pool);
    assert_waits(&wait);
    pool.resize(0);
    pool.resize(1);
    assert_waits(&wait);
    pool.fail(slot);
    pool.fail(served(&wait));
    assert_counts(&pool, [0, 0, 1, 0]);
}

#[test]
fn growing_grants_the_new_slots_to_the_waiters() {
    let pool = vacant::<2>();
    pool.resize(0);
    let (first, second) = (wait(&pool), wait(&pool));
    assert_waits(&first);
    assert_waits(&second);
    pool.resize(1);
    assert_waits(&second);
    let slot = served(&first);
    pool.resize(2);
    assert_ne!(served(&second), slot);
}

#[test]
fn what_was_connected_in_a_pool_that_shrank_is_dropped_and_its_slot_lent_again() {
    let pool = vacant::<1>();
    let held = pool.connect(pool.try_slot().unwrap(), 7);
    pool.resize(0);
    drop(held);
    pool.drop_surplus();
    let wait = wait(&pool);
    assert_waits(&wait);
    pool.resize(1);
    pool.fail(served(&wait));
    assert_counts(&pool, [0, 0, 1, 0]);
}

/// It is neither retired nor vacant while its connection is being dropped.
#[test]
fn a_slot_whose_surplus_connection_is_being_dropped_while_the_pool_grows_ends_vacant() {
    let pool = Rig::<u32, 1>::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    pool.resize(0);
    let surplus = pool.engine().claim_surplus().unwrap();
    pool.resize(1);
    assert_counts(&pool, [1, 0, 0, 0]);
    pool.dispose(surplus, VacateReason::Surplus);
    assert_counts(&pool, [0, 0, 1, 0]);
    // The next one is retired, as it is not wanted.
    pool.insert(8).unwrap();
    pool.resize(0);
    pool.drop_surplus();
    assert_counts(&pool, [0, 0, 0, 0]);
    assert!(pool.insert(9).is_err());
}

/// After a resize more may be in use than the pool's maximum, and then no slot is granted, vacant or not.
#[test]
fn nothing_is_connected_while_too_many_are_out() {
    let pool = filled::<3>();
    let held = [(); 3].map(|()| pool.held(pool.try_slot().unwrap()));
    pool.resize(1);
    let [first, second, third] = held;
    first.discard();
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    assert_counts(&pool, [2, 0, 0, 0]);
    second.discard();
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    third.discard();
    assert_counts(&pool, [0, 0, 1, 0]);
    assert!(pool.try_slot().is_ok());
}
