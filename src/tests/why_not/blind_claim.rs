//! Why is a slot claimed by exchanging the whole word, and not by clearing its bit?

use std::sync::Arc;

use loom::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::thread;

use super::{FREE, SLOW, Word};

/// Clears the bit of a word that showed a free slot and no SLOW; the old word tells whether the bit was still there.
/// Answers the word from which the slot was claimed.
///
/// 1. The newcomer sees a free slot and no SLOW.
/// 2. Another caller claims the slot, a waiter finds none, sets SLOW and joins the queue, and the slot is released.
/// 3. The newcomer clears the bit, which is set: it has overtaken the waiter.
fn clear_the_bit(word: &Word) -> Option<usize> {
    if word.0.load(Relaxed) != FREE {
        return None;
    }
    let before = word.0.fetch_and(!FREE, Acquire);
    (before & FREE != 0).then_some(before)
}

/// Exchanges the word that it saw. The exchange fails if SLOW was set in between.
fn exchange_the_word(word: &Word) -> Option<usize> {
    let seen = word.0.load(Relaxed);
    if seen != FREE {
        return None;
    }
    word.0.compare_exchange(seen, seen & !FREE, Acquire, Relaxed).ok()
}

fn no_claim_overtakes_the_queue(claim: fn(&Word) -> Option<usize>) {
    loom::model(move || {
        let word = Arc::new(Word::new(FREE));
        let newcomer = {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                if let Some(before) = claim(&word) {
                    assert_eq!(before & SLOW, 0, "took a slot past the queue");
                }
            })
        };
        // What other callers do meanwhile, in this order: one claims the slot, one joins the queue, the first releases
        // it.
        if word.claim_locked() {
            word.close_fast_path();
            word.release();
        }
        newcomer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "took a slot past the queue")]
fn clearing_the_bit_blindly_overtakes_the_queue() {
    no_claim_overtakes_the_queue(clear_the_bit);
}

#[test]
fn exchanging_the_whole_word_does_not_overtake() {
    no_claim_overtakes_the_queue(exchange_the_word);
}
