//! Models of what C programs ask of the engine: giving back a slot that one may not own any more, and callbacks in line.

use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::task::{Poll, RawWaker, RawWakerVTable, Waker};
use std::boxed::Box;
use std::sync::Arc;

use super::lending::{Pool, assert_whole, borrow, filled, lender, ready};
use super::{Connection, client, explore, join};
use crate::engine::{Joined, Position};
use crate::engine::{Waiter, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::release_unused;
use crate::tests::rig::Rig;

/// Two callers give the same slot back at the same moment: one of them succeeds, and the slot is free once.
#[test]
fn a_slot_that_two_give_back_is_free_once() {
    explore(|| {
        let pool = filled::<2>(1, 0);
        let given = pool.try_slot().unwrap();
        let successes = Arc::new(AtomicUsize::new(0));
        let release = move |pool: &Pool<2>, successes: &AtomicUsize| {
            if pool.release_once(given) {
                successes.fetch_add(1, Relaxed);
            }
        };
        let other = {
            let successes = Arc::clone(&successes);
            client(1, &pool, move |pool| release(pool, &successes))
        };
        release(&pool, &successes);
        join([other]);
        assert_eq!(successes.load(Relaxed), 1);
        drop(pool.held(pool.try_slot().unwrap()));
        assert_eq!(pool.engine().status().idle, 1);
    });
}

/// A slot given back by the careful way reaches the next loan, in line or not, with all that was written in it.
#[test]
fn a_slot_given_back_once_shows_what_was_written() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        let given = pool.try_slot().unwrap();
        let other = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(1)));
        let mut held = pool.held(given);
        held.connection_mut().touch();
        let (_, given) = held.into_parts();
        assert!(pool.release_once(given));
        join([other]);
        assert_whole(&pool, 1);
    });
}

/// A callback of a C program, in memory that is the program's: the library has nothing but its address.
struct Callback<const N: usize> {
    pool: Arc<Pool<N>>,
    waiter: Waiter,
    calls: Arc<AtomicUsize>,
}

impl<const N: usize> Callback<N> {
    const TABLE: RawWakerVTable = RawWakerVTable::new(Self::raw, Self::call, Self::call, |_| ());

    fn new(pool: &Arc<Pool<N>>) -> (Box<Self>, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let (pool, waiter) = (Arc::clone(pool), Waiter::new(WaiterKind::Callback));
        (Box::new(Self { pool, waiter, calls: Arc::clone(&calls) }), calls)
    }

    fn raw(own: *const ()) -> RawWaker {
        RawWaker::new(own, &Self::TABLE)
    }

    fn place(&self) -> Pin<&Waiter> {
        // SAFETY: it is in a box, and stays there until its wait is over.
        unsafe { Pin::new_unchecked(&self.waiter) }
    }

    fn queue(&self) {
        // SAFETY: the table is made for this type, and `self` is in place until it was called or withdrawn.
        let waker = unsafe { Waker::from_raw(Self::raw(core::ptr::from_ref(self).cast())) };
        // SAFETY: fresh, and in place as above.
        let (joined, wakes) = unsafe { self.pool.engine().join(self.place(), waker, Position::Last) };
        drop(wakes);
        assert_eq!(joined, Joined::Queued);
    }

    /// It has its slot when it is called, and gives it back at once.
    fn call(own: *const ()) {
        // SAFETY: called while it is in line, or granted and not called yet: it is in place.
        let own = unsafe { &*own.cast::<Self>() };
        own.calls.fetch_add(1, Relaxed);
        let (seen, wakes) = own.pool.engine().check(own.place(), Waker::noop());
        let Poll::Ready(Some(slot)) = seen else { panic!("called without a slot") };
        release_unused(&&*own.pool, slot);
        drop(wakes);
    }
}

/// A callback is withdrawn while its turn comes: it is called, or it is withdrawn and its memory is the program's at once;
/// never both, never neither. Another one stands behind it and is called in any case.
fn withdrawing_races_with_the_turn(fairness: Fairness, is_vacant: bool) {
    explore(move || {
        let pool: Arc<Pool<1>> = Arc::new(Rig::new(1, fairness));
        if !is_vacant {
            pool.insert(Connection::new()).unwrap();
        }
        let slot = pool.try_slot().unwrap();
        let [(fickle, fickle_calls), (patient, patient_calls)] = [Callback::new(&pool), Callback::new(&pool)];
        fickle.queue();
        patient.queue();
        let giver = client(0, &pool, move |pool| release_unused(&pool, slot));
        let is_withdrawn = pool.engine().withdraw(fickle.place());
        if is_withdrawn {
            drop(fickle);
            join([giver]);
        } else {
            join([giver]);
            drop(fickle);
        }
        assert_eq!(fickle_calls.load(Relaxed), usize::from(!is_withdrawn));
        assert_eq!(patient_calls.load(Relaxed), 1);
        drop(patient);
        assert_whole(&pool, 1);
    });
}

#[test]
fn a_callback_is_called_or_withdrawn() {
    withdrawing_races_with_the_turn(Fairness::Fifo, false);
}

#[test]
fn a_callback_that_would_have_connected_is_called_or_withdrawn() {
    withdrawing_races_with_the_turn(Fairness::Fifo, true);
}

/// Under `Bounded` tasks and threads are called without a slot; a callback has it when it is called, whatever newcomers
/// come meanwhile.
#[test]
fn a_callback_is_granted_and_not_just_called() {
    explore(|| {
        let pool: Arc<Pool<1>> = Arc::new(Rig::new(1, Fairness::Bounded(9)));
        pool.insert(Connection::new()).unwrap();
        let slot = pool.try_slot().unwrap();
        let (callback, calls) = Callback::new(&pool);
        callback.queue();
        let newcomer = client(0, &pool, |pool| {
            if let Ok(slot) = pool.try_slot() {
                drop(ready(pool, slot));
            }
        });
        drop(pool.held(slot));
        join([newcomer]);
        assert_eq!(calls.load(Relaxed), 1);
        drop(callback);
        assert_whole(&pool, 1);
    });
}

/// Closing sends a callback away while it is being withdrawn: again one of the two.
#[test]
fn a_callback_is_dismissed_or_withdrawn() {
    explore(|| {
        let pool = lender::<1>(1);
        let slot = pool.try_slot().unwrap();
        let waiter = Box::pin(Waiter::new(WaiterKind::Callback));
        let calls = Arc::new(Calls(AtomicUsize::new(0)));
        // SAFETY: fresh, and in its box until its wait is over.
        let (joined, wakes) = unsafe { pool.engine().join(waiter.as_ref(), Arc::clone(&calls).into(), Position::Last) };
        drop(wakes);
        assert_eq!(joined, Joined::Queued);
        let closer = client(0, &pool, Rig::close);
        let is_withdrawn = pool.engine().withdraw(waiter.as_ref());
        join([closer]);
        assert_eq!(calls.0.load(Relaxed), usize::from(!is_withdrawn));
        pool.fail(slot);
        assert_eq!(pool.engine().status().vacant, 1);
    });
}

struct Calls(AtomicUsize);

impl std::task::Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}
