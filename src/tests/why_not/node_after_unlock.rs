//! Why does a grant take the waker out of the node before it unlocks?

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::thread;

use super::Parker;

/// A waiter's node, on the waiter's stack. The model keeps the memory to the end and only marks when the frame ends: an
/// access that loom cannot place before that mark would be a use after it.
struct Node {
    frame: UnsafeCell<()>,
    granted: Mutex<bool>,
    parker: Arc<Parker>,
}

// SAFETY: loom checks the accesses to `frame`.
unsafe impl Sync for Node {}
// SAFETY: as for `Sync`.
unsafe impl Send for Node {}

impl Node {
    /// Any use of the node: of the frame that it lies in.
    fn used(&self) -> &Self {
        self.frame.with(|_| ());
        self
    }

    /// Waits, and returns, which ends the frame.
    fn wait(&self) {
        loop {
            // Any look may see the grant: the one before the first sleep, or one after a spurious wake-up.
            if *self.granted.lock().unwrap() {
                break;
            }
            self.parker.park();
        }
        self.frame.with_mut(|_| ());
    }
}

/// Grants, unlocks, wakes through the node.
///
/// 1. The releasing thread grants the slot and unlocks.
/// 2. The waiter looks by itself, sees the grant and returns: its frame is gone, and the node with it.
/// 3. The releasing thread reads the node's parker.
fn wake_through_the_node(node: &Node) {
    *node.used().granted.lock().unwrap() = true;
    node.used().parker.unpark();
}

/// Takes the waker out of the node while the lock keeps the waiter there.
fn take_the_waker_first(node: &Node) {
    let mut granted = node.used().granted.lock().unwrap();
    let parker = Arc::clone(&node.used().parker);
    *granted = true;
    drop(granted);
    parker.unpark();
}

fn no_node_is_used_after_it_is_gone(grant: fn(&Node)) {
    loom::model(move || {
        let parker = Arc::new(Parker::new());
        let node = Arc::new(Node { frame: UnsafeCell::new(()), granted: Mutex::new(false), parker });
        let waiter = {
            let node = Arc::clone(&node);
            thread::spawn(move || node.wait())
        };
        grant(&node);
        waiter.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn waking_through_the_node_uses_it_after_it_is_gone() {
    no_node_is_used_after_it_is_gone(wake_through_the_node);
}

#[test]
fn a_waker_taken_under_the_lock_outlives_the_node() {
    no_node_is_used_after_it_is_gone(take_the_waker_first);
}
