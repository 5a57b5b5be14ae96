//! The yardsticks: the least that any such pool has to do, and the pool that everybody can write.

use std::hint::black_box;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Condvar, Mutex};

/// One atomic read-modify-write to take and one to give back: the two-RMW floor.
#[repr(align(128))]
pub(crate) struct Floor(AtomicUsize);

impl Floor {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0xff))
    }

    /// Clears a bit and puts it back.
    #[inline(always)]
    pub(crate) fn turn(&self) {
        let seen = self.0.load(Relaxed);
        // The outcomes are looked at by nobody, but kept.
        let _ = black_box(self.0.compare_exchange_weak(seen, seen & !1, Acquire, Relaxed).is_ok());
        black_box(self.0.fetch_add(1, Release));
    }
}

/// `Mutex<Vec>` and `Condvar`.
pub(crate) struct MutexPool {
    free: Mutex<Vec<u64>>,
    came_back: Condvar,
}

impl MutexPool {
    pub(crate) fn new(connections: u64) -> Self {
        Self { free: Mutex::new((0..connections).collect()), came_back: Condvar::new() }
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut u64) -> R) -> R {
        let mut connection = self.get();
        let result = work(&mut connection);
        self.free.lock().unwrap().push(connection);
        self.came_back.notify_one();
        result
    }

    fn get(&self) -> u64 {
        let mut free = self.free.lock().unwrap();
        loop {
            match free.pop() {
                Some(connection) => return connection,
                None => free = self.came_back.wait(free).unwrap(),
            }
        }
    }
}
