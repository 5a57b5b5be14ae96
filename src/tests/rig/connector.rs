//! A pool with a connector: when it is called, what is wanted, and whose waits it ends.

extern crate std;

use core::task::{Poll, Waker};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Wake;
use std::vec::Vec;

use super::Rig;
use super::from_c::Calls;
use super::tests::{Wait, assert_waits, served, vacant, wait};
use crate::engine::AcquireError;
use crate::fairness::Fairness;
use crate::sync::Relaxed;

#[test]
fn a_connector_that_waits_is_called_once_when_a_caller_wants_a_connection() {
    let (pool, calls) = (vacant::<2>(), Arc::<Calls>::default());
    let connector = Waker::from(Arc::clone(&calls));
    assert!(pool.engine().begin_connector());
    assert!(pool.engine().await_demand(&connector, 0));
    pool.resize(2);
    assert_eq!(calls.0.load(Relaxed), 0, "nothing is wanted");
    let waiters = [(); 2].map(|()| wait(&pool));
    waiters.iter().for_each(assert_waits);
    assert_eq!(calls.0.load(Relaxed), 1);
    assert!(!pool.engine().await_demand(&connector, 0), "two connections are wanted");
}

#[test]
fn a_connector_that_waits_no_more_is_not_called() {
    let (pool, calls) = (vacant::<2>(), Arc::<Calls>::default());
    assert!(pool.engine().begin_connector());
    assert!(pool.engine().await_demand(&Arc::clone(&calls).into(), 0));
    pool.engine().ignore_demand();
    let waiter = wait(&pool);
    assert_waits(&waiter);
    assert_eq!(calls.0.load(Relaxed), 0);
}

#[test]
fn connects_under_way_are_counted_on_unless_they_are_distrusted() {
    let pool = vacant::<3>();
    assert!(pool.engine().begin_connector());
    let waiter = wait(&pool);
    assert_waits(&waiter);
    let first = pool.engine().claim_wanted(0).unwrap();
    assert_eq!(pool.engine().claim_wanted(0), None);
    pool.engine().distrust_connects(true);
    let second = pool.engine().claim_wanted(0).unwrap();
    pool.engine().distrust_connects(false);
    assert_eq!(pool.engine().claim_wanted(0), None);
    pool.fail(first);
    pool.fail(second);
}

/// A caller that did not wait has asked while the connect was under way, and finds it.
#[test]
fn a_connection_that_nobody_waits_for_answers_those_who_have_asked() {
    let pool = vacant::<2>();
    assert!(pool.engine().begin_connector());
    let waiter = wait(&pool);
    assert_waits(&waiter);
    let slot = pool.engine().claim_wanted(0).unwrap();
    drop(waiter);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    pool.connect_for_callers(slot, 7);
    let found = pool.held(pool.try_slot().unwrap());
    assert_eq!(pool.engine().claim_wanted(0), None);
    drop(found);
}

#[test]
fn a_connection_for_a_waiter_does_not_answer_those_who_have_asked() {
    let pool = vacant::<2>();
    assert!(pool.engine().begin_connector());
    let waiter = wait(&pool);
    assert_waits(&waiter);
    let slot = pool.engine().claim_wanted(0).unwrap();
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted));
    pool.connect_for_callers(slot, 7);
    let held = pool.held(served(&waiter));
    pool.fail(pool.engine().claim_wanted(0).unwrap());
    drop(held);
}

/// More than one hold of the lock wakes.
const MANY: usize = 9;

type Pool = Rig<u32, 1>;

/// Calls what it is given when it is woken.
struct Then<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Wake for Then<F> {
    fn wake(self: Arc<Self>) {
        if let Some(work) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            work();
        }
    }
}

/// Ends the waits of all who wait; the first to learn of it does `then`.
fn dismiss(pool: &'static Pool, waiters: &[Wait<'static, 1>], then: impl FnOnce() + Send + 'static) {
    let first: Waker = Arc::new(Then(Mutex::new(Some(then)))).into();
    assert!(waiters[0].as_ref().poll(&first).is_pending());
    drop(pool.engine().dismiss_waiters(false));
    for waiter in waiters {
        assert_eq!(waiter.as_ref().poll(Waker::noop()), Poll::Ready(Err(AcquireError::Dismissed)));
    }
}

fn waiting(pool: &'static Pool, count: usize) -> Vec<Wait<'static, 1>> {
    assert!(pool.engine().begin_connector());
    let waiters: Vec<_> = (0..count).map(|_| wait(pool)).collect();
    waiters.iter().for_each(assert_waits);
    waiters
}

#[test]
fn who_comes_while_the_waits_of_others_are_ended_waits_on() {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let pool = POOL.get_or_init(|| Rig::new(1, Fairness::Fifo));
    let (waiters, newcomer) = (waiting(pool, MANY), Arc::new(Mutex::new(wait(pool))));
    let comes = Arc::clone(&newcomer);
    dismiss(pool, &waiters, move || assert_waits(&comes.lock().unwrap()));
    assert_waits(&newcomer.lock().unwrap());
}

#[test]
fn who_leaves_while_the_waits_of_others_are_ended_leaves_no_end_to_those_who_come_later() {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let pool = POOL.get_or_init(|| Rig::new(1, Fairness::Fifo));
    let mut waiters = waiting(pool, MANY);
    let leaves = waiters.pop().unwrap();
    dismiss(pool, &waiters, move || drop(leaves));
    let newcomer = wait(pool);
    assert_waits(&newcomer);
    assert_waits(&newcomer);
}
