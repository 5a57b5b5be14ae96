//! Why does a waiter that leaves look for a grant first?

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::Mutex;
use loom::thread;

use super::Parker;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Fickle,
    Patient,
}

/// The slot is in use; both wait for it, the fickle one first.
struct Pool {
    shared: Mutex<Shared>,
    patient: Parker,
}

struct Shared {
    queue: VecDeque<Who>,
    granted: Option<Who>,
}

impl Shared {
    fn grant_to_the_next(&mut self) {
        self.granted = self.queue.pop_front();
    }
}

impl Pool {
    fn release(&self) {
        self.shared.lock().unwrap().grant_to_the_next();
        self.patient.unpark();
    }

    fn wait_patiently(&self) {
        while self.shared.lock().unwrap().granted != Some(Who::Patient) {
            self.patient.park();
        }
    }
}

/// Leaves the queue, and that is all.
///
/// 1. The release grants the slot to the fickle waiter, which leaves the queue by that.
/// 2. The fickle waiter's future is dropped. It is in no queue, so there seems to be nothing to do.
/// 3. The slot has no owner, and the patient waiter sleeps for ever.
fn just_leave(pool: &Pool) {
    pool.shared.lock().unwrap().queue.retain(|who| *who != Who::Fickle);
}

/// Leaves the queue, or passes on the slot that it was granted.
fn leave_or_pass_on(pool: &Pool) {
    let mut shared = pool.shared.lock().unwrap();
    if shared.granted == Some(Who::Fickle) {
        shared.grant_to_the_next();
        drop(shared);
        pool.patient.unpark();
    } else {
        shared.queue.retain(|who| *who != Who::Fickle);
    }
}

fn a_cancelled_waiter_does_not_keep_the_slot(cancel: fn(&Pool)) {
    loom::model(move || {
        let shared = Shared { queue: [Who::Fickle, Who::Patient].into(), granted: None };
        let pool = Arc::new(Pool { shared: Mutex::new(shared), patient: Parker::new() });
        let clients = [cancel, Pool::wait_patiently].map(|client| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || client(&pool))
        });
        pool.release();
        for client in clients {
            client.join().unwrap();
        }
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_grant_dropped_with_its_waiter_is_a_lost_slot() {
    a_cancelled_waiter_does_not_keep_the_slot(just_leave);
}

#[test]
fn a_grant_passed_on_reaches_the_next() {
    a_cancelled_waiter_does_not_keep_the_slot(leave_or_pass_on);
}
