//! What C programs ask of the engine, one step after the other: the release of a slot that the caller may not own any
//! more, and callbacks in the wait queue.

extern crate std;

use core::pin::{Pin, pin};
use core::task::{Poll, Waker};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use super::Rig;
use super::tests::{assert_counts, assert_metrics, assert_waits, filled, served, wait};
use crate::engine::{
    AcquireError, DoubleRelease, Joined, LeaveReason, Left, Position, Released, SlotToken, VacateReason, Waiter,
    WaiterKind,
};
use crate::fairness::Fairness;
use crate::slot::{PoolParts, RawGuard};

#[test]
fn a_slot_is_released_once() {
    let pool = filled::<1>();
    let slot = pool.try_slot().unwrap().index();
    assert_eq!(pool.engine().release_once(slot), Released::Now);
    assert_eq!(pool.engine().release_once(slot), Released::Already);
    assert_counts(&pool, [0, 1, 0, 0]);
}

#[test]
fn a_release_once_tells_that_a_caller_waits() {
    let pool = filled::<1>();
    let slot = pool.try_slot().unwrap().index();
    let wait = wait(&pool);
    assert_waits(&wait);
    assert_eq!(pool.engine().release_once(slot), Released::NotYet);
    assert_counts(&pool, [1, 0, 0, 1]);
    let (released, wakes) = pool.engine().release_once_locked(slot);
    drop(wakes);
    assert_eq!(released, Ok(None));
    drop(pool.held(served(&wait)));
    assert_counts(&pool, [0, 1, 0, 0]);
}

/// The slot is not idle in between. So a thread that has closed the pool and waits for the slot, to end the pool then,
/// does not go on before the slot's owner has vacated it.
#[test]
fn a_slot_of_a_closed_pool_is_vacated_by_its_owner() {
    let pool = filled::<1>();
    let slot = pool.try_slot().unwrap().index();
    pool.close();
    assert_eq!(pool.engine().release_once(slot), Released::NotYet);
    let (released, wakes) = pool.engine().release_once_locked(slot);
    drop(wakes);
    let (to_vacate, why) = released.unwrap().unwrap();
    assert_eq!((to_vacate.index(), why), (slot, VacateReason::Closed));
    assert!(!pool.engine().is_unused());
    pool.dispose(to_vacate, why);
    assert!(pool.engine().is_unused());
}

#[test]
fn a_surplus_slot_is_vacated_by_its_owner() {
    let pool = filled::<2>();
    let slots = [pool.try_slot().unwrap().index(), pool.try_slot().unwrap().index()];
    pool.resize(1);
    let (released, wakes) = pool.engine().release_once_locked(slots[0]);
    drop(wakes);
    let (to_vacate, why) = released.unwrap().unwrap();
    assert_eq!((to_vacate.index(), why), (slots[0], VacateReason::Surplus));
    pool.dispose(to_vacate, why);
    assert_eq!(pool.engine().release_once(slots[1]), Released::Now);
    assert_counts(&pool, [0, 1, 0, 0]);
}

/// A copy of the lease was released first, between the caller's look at the word and its hold of the lock.
#[test]
fn a_slot_released_under_the_lock_is_released_once() {
    let pool = filled::<1>();
    let slot = pool.try_slot().unwrap().index();
    assert_eq!(pool.engine().release_once(slot), Released::Now);
    let (released, wakes) = pool.engine().release_once_locked(slot);
    drop(wakes);
    assert_eq!(released, Err(DoubleRelease));
    assert_counts(&pool, [0, 1, 0, 0]);
}

#[test]
fn a_pool_with_a_waiter_or_a_slot_in_use_is_not_unused() {
    let pool = filled::<1>();
    assert!(pool.engine().is_unused());
    let slot = pool.try_slot().unwrap().index();
    assert!(!pool.engine().is_unused());
    pool.resize(0);
    assert!(pool.release_once(slot));
    assert!(pool.engine().is_unused());
    let waiting = wait(&pool);
    assert_waits(&waiting);
    assert!(!pool.engine().is_unused());
    drop(waiting);
    assert!(pool.engine().is_unused());
}

/// A waker that counts.
#[derive(Default)]
pub(super) struct Calls(pub(super) AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Puts a waiter into the wait queue.
pub(super) fn queue<const N: usize>(pool: &Rig<u32, N>, waiter: Pin<&Waiter>) -> Arc<Calls> {
    let calls = Arc::<Calls>::default();
    // SAFETY: the waiter is fresh; each test ends its wait before it goes.
    let (joined, wakes) = unsafe { pool.join(waiter, Arc::clone(&calls).into(), Position::Last) };
    drop(wakes);
    assert_eq!(joined, Joined::Queued);
    calls
}

fn granted<const N: usize>(pool: &Rig<u32, N>, waiter: Pin<&Waiter>) -> Option<SlotToken> {
    let (seen, wakes) = pool.check(waiter);
    drop(wakes);
    match seen {
        Poll::Ready(slot) => Some(slot.expect("the pool is open")),
        Poll::Pending => None,
    }
}

#[test]
fn a_withdrawn_callback_is_not_called_and_the_next_one_is() {
    let pool = filled::<1>();
    let held = pool.held(pool.try_slot().unwrap());
    let (first, second) = (pin!(Waiter::new(WaiterKind::Callback)), pin!(Waiter::new(WaiterKind::Callback)));
    let calls = [queue(&pool, first.as_ref()), queue(&pool, second.as_ref())];
    assert!(pool.engine().withdraw(first.as_ref()));
    assert!(!pool.engine().withdraw(first.as_ref()), "it is in no queue");
    drop(held);
    assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [0, 1]);
    assert!(!pool.engine().withdraw(second.as_ref()), "it has its slot");
    drop(pool.held(granted(&pool, second.as_ref()).unwrap()));
    assert_counts(&pool, [0, 1, 0, 0]);
    assert_metrics(&pool, [2, 1, 0, 1]);
}

/// A callback that was not queued when it was withdrawn must not join again: it may have been about to.
#[test]
fn a_callback_withdrawn_in_time_may_join_again_and_one_withdrawn_late_may_not() {
    let pool = filled::<1>();
    let held = pool.held(pool.try_slot().unwrap());
    let waiter = pin!(Waiter::new(WaiterKind::Callback));
    drop(queue(&pool, waiter.as_ref()));
    assert!(pool.engine().withdraw(waiter.as_ref()));
    drop(queue(&pool, waiter.as_ref()));
    assert!(pool.engine().withdraw(waiter.as_ref()));
    assert!(!pool.engine().withdraw(waiter.as_ref()));
    // SAFETY: it is in no queue, and does not join one.
    let (joined, wakes) = unsafe { pool.join(waiter.as_ref(), Waker::noop().clone(), Position::Again) };
    drop(wakes);
    assert_eq!(joined, Joined::CancelledLate);
    drop(held);
    assert_counts(&pool, [0, 1, 0, 0]);
}

/// The pool must not be ended before the callback was called, which may be later.
#[test]
fn a_dismissed_callback_counts_as_waiting_until_it_was_told() {
    let pool = filled::<1>();
    let held = pool.held(pool.try_slot().unwrap());
    let (told, leaves) = (pin!(Waiter::new(WaiterKind::Callback)), pin!(Waiter::new(WaiterKind::Callback)));
    let task = wait(&pool);
    let calls = [queue(&pool, told.as_ref()), queue(&pool, leaves.as_ref())];
    assert_waits(&task);
    pool.close();
    drop(held);
    assert_counts(&pool, [0, 0, 1, 2]);
    assert!(!pool.engine().is_unused());
    let (seen, wakes) = pool.check(told.as_ref());
    drop(wakes);
    assert_eq!(seen, Poll::Ready(None));
    let (left, wakes) = pool.leave(leaves.as_ref(), LeaveReason::Cancelled);
    drop(wakes);
    assert_eq!(left, Left::Dismissed);
    assert_counts(&pool, [0, 0, 1, 0]);
    assert!(pool.engine().is_unused());
    assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [1, 1]);
}

/// Both got an unfit connection. The one that arrived later returns later, and is queued behind the other.
#[test]
fn several_who_come_again_keep_their_order() {
    let pool = Rig::<u32, 2>::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    pool.insert(8).unwrap();
    let held = [(); 2].map(|()| pool.held(pool.try_slot().unwrap()));
    let waiters = [pin!(Waiter::new(WaiterKind::Callback)), pin!(Waiter::new(WaiterKind::Callback))];
    let calls = waiters.each_ref().map(|waiter| queue(&pool, waiter.as_ref()));
    drop(held);
    let unfit = waiters.each_ref().map(|waiter| granted(&pool, waiter.as_ref()).unwrap());
    for (waiter, slot) in waiters.iter().zip(unfit) {
        assert_eq!(pool.reject(pool.held(slot)), None);
        // SAFETY: in no queue any more, and it is served below.
        let (joined, wakes) = unsafe { pool.join(waiter.as_ref(), Waker::noop().clone(), Position::Again) };
        drop(wakes);
        assert_eq!(joined, Joined::Queued);
    }
    pool.insert(9).unwrap();
    assert_eq!(granted(&pool, waiters[1].as_ref()), None);
    pool.held(granted(&pool, waiters[0].as_ref()).unwrap()).discard();
    pool.insert(9).unwrap();
    drop(pool.held(granted(&pool, waiters[1].as_ref()).unwrap()));
    assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [1, 1]);
}

/// A thread whose deadline has passed finds that it was granted a slot: it owns the slot, and connects in it.
#[test]
fn a_timeout_keeps_a_vacant_slot_that_was_granted() {
    let pool = Rig::<u32, 1>::new(1, Fairness::Fifo);
    let slot = pool.try_slot().unwrap();
    let late = pin!(Waiter::new(WaiterKind::Thread));
    let calls = queue(&pool, late.as_ref());
    pool.fail(slot);
    assert_eq!(calls.0.load(Relaxed), 1);
    let (left, wakes) = pool.leave(late.as_ref(), LeaveReason::TimedOut);
    drop(wakes);
    let Left::Granted(slot) = left else { panic!("{left:?}") };
    drop(pool.connect(slot, 7));
    assert_counts(&pool, [0, 1, 0, 0]);
    assert_eq!(pool.engine().metrics().timed_out, 0);
}

#[test]
fn a_callback_has_its_slot_when_it_is_called() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(9)] {
        let pool = Rig::<u32, 1>::new(1, fairness);
        let slot = pool.try_slot().unwrap();
        let waiter = pin!(Waiter::new(WaiterKind::Callback));
        let calls = queue(&pool, waiter.as_ref());
        pool.fail(slot);
        assert_eq!(calls.0.load(Relaxed), 1);
        assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted), "{fairness:?}");
        pool.fail(granted(&pool, waiter.as_ref()).unwrap());
    }
}

/// The thread that calls it must not connect for it. A thread that waits behind it connects for itself.
#[test]
fn a_callback_that_is_spared_waits_for_a_connection() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(9)] {
        let mut pool = Rig::<u32, 1>::new(1, fairness);
        pool.spare_callbacks();
        let slot = pool.try_slot().unwrap();
        let callback = pin!(Waiter::new(WaiterKind::Callback));
        let calls = queue(&pool, callback.as_ref());
        pool.fail(slot);
        assert_eq!(calls.0.load(Relaxed), 0, "{fairness:?}");
        let slot = pool.engine().claim_wanted(0).expect("it wants a connection");
        assert_eq!(pool.engine().claim_wanted(0), None);
        drop(pool.connect(slot, 7));
        assert_eq!(calls.0.load(Relaxed), 1);
        let (thread, slot) = (pin!(Waiter::new(WaiterKind::Thread)), granted(&pool, callback.as_ref()).unwrap());
        let again = pin!(Waiter::new(WaiterKind::Callback));
        let calls = [queue(&pool, again.as_ref()), queue(&pool, thread.as_ref())];
        pool.held(slot).discard();
        assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [0, 1]);
        drop(pool.connect(granted(&pool, thread.as_ref()).unwrap(), 8));
        drop(pool.held(granted(&pool, again.as_ref()).unwrap()));
    }
}

/// A callback that picks up its slot does not serve the queue: a task that was woken to compete still has to.
#[test]
fn a_callback_that_takes_its_slot_serves_no_other_waiter() {
    let pool = Rig::<u32, 2>::new(2, Fairness::Bounded(9));
    let held = [pool.try_slot().unwrap(), pool.try_slot().unwrap()].map(|slot| pool.connect(slot, 7));
    let (callback, task) = (pin!(Waiter::new(WaiterKind::Callback)), pin!(Waiter::new(WaiterKind::Task)));
    let calls = [queue(&pool, callback.as_ref()), queue(&pool, task.as_ref())];
    drop(held);
    assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [1, 1]);
    let own = pool.held(granted(&pool, callback.as_ref()).unwrap());
    let newcomer = pool.held(pool.try_slot().expect("the task was woken, and not served"));
    assert_eq!(granted(&pool, task.as_ref()), None);
    drop((own, newcomer));
    drop(pool.held(granted(&pool, task.as_ref()).unwrap()));
    assert_counts(&pool, [0, 2, 0, 0]);
}

/// A callback is granted a slot outright. A waiter before it must not only be woken, since a newcomer could then take
/// its slot: both are served in the order of arrival.
#[test]
fn a_callback_is_not_served_before_a_task_that_came_first() {
    let pool = Rig::<u32, 2>::new(2, Fairness::Bounded(9));
    let held = [pool.try_slot().unwrap(), pool.try_slot().unwrap()].map(|slot| pool.connect(slot, 7));
    let (task, callback) = (pin!(Waiter::new(WaiterKind::Task)), pin!(Waiter::new(WaiterKind::Callback)));
    let calls = [queue(&pool, task.as_ref()), queue(&pool, callback.as_ref())];
    // Both slots are released before the wait queue is served.
    let slots = held.map(|held: RawGuard<_>| held.into_parts().1);
    assert!(slots.map(|slot| pool.engine().release(slot)).iter().all(|is_slow| *is_slow));
    let mut wakes = pool.engine().batch();
    assert!(pool.engine().release_slow(&mut wakes).is_none());
    drop(wakes);
    assert_eq!(calls.map(|calls| calls.0.load(Relaxed)), [1, 1]);
    assert_eq!(pool.try_slot(), Err(AcquireError::Exhausted), "a newcomer took what the task was woken for");
    let slots = [task, callback].map(|waiter| granted(&pool, waiter.as_ref()).unwrap());
    drop(slots.map(|slot| pool.held(slot)));
    assert_counts(&pool, [0, 2, 0, 0]);
}

/// Also where one word has more of them than half of its bits.
#[test]
fn each_slot_is_released_in_its_own_place() {
    const SLOTS: usize = usize::BITS as usize - 8;
    let pool = filled::<SLOTS>();
    let slots = [(); SLOTS].map(|()| pool.try_slot().unwrap().index());
    for slot in slots {
        assert_eq!(pool.engine().release_once(slot), Released::Now, "slot {slot}");
        assert_eq!(pool.try_slot().unwrap().index(), slot);
    }
}
