//! Why is the slot written into the waiter's node, and not just the waiter woken?

use std::sync::Arc;
use std::vec::Vec;

use loom::sync::Mutex;
use loom::thread;

use super::Parker;

/// Everything is under one lock. The pool's slot is in use, and the oldest waiter is queued for it.
struct Pool {
    shared: Mutex<Shared>,
    oldest: Parker,
    release: fn(&mut Shared),
}

struct Shared {
    free: bool,
    oldest_waits: bool,
    oldest_was_granted: bool,
    /// The callers that got the slot, in order.
    served: Vec<&'static str>,
}

/// Takes the oldest waiter out of the queue and frees the slot; the waiter is woken to claim it.
///
/// 1. The release does so and unlocks.
/// 2. A newcomer arrives, finds a free slot and an empty queue, and claims the slot.
/// 3. The oldest waiter wakes, finds nothing, and joins the queue again, now behind callers that arrived since.
fn free(shared: &mut Shared) {
    shared.oldest_waits = false;
    shared.free = true;
}

/// Grants the slot to the oldest waiter under the same lock. The slot is never free, so a newcomer cannot find it.
fn grant(shared: &mut Shared) {
    if core::mem::take(&mut shared.oldest_waits) {
        shared.oldest_was_granted = true;
    } else {
        shared.free = true;
    }
}

impl Pool {
    fn release(&self) {
        (self.release)(&mut self.shared.lock().unwrap());
        self.oldest.unpark();
    }

    fn wait_as_the_oldest(&self) {
        loop {
            self.oldest.park();
            let mut shared = self.shared.lock().unwrap();
            if shared.oldest_was_granted || core::mem::take(&mut shared.free) {
                shared.served.push("oldest");
                return;
            }
            shared.oldest_waits = true;
        }
    }

    fn take_as_a_newcomer(&self) {
        let mut shared = self.shared.lock().unwrap();
        if shared.oldest_waits || !core::mem::take(&mut shared.free) {
            return;
        }
        shared.served.push("newcomer");
        drop(shared);
        self.release();
    }
}

fn the_oldest_is_served_first(release: fn(&mut Shared)) {
    loom::model(move || {
        let shared = Shared { free: false, oldest_waits: true, oldest_was_granted: false, served: Vec::new() };
        let pool = Arc::new(Pool { shared: Mutex::new(shared), oldest: Parker::new(), release });
        let clients = [Pool::wait_as_the_oldest, Pool::take_as_a_newcomer].map(|client| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || client(&pool))
        });
        pool.release();
        for client in clients {
            client.join().unwrap();
        }
        assert_eq!(pool.shared.lock().unwrap().served[0], "oldest", "served out of order");
    });
}

#[test]
#[should_panic(expected = "served out of order")]
fn a_wake_up_without_a_grant_lets_a_newcomer_steal_the_slot() {
    the_oldest_is_served_first(free);
}

#[test]
fn a_grant_cannot_be_stolen() {
    the_oldest_is_served_first(grant);
}
