//! The time of embassy-time: milliseconds, counted by the board's timer.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::{Driver, time_driver_impl};
use embassy_time_queue_utils::Queue;

use crate::board;

struct Milliseconds {
    now: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
    /// What else is done every millisecond, in the interrupt handler.
    also: Mutex<Cell<Option<fn()>>>,
}

time_driver_impl!(static TIME: Milliseconds = Milliseconds {
    now: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
    also: Mutex::new(Cell::new(None)),
});

impl Driver for Milliseconds {
    fn now(&self) -> u64 {
        critical_section::with(|token| self.now.borrow(token).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // Whether or not it is the next: the queue is looked at every millisecond.
        critical_section::with(|token| self.queue.borrow_ref_mut(token).schedule_wake(at, waker));
    }
}

/// Starts the time. The interrupt handler that counts it calls `also` each time.
pub fn start(also: Option<fn()>) {
    critical_section::with(|token| TIME.also.borrow(token).set(also));
    board::on_strike(|_| tick());
    board::strike_after(board::TICKS_A_MILLISECOND);
}

fn tick() {
    board::strike_after(board::TICKS_A_MILLISECOND);
    let also = critical_section::with(|token| {
        let now = TIME.now.borrow(token);
        now.set(now.get() + 1);
        let _next = TIME.queue.borrow_ref_mut(token).next_expiration(now.get());
        TIME.also.borrow(token).get()
    });
    if let Some(also) = also {
        also();
    }
}
