//! A pool whose connector only asks for connects: its calls, and the connects that fail.

extern crate std;

use core::pin::pin;
use std::sync::Arc;

use super::from_c::{Calls, queue};
use super::tests::{assert_waits, vacant, wait};
use crate::engine::{Waiter, WaiterKind};
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
    assert!(matches!(seen, core::task::Poll::Ready(None)));
    assert!(pool.engine().is_unused());
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
