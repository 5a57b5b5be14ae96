//! What each operation costs, by counting: numbers that do not depend on the machine.
//!
//! | operation | read-modify-writes | locks |
//! |---|---|---|
//! | `try_get`, `get` when something is free | 1 | 0 |
//! | dropping the guard when no caller waits | 1 | 0 |
//! | a use that raises the peak of connections in use | 1 more | 0 |
//! | `try_get` when nothing is free, one word | 0 | 0 |
//! | `try_get` when nothing is free, more words | 2 for each word | 1 |
//! | the same in a pool of more than eight words, which closes and opens the fast path apart | 2 for each word | 3 |
//! | `try_get` when a caller waits already | 0 | 0 |
//! | a thread that waits until its time is up, two words | 5 | 2 |
//! | the same under `Fairness::Bounded`, where it looks once more before it joins the queue | 9 | 3 |
//! | `retain`, for each idle connection | 2 | 0 |
//! | a release with a check that the slot is in use | 1 | 0 |
//! | in a pool that connects: `try_get` when nothing is free and nothing vacant | 2 for each word | 1 |
//! | in a pool that connects: `try_get` of a vacant slot | 2 for each word | 1 |
//! | in a pool that connects: a connect ends, well or not | 0 | 1 |
//!
//! What a managed pool adds is in `cost/managed.rs`. There is no fence in the crate to count: `sync` exports none.

extern crate std;

mod managed;

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use std::boxed::Box;

#[cfg(feature = "std")]
use crate::engine::VacateReason;
use crate::engine::{AcquireError, ClaimError, Released, SlotToken};
use crate::slot::PoolParts;
use crate::sync::count::{Spent, during};
use crate::tests::rig::Rig;
use crate::{ConnGuard, Fairness, Pool, TryGetError};

const NOTHING: Spent = Spent { rmws: 0, locks: 0 };
const TWO: Spent = Spent { rmws: 2, locks: 0 };
/// What it takes to record a duration: its bucket, and the sum.
const RECORD: usize = if cfg!(feature = "std") { 2 } else { 0 };

fn filled<const N: usize>() -> Box<Pool<u64, N>> {
    Box::new(Pool::from_fn(|number| number as u64))
}

fn try_get_and_drop<const N: usize>() {
    let pool = filled::<N>();
    for _ in 0..3 {
        assert_eq!(during(|| drop(pool.try_get().unwrap())).1, TWO, "N = {N}");
    }
}

#[test]
fn try_get_and_drop_take_two_rmws() {
    try_get_and_drop::<1>();
    try_get_and_drop::<8>();
    try_get_and_drop::<64>();
    try_get_and_drop::<1000>();
}

#[test]
#[cfg(feature = "std")]
fn get_and_drop_take_two_rmws() {
    fn get_and_drop<const N: usize>() {
        let pool = filled::<N>();
        assert_eq!(during(|| drop(pool.get().unwrap())).1, TWO, "N = {N}");
        let patient = core::time::Duration::from_secs(9);
        assert_eq!(during(|| drop(pool.get_timeout(patient).unwrap())).1, TWO, "N = {N}");
    }
    get_and_drop::<1>();
    get_and_drop::<8>();
    get_and_drop::<64>();
    get_and_drop::<1000>();
}

#[test]
#[cfg(feature = "std")]
fn get_and_drop_of_a_managed_pool_take_two_rmws() {
    let pool = managed::used(managed::TIMELESS);
    assert_eq!(during(|| drop(pool.get().unwrap())).1, TWO);
    assert_eq!(during(|| drop(pool.get_timeout(core::time::Duration::ZERO).unwrap())).1, TWO);
}

#[test]
fn get_async_takes_two_rmws_if_any_slot_is_free() {
    let pool = filled::<8>();
    let get = || assert!(pin!(pool.get_async()).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(during(get).1, TWO);
    let _first = pool.try_get().unwrap();
    get();
    assert_eq!(during(get).1, TWO, "the peak of connections in use is known");
}

#[test]
fn the_last_free_slot_of_many_costs_no_more() {
    let pool = filled::<1000>();
    let mut held: std::vec::Vec<_> = (0..1000).map(|_| pool.try_get().unwrap()).collect();
    for last in [0, 500, 999] {
        let guard = held.swap_remove(last);
        drop(guard);
        assert_eq!(during(|| drop(pool.try_get().unwrap())).1, TWO, "slot {last}");
        held.push(pool.try_get().unwrap());
    }
}

#[test]
fn a_new_peak_of_connections_in_use_costs_one_more_rmw_once() {
    let pool = Pool::from([1_u64, 2, 3]);
    let (first, spent) = during(|| pool.try_get().unwrap());
    assert_eq!(spent, Spent { rmws: 1, locks: 0 });
    let (second, spent) = during(|| pool.try_get().unwrap());
    assert_eq!(spent, Spent { rmws: 2, locks: 0 });
    drop(second);
    assert_eq!(during(|| drop(pool.try_get().unwrap())).1, TWO);
    drop(first);
}

#[test]
fn an_exhausted_pool_of_one_word_is_refused_without_any() {
    let pool = Pool::from([1_u64]);
    let _held = pool.try_get().unwrap();
    assert_eq!(during(|| pool.try_get().is_err()), (true, NOTHING));
}

/// A look at several words proves nothing unless no slot can be claimed meanwhile.
#[cfg(feature = "std")]
#[test]
fn an_exhausted_pool_of_two_words_is_refused_under_the_lock() {
    let pool = filled::<8>();
    let held = [(); 8].map(|()| pool.try_get().unwrap());
    assert_eq!(during(|| pool.try_get().is_err()), (true, Spent { rmws: 4, locks: 1 }));
    drop(held);
    assert_eq!(during(|| drop(pool.try_get().unwrap())).1, TWO, "the fast path is open again");
}

/// So that no hold passes over the words more than once.
#[cfg(feature = "std")]
#[test]
fn with_more_than_eight_words_each_pass_over_them_is_a_hold_of_its_own() {
    fn refused<const N: usize>() -> Spent {
        let pool = filled::<N>();
        let _held = [(); N].map(|()| pool.try_get().unwrap());
        during(|| assert!(pool.try_get().is_err())).1
    }
    assert_eq!(refused::<256>(), Spent { rmws: 16, locks: 1 });
    assert_eq!(refused::<257>(), Spent { rmws: 18, locks: 3 });
}

#[test]
fn a_newcomer_that_finds_a_waiter_is_refused_without_any() {
    let pool = filled::<8>();
    let held = [(); 8].map(|()| pool.try_get().unwrap());
    let mut waiting = pin!(pool.get_async());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(during(|| pool.try_get().is_err()), (true, NOTHING));
    drop(held);
}

/// Under `Fairness::Fifo` callers that arrive meanwhile would be queued before it.
#[cfg(feature = "std")]
#[test]
fn a_thread_looks_once_more_before_it_joins_the_queue_if_waiters_may_be_overtaken() {
    for (fairness, expected) in
        [(Fairness::Fifo, Spent { rmws: 5, locks: 2 }), (Fairness::Bounded(1), Spent { rmws: 9, locks: 3 })]
    {
        let pool = filled::<8>().with_fairness(fairness);
        let _held = [(); 8].map(|()| pool.try_get().unwrap());
        let (refused, spent) = during(|| pool.get_timeout(core::time::Duration::from_millis(1)).is_err());
        assert_eq!((refused, spent), (true, expected), "{fairness:?}");
    }
}

#[test]
fn when_nothing_keeps_it_closed_the_fast_path_is_open_again() {
    for fairness in [Fairness::Fifo, Fairness::Bounded(3)] {
        let pool = filled::<8>().with_fairness(fairness);
        let check = |when: &str| {
            for _ in 0..8 {
                assert_eq!(during(|| drop(pool.try_get().unwrap())).1, TWO, "{fairness:?}, {when}");
            }
        };
        let held = [(); 8].map(|()| pool.try_get().unwrap());
        {
            let mut served = pin!(pool.get_async());
            let mut left = pin!(pool.get_async());
            assert!(served.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert!(left.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(held);
            assert!(served.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        check("one waiter was served, the other has left");
        let held = [(); 8].map(|()| pool.try_get().unwrap());
        pool.resize(6).unwrap();
        drop(held);
        check("the surplus was released");
        pool.resize(8).unwrap();
        check("the pool has grown");
        ConnGuard::discard(pool.try_get().unwrap());
        pool.insert(8).unwrap();
        check("a connection was replaced");
    }
}

/// So that none is long: one in which the caller says where to go, one for each slot, and one to open the fast path.
#[cfg(not(feature = "std"))]
#[test]
fn a_resize_without_std_is_a_hold_for_each_slot() {
    let pool = filled::<8>();
    for (max_size, slots) in [(5, 3), (7, 2), (8, 1)] {
        assert_eq!(during(|| pool.resize(max_size).unwrap()).1.locks, 2 + slots);
    }
}

/// It goes to its end and not beyond: whatever is vacant, and whatever is being dropped meanwhile.
#[cfg(feature = "std")]
#[test]
fn a_resize_of_few_slots_is_one_hold() {
    let pool: Rig<u64, 3> = Rig::new(0, Fairness::Fifo);
    let resize = |max_size| assert_eq!(during(|| pool.resize(max_size)).1.locks, 1, "to {max_size}");
    resize(1);
    resize(3);
    (0..3).for_each(|_| pool.insert(7).unwrap());
    resize(0);
    let [first, second, third] = [(); 3].map(|()| pool.engine().claim_surplus().unwrap());
    resize(1);
    resize(2);
    pool.dispose(first, VacateReason::Surplus);
    resize(1);
    pool.dispose(second, VacateReason::Surplus);
    pool.dispose(third, VacateReason::Surplus);
    let status = pool.engine().status();
    assert_eq!((status.max_size, status.vacant), (1, 1));
}

#[test]
fn a_visit_takes_two_rmws_for_each_connection_and_no_lock() {
    let pool = filled::<300>();
    let held = [(); 100].map(|()| pool.try_get().unwrap());
    let (retained, spent) = during(|| pool.retain(|_| true));
    assert_eq!((retained.kept, spent), (200, Spent { rmws: 400, locks: 0 }));
    drop(held);
}

/// As it does for a moment while another thread resizes the pool, say.
#[test]
fn a_visit_that_finds_the_fast_path_closed_misses_nothing() {
    let pool = filled::<8>();
    // It knows its slow path from then on.
    pool.resize(8).unwrap();
    let map = pool.engine().bitmap();
    map.close_fast_path();
    let (retained, spent) = during(|| pool.retain(|_| true));
    assert_eq!((retained.kept, spent.rmws), (8, 16));
    map.open_fast_path();
}

/// In a pool of more than eight words, a search begins at the word that the hint names, not at the next one.
#[test]
fn the_word_that_last_gained_a_free_slot_is_searched_before_the_others() {
    let pool = filled::<300>();
    let mut held = [(); 300].map(|()| Some(pool.try_get().unwrap()));
    let mut release = |slot: u64| drop(held.iter_mut().find(|held| held.as_deref() == Some(&slot)).unwrap().take());
    // Words of 32: slots 100 and 101 are in word 3, slot 200 is in word 6.
    release(100);
    release(200);
    release(101);
    let first = pool.try_get().unwrap();
    assert_eq!(*first, 200, "word 3 had a free slot already when slot 101 was released");
    assert_eq!([pool.try_get(), pool.try_get()].map(|guard| *guard.unwrap()), [100, 101]);
}

#[test]
fn with_up_to_eight_words_the_next_word_is_the_one_to_search() {
    let pool = filled::<64>();
    let mut held = [(); 64].map(|()| Some(pool.try_get().unwrap()));
    // Words of 8.
    held[20] = None;
    held[50] = None;
    let (found, spent) = during(|| pool.try_get().unwrap());
    assert_eq!((*found, spent), (20, Spent { rmws: 1, locks: 0 }));
}

/// Until a thread has collided with another, it begins at the first word; from then on at a word of its own, and goes
/// on from there.
#[test]
#[cfg(feature = "std")]
fn a_thread_that_has_met_another_begins_at_a_word_of_its_own() {
    use crate::sync::{collided, home};

    let pool = filled::<16>();
    assert_eq!(*pool.try_get().unwrap(), 0);
    // Homes are numbered in a row, so some of these threads begin at each of the four words.
    for _ in 0..8 {
        let pool = &pool;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                collided();
                let (own, one) = (4 * (home() % 4), filled::<1>());
                let held = [(); 16].map(|()| pool.try_get().unwrap());
                let numbers = held.each_ref().map(|guard| usize::try_from(**guard).unwrap());
                assert_eq!(numbers, core::array::from_fn(|turn| (own + turn) % 16));
                assert!(one.try_get().is_ok(), "a pool of one word has the same one for every thread");
            });
        });
    }
}

#[test]
fn a_release_with_a_check_takes_one_rmw() {
    let pool: Rig<u64, 8> = Rig::new(0, Fairness::Fifo);
    pool.insert(7).unwrap();
    let slot = pool.try_slot().unwrap().index();
    assert_eq!(during(|| pool.engine().release_once(slot)), (Released::Now, Spent { rmws: 1, locks: 0 }));
    assert_eq!(during(|| pool.engine().release_once(slot)), (Released::Already, NOTHING));
}

/// Vacant slots are not in the bitmap. Looking at both is no snapshot, unless no slot can be claimed meanwhile.
#[cfg(feature = "std")]
#[test]
fn a_pool_that_connects_takes_the_lock_for_what_is_not_idle() {
    let pool: Rig<u64, 8> = Rig::new(8, Fairness::Fifo);
    let slots = [(); 8].map(|()| pool.try_slot().unwrap());
    assert_eq!(
        during(|| pool.try_slot()),
        (Err(AcquireError::Exhausted), Spent { rmws: 4, locks: 1 }),
        "nothing is vacant either"
    );
    for slot in slots {
        assert_eq!(during(|| pool.fail(slot)).1, Spent { rmws: 0, locks: 1 });
    }
    let (slot, spent) = during(|| pool.try_slot().unwrap());
    assert_eq!(spent, Spent { rmws: 4, locks: 1 });
    let (held, spent) = during(|| pool.connect(slot, 7));
    assert_eq!(spent, Spent { rmws: 0, locks: 1 });
    assert_eq!(during(|| drop(held)).1, Spent { rmws: 1, locks: 0 });
    assert_eq!(during(|| drop(pool.held(pool.try_slot().unwrap()))).1, TWO, "the fast path is open again");
}

/// What comes later in each word sees what was done before.
#[cfg(feature = "std")]
#[test]
fn publishing_to_claims_takes_one_rmw_a_word() {
    let pool = filled::<64>();
    assert_eq!(during(|| pool.engine().publish_to_claims()).1, Spent { rmws: 8, locks: 0 });
}

#[test]
fn reading_status_and_metrics_takes_no_lock() {
    let pool = filled::<8>();
    assert_eq!(during(|| pool.status()).1, NOTHING);
    assert_eq!(during(|| pool.metrics()).1.locks, 0);
}

#[test]
fn the_counters_count() {
    let pool = Pool::from([1_u64]);
    assert_eq!(during(|| ConnGuard::discard(pool.try_get().unwrap())).1.locks, 1);
    assert_eq!(during(|| pool.close()).1.locks, 2);
}

/// Without `std`: three words a slot, and 224 bytes a pool, beside the connections. With `std` the pool also has the
/// histogram of waiting times.
#[test]
#[cfg(not(feature = "std"))]
fn a_pool_is_small() {
    fn check<C, const N: usize>() {
        let most = size_of::<[C; N]>() + N * 3 * size_of::<usize>() + 224;
        let real = size_of::<Pool<C, N>>();
        assert!(real <= most, "Pool<{}, {N}> takes {real} bytes, more than {most}", core::any::type_name::<C>());
    }
    check::<(), 0>();
    check::<u8, 1>();
    check::<u32, 1>();
    check::<u64, 1>();
    check::<u128, 1>();
    check::<u8, 8>();
    check::<u64, 8>();
    check::<[u64; 5], 8>();
    check::<u128, 8>();
    check::<u64, 1000>();
    check::<u8, 4096>();
}

/// A connection that is aligned to more than two words pads the slot's two words up to its alignment.
#[test]
fn an_over_aligned_connection_pads_its_slot_to_its_alignment() {
    #[repr(align(64))]
    struct CacheLine(#[expect(dead_code, reason = "only its size matters")] u8);
    assert_eq!(size_of::<Pool<CacheLine, 9>>() - size_of::<Pool<CacheLine, 8>>(), 2 * size_of::<CacheLine>());
}

#[test]
fn a_guard_is_two_words() {
    assert_eq!(size_of::<ConnGuard<'_, [u8; 99], 8>>(), 2 * size_of::<usize>());
    #[cfg(feature = "alloc")]
    assert_eq!(size_of::<crate::OwnedConnGuard<[u8; 99], 8>>(), 2 * size_of::<usize>());
}

/// What is two words travels in registers. The error of `try_get` needs no third one: the guard's reference is never
/// null, which leaves room for it.
#[test]
fn an_answer_of_the_fast_path_is_two_words() {
    assert_eq!(size_of::<SlotToken>(), size_of::<usize>());
    assert_eq!(size_of::<Result<SlotToken, AcquireError>>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<Result<SlotToken, ClaimError>>(), 2 * size_of::<usize>());
    assert_eq!(size_of::<Result<ConnGuard<'_, u64, 8>, TryGetError>>(), 2 * size_of::<usize>());
}
