//! A pool that connects, one step after the other: who gets a vacant slot, and what is counted meanwhile.

extern crate std;

use core::pin::Pin;
use core::task::{Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;

use super::Rig;
use super::from_c::Calls;
use crate::engine::{AcquireError, SlotToken, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::{Acquire, Drain, slow_path};
use crate::sync::Relaxed;

/// Every slot is vacant, and callers may connect in all of them at once.
pub(super) fn vacant<const N: usize>() -> Rig<u32, N> {
    Rig::new(N, Fairness::Fifo)
}

/// The same with an idle connection in every slot.
pub(super) fn filled<const N: usize>() -> Rig<u32, N> {
    let pool = vacant::<N>();
    (0..N).for_each(|_| pool.insert(0).unwrap());
    pool
}

pub(super) type Wait<'a, const N: usize> = Pin<Box<Acquire<'a, Rig<u32, N>>>>;

pub(super) fn wait<const N: usize>(pool: &Rig<u32, N>) -> Wait<'_, N> {
    Box::pin(pool.acquire(WaiterKind::Task))
}

#[track_caller]
pub(super) fn assert_waits<const N: usize>(wait: &Wait<'_, N>) {
    assert_eq!(wait.as_ref().poll(Waker::noop()), Poll::Pending);
}

#[track_caller]
pub(super) fn served<const N: usize>(wait: &Wait<'_, N>) -> SlotToken {
    let Poll::Ready(Ok(slot)) = wait.as_ref().poll(Waker::noop()) else { panic!("was not served") };
    slot
}

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    in_use: usize,
    idle: usize,
    vacant: usize,
    waiting: usize,
}

#[track_caller]
pub(super) fn assert_counts<const N: usize>(pool: &Rig<u32, N>, [in_use, idle, vacant, waiting]: [usize; 4]) {
    let status = pool.engine().status();
    let counts = Counts { in_use: status.in_use, idle: status.idle, vacant: status.vacant, waiting: status.waiting };
    assert_eq!(counts, Counts { in_use, idle, vacant, waiting });
}

/// Acquired, reused, discarded, most in use at once.
#[track_caller]
pub(super) fn assert_metrics<const N: usize>(pool: &Rig<u32, N>, expected: [usize; 4]) {
    let metrics = pool.engine().metrics();
    assert_eq!([metrics.acquired, metrics.reused, metrics.discarded, metrics.peak_in_use], expected);
}

#[test]
fn a_pool_that_does_not_connect_lends_no_vacant_slot() {
    let pool = Rig::<u32, 2>::new(0, Fairness::Fifo);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    assert_counts(&pool, [0, 0, 2, 0]);
}

#[test]
fn a_slot_that_is_connected_in_is_in_use_before_and_after() {
    let pool = vacant::<2>();
    let slot = pool.try_slot().unwrap();
    assert_counts(&pool, [1, 0, 1, 0]);
    assert_metrics(&pool, [0, 0, 0, 1]);
    let held = pool.connect(slot, 7);
    assert_eq!(*held.connection(), 7);
    assert_counts(&pool, [1, 0, 1, 0]);
    assert_metrics(&pool, [1, 0, 0, 1]);
    drop(held);
    assert_counts(&pool, [0, 1, 1, 0]);
    drop(pool.held(pool.try_slot().unwrap()));
    assert_metrics(&pool, [2, 1, 0, 1]);
}

#[test]
fn an_idle_connection_is_lent_before_a_vacant_slot() {
    let pool = vacant::<3>();
    pool.insert(7).unwrap();
    let slot = pool.try_slot().unwrap();
    assert!(pool.is_filled(&slot));
    assert!(!pool.is_filled(&pool.try_slot().unwrap()));
}

#[test]
fn a_connect_that_fails_acquires_nothing_and_leaves_the_slot_vacant() {
    let pool = vacant::<1>();
    for _ in 0..3 {
        pool.fail(pool.try_slot().unwrap());
        assert_counts(&pool, [0, 0, 1, 0]);
    }
    assert_metrics(&pool, [0, 0, 0, 1]);
    drop(pool.connect(pool.try_slot().unwrap(), 7));
    assert_metrics(&pool, [1, 0, 0, 1]);
}

/// Uses of an earlier connection stay in the slot's state, and must not be counted again for a connect that failed.
#[test]
fn a_slot_that_had_a_connection_before_counts_its_uses_once() {
    let pool = filled::<1>();
    drop(pool.held(pool.try_slot().unwrap()));
    pool.held(pool.try_slot().unwrap()).discard();
    assert_metrics(&pool, [2, 1, 1, 1]);
    pool.fail(pool.try_slot().unwrap());
    assert_metrics(&pool, [2, 1, 1, 1]);
    drop(pool.connect(pool.try_slot().unwrap(), 7));
    assert_metrics(&pool, [3, 1, 1, 1]);
}

/// They are in use, so the peak is the highest `in_use` that `status` could have shown.
#[test]
fn slots_being_connected_in_count_for_the_peak() {
    let pool = vacant::<3>();
    let slots = [pool.try_slot().unwrap(), pool.try_slot().unwrap()];
    assert_counts(&pool, [2, 0, 1, 0]);
    for slot in slots {
        pool.fail(slot);
    }
    assert_metrics(&pool, [0, 0, 0, 2]);
    pool.engine().reset_peaks();
    let slots = [(); 3].map(|()| pool.try_slot().unwrap());
    drop(slots.map(|slot| pool.connect(slot, 7)));
    assert_metrics(&pool, [3, 0, 0, 3]);
}

#[test]
fn when_all_slots_are_out_there_is_nothing_for_a_newcomer() {
    let pool = vacant::<1>();
    let slot = pool.try_slot().unwrap();
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    let held = pool.connect(slot, 7);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    drop(held);
    assert!(pool.try_slot().is_ok());
}

#[test]
fn a_connect_that_fails_passes_the_slot_to_the_oldest_waiter() {
    let pool = vacant::<1>();
    let slot = pool.try_slot().unwrap();
    let (first, second) = (wait(&pool), wait(&pool));
    assert_waits(&first);
    assert_waits(&second);
    pool.fail(slot);
    assert_waits(&second);
    let slot = served(&first);
    assert!(!pool.is_filled(&slot));
    assert_counts(&pool, [1, 0, 0, 1]);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    let held = pool.connect(slot, 7);
    assert_waits(&second);
    drop(held);
    assert_eq!(*pool.held(served(&second)).connection(), 7);
}

#[test]
fn a_discarded_connection_leaves_its_slot_to_the_oldest_waiter() {
    let pool = filled::<1>();
    let held = pool.held(pool.try_slot().unwrap());
    let wait = wait(&pool);
    assert_waits(&wait);
    held.discard();
    let slot = served(&wait);
    drop(pool.connect(slot, 8));
    assert_metrics(&pool, [2, 0, 1, 1]);
}

#[test]
fn an_inserted_connection_serves_the_oldest_waiter() {
    // One caller connects, and no more may: the others wait beside a vacant slot.
    let pool = Rig::<u32, 3>::new(1, Fairness::Fifo);
    let slot = pool.try_slot().unwrap();
    let (first, second) = (wait(&pool), wait(&pool));
    assert_waits(&first);
    assert_waits(&second);
    assert_counts(&pool, [1, 0, 2, 2]);
    pool.insert(7).unwrap();
    assert_waits(&second);
    assert_eq!(*pool.held(served(&first)).connection(), 7);
    pool.fail(slot);
    assert!(pool.is_filled(&served(&second)), "what the first has released comes before a vacant slot");
}

#[test]
fn a_waiter_that_the_limit_holds_back_is_served_when_a_connect_ends() {
    for succeeds in [true, false] {
        let pool = Rig::<u32, 2>::new(1, Fairness::Fifo);
        let slot = pool.try_slot().unwrap();
        assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
        let wait = wait(&pool);
        assert_waits(&wait);
        assert_counts(&pool, [1, 0, 1, 1]);
        let held = if succeeds {
            Some(pool.connect(slot, 7))
        } else {
            pool.fail(slot);
            None
        };
        assert!(!pool.is_filled(&served(&wait)), "nothing was released");
        assert_counts(&pool, [1 + usize::from(succeeds), 0, usize::from(!succeeds), 0]);
        drop(held);
    }
}

#[test]
fn an_unfit_connection_is_replaced_in_the_same_slot() {
    let pool = filled::<1>();
    drop(pool.held(pool.try_slot().unwrap()));
    let slot = pool.try_slot().unwrap();
    let wait = wait(&pool);
    assert_waits(&wait);
    let number = slot.index();
    let slot = pool.reject(pool.held(slot)).expect("there is room to connect");
    assert_eq!(slot.index(), number);
    assert_counts(&pool, [1, 0, 0, 1]);
    assert_waits(&wait);
    assert_metrics(&pool, [2, 1, 1, 1]);
    let held = pool.connect(slot, 8);
    assert_waits(&wait);
    drop(held);
    assert_eq!(*pool.held(served(&wait)).connection(), 8);
    assert_metrics(&pool, [4, 2, 1, 1]);
}

#[test]
fn an_unfit_connection_is_not_replaced_beyond_the_limit() {
    let pool = Rig::<u32, 2>::new(1, Fairness::Fifo);
    pool.insert(7).unwrap();
    let unfit = pool.held(pool.try_slot().unwrap());
    let connecting = pool.try_slot().unwrap();
    assert_eq!(pool.reject(unfit), None);
    assert_counts(&pool, [1, 0, 1, 0]);
    assert_metrics(&pool, [1, 0, 1, 2]);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    pool.fail(connecting);
    assert!(pool.try_slot().is_ok());
}

#[test]
fn an_unfit_connection_of_a_closed_pool_is_not_replaced() {
    let pool = filled::<1>();
    let unfit = pool.held(pool.try_slot().unwrap());
    pool.close();
    assert_eq!(pool.reject(unfit), None);
    assert_counts(&pool, [0, 0, 1, 0]);
}

#[test]
fn a_vacant_slot_that_was_granted_and_not_picked_up_goes_to_the_next() {
    let pool = vacant::<1>();
    let slot = pool.try_slot().unwrap();
    let patient = wait(&pool);
    {
        let fickle = wait(&pool);
        assert_waits(&fickle);
        assert_waits(&patient);
        pool.fail(slot);
        assert_waits(&patient);
        assert_counts(&pool, [1, 0, 0, 1]);
    }
    drop(pool.connect(served(&patient), 7));
    assert_metrics(&pool, [1, 0, 0, 1]);
}

#[test]
fn a_vacant_slot_that_was_granted_and_not_picked_up_is_vacant_again() {
    let pool = vacant::<1>();
    let slot = pool.try_slot().unwrap();
    let fickle = wait(&pool);
    assert_waits(&fickle);
    pool.fail(slot);
    drop(fickle);
    assert_counts(&pool, [0, 0, 1, 0]);
}

#[test]
fn closing_lets_a_connect_end_and_its_slot_ends_vacant() {
    for succeeds in [true, false] {
        let pool = vacant::<2>();
        let slot = pool.try_slot().unwrap();
        pool.close();
        assert_counts(&pool, [1, 0, 1, 0]);
        if succeeds {
            drop(pool.connect(slot, 7));
        } else {
            pool.fail(slot);
        }
        assert_counts(&pool, [0, 0, 2, 0]);
        assert_eq!(pool.try_slot(), Err(AcquireError::Closed));
    }
}

#[test]
fn a_drain_ends_when_the_last_connect_has() {
    let pool = vacant::<1>();
    let slot = pool.try_slot().unwrap();
    pool.close();
    let drain = Box::pin(Drain::new(pool.engine()));
    assert_eq!(drain.as_ref().poll_drained(Waker::noop()), Poll::Pending);
    pool.fail(slot);
    assert_eq!(drain.as_ref().poll_drained(Waker::noop()), Poll::Ready(()));
}

/// Maintenance connects within the same limit as callers, and its connection is lent before a vacant slot.
#[test]
fn a_refill_keeps_to_the_limit_and_is_lent_next() {
    let pool = Rig::<u32, 3>::new(1, Fairness::Fifo);
    let connecting = pool.try_slot().unwrap();
    pool.refill(Some(7));
    assert_counts(&pool, [1, 0, 2, 0]);
    pool.fail(connecting);
    pool.refill(None);
    pool.refill(Some(7));
    assert_counts(&pool, [0, 1, 2, 0]);
    assert_eq!(*pool.held(pool.try_slot().unwrap()).connection(), 7);
}

#[test]
fn a_connect_that_outlived_its_caller_is_idle() {
    let pool = vacant::<2>();
    assert!(pool.engine().begin_connector());
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    let connecting = pool.engine().claim_wanted(0).unwrap();
    assert_eq!(pool.engine().claim_wanted(0), None);
    pool.connect_for_callers(connecting, 7);
    assert_eq!((pool.engine().status().idle, pool.engine().claim_wanted(0)), (1, None));
}

#[test]
fn as_many_waiters_are_woken_to_compete_as_there_are_vacant_slots() {
    let pool = Rig::<u32, 2>::new(2, Fairness::Bounded(9));
    let slots = [(); 2].map(|()| pool.try_slot().unwrap());
    let (waiters, calls) = ([(); 3].map(|()| wait(&pool)), [(); 3].map(|()| Arc::<Calls>::default()));
    for (waiter, calls) in waiters.iter().zip(&calls) {
        assert!(waiter.as_ref().poll(&Arc::clone(calls).into()).is_pending());
    }
    let count = || calls.each_ref().map(|calls| calls.0.load(Relaxed));
    let [first, second] = slots;
    pool.fail(first);
    assert_eq!(count(), [1, 0, 0]);
    pool.fail(second);
    assert_eq!(count(), [1, 1, 0]);
}

/// Nor by joining, though a connection is idle.
#[test]
fn a_waiter_that_looks_at_a_suspended_pool_is_granted_nothing() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(9)] {
        let pool = Rig::<u32, 1>::new(0, fairness);
        pool.insert(7).unwrap();
        // SAFETY: it is this pool's slow path (I11).
        unsafe { pool.engine().suspend(slow_path::<Rig<u32, 1>>()) };
        let waiter = wait(&pool);
        assert_waits(&waiter);
        assert_waits(&waiter);
        drop(pool.engine().resume());
        drop(pool.held(served(&waiter)));
    }
}

/// More are served than one hold of the lock wakes. Under `Fairness::Bounded` the one that looks serves them.
#[test]
fn a_waiter_that_looks_serves_all_before_it_and_then_itself() {
    let pool = Rig::<u32, 10>::new(0, Fairness::Bounded(9));
    (0..10).for_each(|_| pool.insert(7).unwrap());
    let held = [(); 10].map(|()| pool.held(pool.try_slot().unwrap()));
    let waiters = [(); 10].map(|()| wait(&pool));
    waiters.iter().for_each(assert_waits);
    // All are released before the wait queue is served.
    assert!(held.into_iter().all(|held| pool.engine().release(held.into_parts().1)));
    drop(pool.held(served(&waiters[9])));
    waiters[..9].iter().for_each(|waiter| drop(pool.held(served(waiter))));
    assert_counts(&pool, [0, 10, 0, 0]);
}
