//! Where connections are put: apart for threads that connect on demand, and spread where the pool connects.

extern crate std;

use super::Rig;
use super::tests::assert_counts;
use crate::fairness::Fairness;
use crate::sync::{home, move_home, thread_number};

/// Every slot is vacant.
fn vacant<const N: usize>() -> Rig<u32, N> {
    Rig::new(N, Fairness::Fifo)
}

/// Without `std` threads are not told apart.
fn has_homes() -> bool {
    thread_number() != 0
}

/// In another thread, since a thread keeps its home.
fn in_a_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Connects in a vacant slot; the connection stays in use.
fn slot_of_connect<const N: usize>(pool: &Rig<u32, N>) -> usize {
    let (_, slot) = pool.connect(pool.try_slot().unwrap(), 0).into_parts();
    slot.into_raw()
}

/// Four words of four slots.
#[test]
fn a_thread_connects_in_the_word_of_its_home() {
    if !has_homes() {
        return;
    }
    let pool = vacant::<16>();
    let slots = in_a_thread(|| {
        move_home(2 + 4);
        [(); 6].map(|()| slot_of_connect(&pool))
    });
    assert_eq!(slots, [8, 9, 10, 11, 12, 13]);
}

/// Two words of four slots.
#[test]
fn two_threads_that_connect_on_demand_end_in_different_words() {
    if !has_homes() {
        return;
    }
    for homes in [[0, 0], [1, 1], [2, 0], [0, 1]] {
        let pool = vacant::<8>();
        let words = homes.map(|number| {
            in_a_thread(|| {
                move_home(number);
                let slots = [(); 3].map(|()| slot_of_connect(&pool));
                let word = slots[0] / 4;
                assert_eq!(slots.map(|slot| slot / 4), [word; 3]);
                assert_eq!(home() % 2, word, "its claims begin there too");
                word
            })
        });
        assert_ne!(words[0], words[1], "homes {homes:?}");
        // A third one stays where it is: no word is left.
        assert_eq!(in_a_thread(|| slot_of_connect(&pool)), 3);
    }
}

#[cfg(feature = "std")]
#[test]
fn what_the_pool_connects_for_any_caller_is_spread_over_the_words() {
    let pool = vacant::<8>();
    assert!(pool.engine().begin_connector());
    let slots = [(); 8].map(|()| pool.engine().claim_wanted(8).unwrap().index());
    assert_eq!(slots, [0, 4, 1, 5, 2, 6, 3, 7]);
    assert!(pool.engine().claim_wanted(8).is_none());
}

/// The last word has a slot in which to keep its thread only if it has two.
fn the_last_word_of<const N: usize>() {
    let pool = vacant::<N>();
    let slots = in_a_thread(|| {
        move_home(1);
        [(); N].map(|()| slot_of_connect(&pool))
    });
    assert_eq!(slots, core::array::from_fn(|turn| (4 + turn) % N));
    assert_counts(&pool, [N, 0, 0, 0]);
}

#[test]
fn the_last_word_may_have_fewer_slots_than_the_others() {
    if has_homes() {
        the_last_word_of::<5>();
        the_last_word_of::<6>();
        the_last_word_of::<7>();
    }
}
