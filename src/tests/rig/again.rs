//! Callers that wait again because their connection was unfit: their position in the wait queue.

extern crate std;

use std::boxed::Box;
use std::sync::Arc;

use super::Rig;
use super::from_c::Calls;
use super::tests::{assert_counts, assert_waits, served, wait};
use crate::engine::{AcquireError, Position, Ticket, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::Acquire;
use crate::sync::Relaxed;

/// Of a caller that was granted a slot without waiting.
const AGAIN: Ticket = Ticket { position: Position::Again, ..Ticket::NEW };

/// A caller that was granted an unfit connection does not go to the end of the queue.
#[test]
fn a_caller_whose_connection_was_unfit_is_the_next_to_be_served() {
    let pool = Rig::<u32, 1>::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    let (held, behind) = (pool.held(pool.try_slot().unwrap()), wait(&pool));
    assert_waits(&behind);
    assert_eq!(pool.reject(held), None);
    let again = Box::pin(Acquire::with_ticket(&pool, WaiterKind::Task, &AGAIN));
    assert_waits(&again);
    pool.insert(8).unwrap();
    assert_waits(&behind);
    drop(pool.held(served(&again)));
    drop(pool.held(served(&behind)));
    assert_counts(&pool, [0, 1, 0, 0]);
}

/// Neither has waited before, so neither has a number, and they keep the order in which they return.
#[test]
fn of_two_callers_that_return_without_a_number_the_first_is_served_first() {
    let pool = Rig::<u32, 1>::new(1, Fairness::Fifo);
    let slot = pool.try_slot().unwrap();
    let again = [(); 2].map(|()| Box::pin(Acquire::with_ticket(&pool, WaiterKind::Task, &AGAIN)));
    again.iter().for_each(assert_waits);
    pool.fail(slot);
    assert_waits(&again[1]);
    pool.fail(served(&again[0]));
    pool.fail(served(&again[1]));
}

/// Nor does it wait behind callers that arrived later if a connection is free now.
#[test]
fn a_caller_whose_connection_was_unfit_passes_those_who_came_later() {
    let pool = Rig::<u32, 2>::new(1, Fairness::Bounded(1));
    let connecting = pool.try_slot().unwrap();
    let behind = wait(&pool);
    assert_waits(&behind);
    pool.insert(7).unwrap();
    let again = Box::pin(Acquire::with_ticket(&pool, WaiterKind::Task, &AGAIN));
    drop(pool.held(served(&again)));
    drop(pool.held(served(&behind)));
    pool.fail(connecting);
    assert_counts(&pool, [0, 1, 1, 0]);
}

/// A returning caller at the head counts as overtaken as often as those behind it. Otherwise newcomers could overtake
/// them once more.
#[test]
fn a_caller_whose_turn_comes_again_does_not_make_room_for_newcomers() {
    let pool = Rig::<u32, 1>::new(1, Fairness::Bounded(1));
    let slot = pool.try_slot().unwrap();
    let behind = wait(&pool);
    assert_waits(&behind);
    drop(pool.connect(slot, 7));
    let newcomer = pool.held(pool.try_slot().unwrap());
    assert_waits(&behind);
    let again = Box::pin(Acquire::with_ticket(&pool, WaiterKind::Task, &AGAIN));
    assert_waits(&again);
    drop(newcomer);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted), "the waiter behind has been overtaken once already");
    drop(pool.held(served(&again)));
    drop(pool.held(served(&behind)));
    assert_eq!(pool.engine().metrics().most_overtaken, 1);
}

/// Of a caller whose connect has failed.
const PAUSING: Ticket = Ticket { position: Position::Pausing, ..Ticket::NEW };

#[test]
fn a_vacant_slot_is_not_for_a_caller_that_pauses_but_for_the_one_behind() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(9)] {
        let pool = Rig::<u32, 1>::new(1, fairness);
        let slot = pool.try_slot().unwrap();
        let pausing = Box::pin(Acquire::with_ticket(&pool, WaiterKind::Task, &PAUSING));
        let behind = wait(&pool);
        let calls = [(); 2].map(|()| Arc::<Calls>::default());
        for (waiter, calls) in [&pausing, &behind].into_iter().zip(&calls) {
            assert!(waiter.as_ref().poll(&Arc::clone(calls).into()).is_pending());
        }
        pool.fail(slot);
        assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [0, 1], "{fairness:?}");
        pool.fail(served(&behind));
        assert_waits(&pausing);
        pool.fail(pool.try_slot().expect("the one that pauses leaves it to a newcomer"));
    }
}

/// Of a caller without a deadline.
const ENDLESS: Ticket = Ticket { waits_forever: true, ..Ticket::NEW };

/// A slot was released a moment ago, and the releaser is on its way to the lock.
#[test]
fn a_hold_that_dismisses_as_many_as_it_may_wake_serves_others_in_the_next() {
    let pool = Rig::<u32, 1>::new(1, Fairness::Fifo);
    pool.insert(7).unwrap();
    let held = pool.held(pool.try_slot().unwrap());
    let endless = [(); 8].map(|()| Box::pin(Acquire::with_ticket(&pool, WaiterKind::Task, &ENDLESS)));
    endless.iter().for_each(assert_waits);
    let (calls, behind) = (Arc::<Calls>::default(), wait(&pool));
    assert!(behind.as_ref().poll(&Arc::clone(&calls).into()).is_pending());
    let (_, slot) = held.into_parts();
    assert!(pool.engine().release(slot));
    drop(pool.engine().dismiss_waiters(true));
    assert_eq!(calls.0.load(Relaxed), 1, "the one that was granted the slot is woken");
    drop(pool.held(served(&behind)));
    drop(endless);
    assert_counts(&pool, [0, 1, 0, 0]);
}
