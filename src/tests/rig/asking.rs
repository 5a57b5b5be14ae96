//! A pool whose connector only asks for connects: its calls, and the connects that fail.

extern crate std;

use core::pin::pin;
use core::task::{Poll, Waker};
use std::sync::Arc;

use super::Rig;
use super::from_c::{Calls, queue};
use super::tests::{assert_waits, served, vacant, wait};
use crate::engine::{AcquireError, Waiter, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::slow_path;
use crate::sync::Relaxed;

/// A thread that has released the last slot may be about to call the connector, while another one drains the pool.
#[test]
fn a_pool_is_neither_unused_nor_drained_while_its_connector_is_called() {
    let (pool, calls) = (vacant::<1>(), Arc::<Calls>::default());
    pool.engine().begin_asking();
    assert!(pool.engine().await_demand(&Arc::clone(&calls).into(), 0));
    let waiter = wait(&pool);
    assert_waits(&waiter);
    assert_eq!(calls.0.load(Relaxed), 1, "it is called, and the call has not ended");
    drop(waiter);
    assert!(!pool.engine().is_unused());
    pool.close();
    let last = pin!(Waiter::new(WaiterKind::Drainer));
    let drained = Arc::<Calls>::default();
    // SAFETY: the waiter is fresh, and stays until its wait has ended.
    assert!(!unsafe { pool.engine().join_drainers(last.as_ref(), Arc::clone(&drained).into()) });
    drop(pool.engine().end_asking());
    assert_eq!(drained.0.load(Relaxed), 1);
    assert!(pool.engine().is_unused());
}

/// A callback that was dismissed, and is called later, wants no other connect: that would fail too, and so on.
#[test]
fn a_connect_that_fails_ends_one_wait_and_wants_no_other_for_it() {
    let pool = vacant::<2>();
    pool.engine().begin_asking();
    let waiter = pin!(Waiter::new(WaiterKind::Callback));
    let calls = queue(&pool, waiter.as_ref());
    let slot = pool.engine().claim_wanted(0).unwrap();
    drop(pool.engine().fail_for_callers(slot));
    assert_eq!(calls.0.load(Relaxed), 1);
    assert_eq!(pool.engine().claim_wanted(0), None);
    assert!(!pool.engine().is_unused(), "the callback was not told yet");
    let (seen, wakes) = pool.check(waiter.as_ref());
    drop(wakes);
    assert!(matches!(seen, Poll::Ready(None)));
    assert!(pool.engine().is_unused());
    // Whoever comes next wants one.
    let next = wait(&pool);
    assert_waits(&next);
    pool.fail(pool.engine().claim_wanted(0).unwrap());
}

/// A pool whose connects fail ends a wait for each, unless there is something for the waiter.
#[test]
fn a_connect_that_fails_ends_no_wait_for_which_another_is_under_way() {
    let pool = vacant::<2>();
    pool.engine().begin_asking();
    let [leaves, stays] = [(); 2].map(|()| wait(&pool));
    [&leaves, &stays].into_iter().for_each(assert_waits);
    let [first, second] = [(); 2].map(|()| pool.engine().claim_wanted(0).unwrap());
    drop(leaves);
    drop(pool.engine().fail_for_callers(first));
    assert_waits(&stays);
    drop(pool.engine().fail_for_callers(second));
    assert_eq!(stays.as_ref().poll(Waker::noop()), Poll::Ready(Err(AcquireError::Dismissed)));
}

/// Under `Bounded` a waiter is woken for it, and has not taken it yet.
#[test]
fn a_connect_that_fails_ends_no_wait_for_which_a_connection_is_free() {
    let pool = Rig::<u32, 2>::new(2, Fairness::Bounded(9));
    pool.engine().begin_asking();
    let [stays, leaves] = [(); 2].map(|()| wait(&pool));
    [&stays, &leaves].into_iter().for_each(assert_waits);
    let [first, second] = [(); 2].map(|()| pool.engine().claim_wanted(0).unwrap());
    pool.connect_for_callers(first, 7);
    drop(leaves);
    drop(pool.engine().fail_for_callers(second));
    drop(pool.held(served(&stays)));
}

#[test]
fn a_connect_that_fails_while_the_pool_is_suspended_ends_no_wait() {
    let pool = vacant::<1>();
    pool.engine().begin_asking();
    let waiter = wait(&pool);
    assert_waits(&waiter);
    let slot = pool.engine().claim_wanted(0).unwrap();
    // SAFETY: it is this pool's slow path (I11).
    unsafe { pool.engine().suspend(slow_path::<Rig<u32, 1>>()) };
    drop(pool.engine().fail_for_callers(slot));
    assert_waits(&waiter);
}

#[test]
fn a_connect_that_is_given_up_is_not_counted_until_it_ends() {
    let pool = vacant::<2>();
    pool.engine().begin_asking();
    let waiters = [(); 2].map(|()| wait(&pool));
    waiters.iter().for_each(assert_waits);
    let late = pool.engine().claim_wanted(0).unwrap();
    let other = pool.engine().claim_wanted(0).unwrap();
    drop(pool.engine().give_up_connect());
    assert_eq!(pool.engine().connecting(), 1);
    pool.engine().resume_connect();
    assert_eq!(pool.engine().connecting(), 2);
    pool.fail(late);
    drop(pool.engine().fail_for_callers(other));
    assert_eq!(pool.engine().connecting(), 0);
}
