//! What each operation costs, by counting: figures that do not depend on the machine.
//!
//! | operation | read-modify-writes | locks |
//! |---|---|---|
//! | `try_get`, `get` when something is free | 1 | 0 |
//! | dropping the guard when nobody waits | 1 | 0 |
//! | a use that sets a new record of connections in use | 1 more | 0 |
//! | `try_get` when nothing is free, one word | 0 | 0 |
//!
//! There is no fence in the crate to count: `sync` exports none.

extern crate std;

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};
use std::boxed::Box;

use crate::sync::count::{Spent, during};
use crate::{ConnGuard, Pool};

const TWO: Spent = Spent { rmws: 2, locks: 0 };

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
fn get_async_on_a_free_pool_takes_two_rmws() {
    let pool = filled::<8>();
    let ((), spent) = during(|| {
        let ready = pin!(pool.get_async()).poll(&mut Context::from_waker(Waker::noop()));
        assert!(ready.is_ready());
    });
    assert_eq!(spent, TWO);
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
fn a_new_record_of_connections_in_use_costs_one_more_rmw_once() {
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
    assert_eq!(during(|| pool.try_get().is_err()), (true, Spent { rmws: 0, locks: 0 }));
}

#[test]
fn reading_status_and_metrics_takes_no_lock() {
    let pool = filled::<8>();
    assert_eq!(during(|| pool.status()).1, Spent { rmws: 0, locks: 0 });
    assert_eq!(during(|| pool.metrics()).1.locks, 0);
}

#[test]
fn the_counters_count() {
    let pool = Pool::from([1_u64]);
    assert_eq!(during(|| ConnGuard::discard(pool.try_get().unwrap())).1.locks, 1);
    assert_eq!(during(|| pool.close()).1.locks, 2);
}

/// Without `std`: three words a slot, and 160 bytes a pool, beside the connections. With `std` the pool also has the
/// histogram of waiting times.
#[test]
#[cfg(not(feature = "std"))]
fn a_pool_is_small() {
    fn check<C, const N: usize>() {
        let most = size_of::<[C; N]>() + N * 3 * size_of::<usize>() + 160;
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
    struct Line(#[expect(dead_code, reason = "only its size matters")] u8);
    assert_eq!(size_of::<Pool<Line, 9>>() - size_of::<Pool<Line, 8>>(), 2 * size_of::<Line>());
}

#[test]
fn a_guard_is_two_words() {
    assert_eq!(size_of::<ConnGuard<'_, [u8; 99], 8>>(), 2 * size_of::<usize>());
}
