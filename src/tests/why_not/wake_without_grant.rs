//! Why is the slot written into the waiter's node, and not just the waiter woken?

use std::sync::Arc;
use std::vec::Vec;

use loom::sync::Mutex;
use loom::thread;

use super::Parker;

/// Everything is under one lock. The pool's slot is held, and the oldest waiter stands in line for it.
struct Pool {
    shared: Mutex<Shared>,
    oldest: Parker,
    release: fn(&mut Shared),
}

struct Shared {
    free: bool,
    oldest_waits: bool,
    oldest_was_granted: bool,
    /// Who got the slot, in order.
    served: Vec<&'static str>,
}

/// Takes the oldest out of the line, frees the slot, and has the oldest woken to come and get it.
///
/// 1. The giver does so and unlocks.
/// 2. A newcomer comes along, finds a free slot and nobody in line, and takes it.
/// 3. The oldest wakes, finds nothing, and stands in line again, now behind whoever came since.
fn free(shared: &mut Shared) {
    shared.oldest_waits = false;
    shared.free = true;
}

/// Gives the slot to the oldest in the same section. It is never free, so there is nothing for a newcomer to find.
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
        assert_eq!(pool.shared.lock().unwrap().served[0], "oldest", "served out of turn");
    });
}

#[test]
#[should_panic(expected = "served out of turn")]
fn a_wake_up_without_a_grant_lets_a_newcomer_steal_the_slot() {
    the_oldest_is_served_first(free);
}

#[test]
fn a_grant_cannot_be_stolen() {
    the_oldest_is_served_first(grant);
}
