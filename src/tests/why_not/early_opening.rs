//! Why is the fast path opened last of all, and not whenever the queue is found empty? (The engine once had this bug.)

use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use super::{Parker, Word};

/// The slot is in use. The lock guards the queue, which has room for the one waiter of this model.
struct Pool {
    word: Word,
    queue: Mutex<WaitQueue>,
    waiter: Parker,
}

#[derive(Default)]
struct WaitQueue {
    waits: bool,
    granted: bool,
}

impl Pool {
    /// Serves the waiter, and opens the fast path if the queue is empty.
    fn settle(&self, queue: &mut WaitQueue) {
        if queue.waits && self.word.claim_locked() {
            *queue = WaitQueue { waits: false, granted: true };
        }
        if !queue.waits {
            self.word.open_fast_path();
        }
    }

    fn release(&self) {
        if self.word.release() {
            self.settle(&mut self.queue.lock().unwrap());
            self.waiter.unpark();
        }
    }

    fn wait(&self, join: fn(&Self, &mut WaitQueue) -> bool) {
        if join(self, &mut self.queue.lock().unwrap()) {
            return;
        }
        while !self.queue.lock().unwrap().granted {
            self.waiter.park();
        }
    }
}

/// Closes the fast path, settles (earlier waiters may have to be served first), looks, and joins the queue.
///
/// 1. The waiter sets SLOW. The queue is empty, so settling clears it at once.
/// 2. The waiter looks: nothing is free.
/// 3. The release adds the bit and sees no SLOW: it has no waiter to serve.
/// 4. The waiter joins the queue and sleeps, beside a free slot.
fn settle_then_join(pool: &Pool, queue: &mut WaitQueue) -> bool {
    pool.word.close_fast_path();
    pool.settle(queue);
    if pool.word.claim_locked() {
        return true;
    }
    queue.waits = true;
    false
}

/// The same, but the fast path is not opened before the waiter has joined the queue or found a slot.
fn join_then_settle(pool: &Pool, queue: &mut WaitQueue) -> bool {
    pool.word.close_fast_path();
    let found = pool.word.claim_locked();
    queue.waits = !found;
    pool.settle(queue);
    found
}

fn a_released_slot_reaches_the_waiter(join: fn(&Pool, &mut WaitQueue) -> bool) {
    loom::model(move || {
        let queue = Mutex::new(WaitQueue::default());
        let pool = Arc::new(Pool { word: Word::new(0), queue, waiter: Parker::new() });
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
    a_released_slot_reaches_the_waiter(settle_then_join);
}

#[test]
fn opening_the_fast_path_last_is_safe() {
    a_released_slot_reaches_the_waiter(join_then_settle);
}
