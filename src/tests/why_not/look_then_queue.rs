//! Why is the flag set before the look, and not after it?

use std::sync::Arc;

use loom::thread;

use super::{Parker, Word};

struct Pool {
    word: Word,
    waiter: Parker,
}

/// Looks, and sets the flag if nothing was free.
///
/// 1. The waiter looks: nothing is free.
/// 2. The release adds the bit and sees no SLOW: it has no waiter to wake.
/// 3. The waiter sets SLOW and sleeps, beside a free slot.
fn look_then_queue(pool: &Pool) {
    while !pool.word.claim_locked() {
        pool.word.close_fast_path();
        pool.waiter.park();
    }
}

/// Sets the flag, and looks. Either the addition of the release comes first and the look finds the bit, or the flag
/// comes first and the release sees it.
fn queue_then_look(pool: &Pool) {
    pool.word.close_fast_path();
    while !pool.word.claim_locked() {
        pool.waiter.park();
    }
}

fn a_released_slot_reaches_the_waiter(wait: fn(&Pool)) {
    loom::model(move || {
        let pool = Arc::new(Pool { word: Word::new(0), waiter: Parker::new() });
        let waiter = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || wait(&pool))
        };
        if pool.word.release() {
            pool.waiter.unpark();
        }
        waiter.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn looking_before_the_flag_is_set_sleeps_beside_a_free_slot() {
    a_released_slot_reaches_the_waiter(look_then_queue);
}

#[test]
fn looking_after_the_flag_is_set_is_enough() {
    a_released_slot_reaches_the_waiter(queue_then_look);
}
