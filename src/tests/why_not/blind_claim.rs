//! Why is a slot claimed by exchanging the whole word, and not by clearing its bit?

use std::sync::Arc;

use loom::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::thread;

use super::{FREE, SLOW, Word};

/// Clears the bit of a word that looked free and unattended; the old word tells whether the bit was there. It returns the
/// word from which the slot was taken.
///
/// 1. The newcomer sees a free slot and no SLOW.
/// 2. Somebody takes the slot, a waiter finds none, sets SLOW and stands in line, and the slot is given back.
/// 3. The newcomer clears the bit, which is set: it has overtaken the waiter.
fn clear_the_bit(word: &Word) -> Option<usize> {
    if word.0.load(Relaxed) != FREE {
        return None;
    }
    let before = word.0.fetch_and(!FREE, Acquire);
    (before & FREE != 0).then_some(before)
}

/// Exchanges the word that it saw. The exchange fails if SLOW came up in between.
fn exchange_the_word(word: &Word) -> Option<usize> {
    let seen = word.0.load(Relaxed);
    if seen != FREE {
        return None;
    }
    word.0.compare_exchange(seen, seen & !FREE, Acquire, Relaxed).ok()
}

fn nobody_overtakes_the_line(claim: fn(&Word) -> Option<usize>) {
    loom::model(move || {
        let word = Arc::new(Word::new(FREE));
        let newcomer = {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                if let Some(before) = claim(&word) {
                    assert_eq!(before & SLOW, 0, "took a slot past the line");
                }
            })
        };
        // What others do meanwhile, in this order: one takes the slot, one joins the line, the first gives it back.
        if word.claim_locked() {
            word.close_fast_path();
            word.release();
        }
        newcomer.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "took a slot past the line")]
fn clearing_the_bit_blindly_overtakes_the_line() {
    nobody_overtakes_the_line(clear_the_bit);
}

#[test]
fn exchanging_the_whole_word_does_not_overtake() {
    nobody_overtakes_the_line(exchange_the_word);
}
