//! Why is the fast path opened last of all, and not whenever the line is found empty? (This was a bug of ours once.)

use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use super::{Parker, Word};

/// The slot is held. The lock guards the line, which has room for the one waiter of this model.
struct Pool {
    word: Word,
    line: Mutex<WaitQueue>,
    waiter: Parker,
}

#[derive(Default)]
struct WaitQueue {
    waits: bool,
    granted: bool,
}

impl Pool {
    /// Serves the line, and opens the fast path if nobody stands in it.
    fn settle(&self, line: &mut WaitQueue) {
        if line.waits && self.word.claim_locked() {
            *line = WaitQueue { waits: false, granted: true };
        }
        if !line.waits {
            self.word.open_fast_path();
        }
    }

    fn release(&self) {
        if self.word.release() {
            self.settle(&mut self.line.lock().unwrap());
            self.waiter.unpark();
        }
    }

    fn wait(&self, join: fn(&Self, &mut WaitQueue) -> bool) {
        if join(self, &mut self.line.lock().unwrap()) {
            return;
        }
        while !self.line.lock().unwrap().granted {
            self.waiter.park();
        }
    }
}

/// Closes the fast path, settles (others may have to be served first), looks, and joins the line.
///
/// 1. The waiter sets SLOW. Nobody is in line, so settling clears it at once.
/// 2. The waiter looks: nothing is free.
/// 3. The giver adds the bit and sees no SLOW: nobody to serve.
/// 4. The waiter joins the line and sleeps, beside a free slot.
fn settle_then_join(pool: &Pool, line: &mut WaitQueue) -> bool {
    pool.word.close_fast_path();
    pool.settle(line);
    if pool.word.claim_locked() {
        return true;
    }
    line.waits = true;
    false
}

/// The same, but the fast path is not opened before the waiter has joined the line or gone.
fn join_then_settle(pool: &Pool, line: &mut WaitQueue) -> bool {
    pool.word.close_fast_path();
    let found = pool.word.claim_locked();
    line.waits = !found;
    pool.settle(line);
    found
}

fn a_held_slot_reaches_the_waiter(join: fn(&Pool, &mut WaitQueue) -> bool) {
    loom::model(move || {
        let (word, line) = (Word::new(0), Mutex::new(WaitQueue::default()));
        let pool = Arc::new(Pool { word, line, waiter: Parker::new() });
        let waiter = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.wait(join))
        };
        pool.release();
        waiter.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn opening_the_fast_path_before_joining_sleeps_beside_a_free_slot() {
    a_held_slot_reaches_the_waiter(settle_then_join);
}

#[test]
fn opening_the_fast_path_last_is_safe() {
    a_held_slot_reaches_the_waiter(join_then_settle);
}
