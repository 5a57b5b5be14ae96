//! Models of what C programs ask of the engine: the release of a slot that the caller may not own any more, and
//! callbacks in the wait queue.

use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use core::task::{Poll, RawWaker, RawWakerVTable, Waker};
use std::boxed::Box;
use std::sync::Arc;

use super::connecting::{Pool, assert_whole, borrow, filled, ready, vacant};
use super::{Connection, client, explore, join};
use crate::engine::{Joined, Position, Waiter, WaiterKind};
use crate::fairness::Fairness;
use crate::slot::release_unused;
use crate::tests::rig::Rig;

/// Two callers release the same slot at the same moment: one of them succeeds, and the slot is free once.
#[test]
fn a_slot_that_two_callers_release_is_free_once() {
    explore(|| {
        let pool = filled::<2>(1, 0);
        // A number, as copies of one lease have it: a token could not be used twice.
        let slot = pool.try_slot().unwrap().index();
        let successes = Arc::new(AtomicUsize::new(0));
        let release = move |pool: &Pool<2>, successes: &AtomicUsize| {
            if pool.release_once(slot) {
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

/// A slot that is released with the check reaches its next owner, queued or not, with all that was written in it.
#[test]
fn a_slot_released_once_shows_what_was_written() {
    explore(|| {
        let pool = filled::<1>(1, 1);
        let slot = pool.try_slot().unwrap();
        let other = client(0, &pool, |pool| assert_eq!(borrow(pool), Ok(1)));
        let mut held = pool.held(slot);
        held.connection_mut().touch();
        let (_, slot) = held.into_parts();
        assert!(pool.release_once(slot.index()));
        join([other]);
        assert_whole(&pool, 1);
    });
}

/// A callback of a C program, in memory of the program: the library has nothing but its address.
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
        // SAFETY: the table is made for this type, and `self` stays where it is until it was called or withdrawn.
        let waker = unsafe { Waker::from_raw(Self::raw(core::ptr::from_ref(self).cast())) };
        // SAFETY: fresh, and stays where it is, as above.
        let (joined, wakes) = unsafe { self.pool.join(self.place(), waker, Position::Last) };
        drop(wakes);
        assert_eq!(joined, Joined::Queued);
    }

    /// It has its slot when it is called, and releases it at once.
    fn call(own: *const ()) {
        // SAFETY: called while it is queued, or granted a slot and not called yet: it is still where it was.
        let own = unsafe { &*own.cast::<Self>() };
        own.calls.fetch_add(1, Relaxed);
        let (seen, wakes) = own.pool.check(own.place());
        let Poll::Ready(Some(slot)) = seen else { panic!("called without a slot") };
        release_unused(&*own.pool, slot);
        drop(wakes);
    }
}

/// A callback is withdrawn while it is granted a slot: it is called, or it is withdrawn and its memory may be reused at
/// once; never both, never neither. Another callback is queued behind it and is called in either case.
fn withdrawing_races_with_the_grant(fairness: Fairness, is_vacant: bool) {
    explore(move || {
        let pool: Arc<Pool<1>> = Arc::new(Rig::new(1, fairness));
        if !is_vacant {
            pool.insert(Connection::new()).unwrap();
        }
        let slot = pool.try_slot().unwrap();
        let [(fickle, fickle_calls), (patient, patient_calls)] = [Callback::new(&pool), Callback::new(&pool)];
        fickle.queue();
        patient.queue();
        let releaser = client(0, &pool, move |pool| release_unused(pool, slot));
        let is_withdrawn = pool.engine().withdraw(fickle.place());
        if is_withdrawn {
            drop(fickle);
            join([releaser]);
        } else {
            join([releaser]);
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
    withdrawing_races_with_the_grant(Fairness::Fifo, false);
}

#[test]
fn a_callback_that_would_have_connected_is_called_or_withdrawn() {
    withdrawing_races_with_the_grant(Fairness::Fifo, true);
}

/// Under `Bounded` tasks and threads are woken without a slot. A callback has its slot when it is called, whatever
/// newcomers arrive meanwhile.
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

/// Closing dismisses a callback while it is being withdrawn: one of the two happens.
#[test]
fn a_callback_is_dismissed_or_withdrawn() {
    explore(|| {
        let pool = vacant::<1>(1);
        let slot = pool.try_slot().unwrap();
        let waiter = Box::pin(Waiter::new(WaiterKind::Callback));
        let calls = Arc::new(Calls(AtomicUsize::new(0)));
        // SAFETY: fresh, and in its box until its wait is over.
        let (joined, wakes) = unsafe { pool.join(waiter.as_ref(), Arc::clone(&calls).into(), Position::Last) };
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
