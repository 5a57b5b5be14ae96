//! The least that a pool has to do, and the pool that everybody can write.

use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Condvar, Mutex};

/// One atomic read-modify-write to take and one to give back.
#[repr(align(128))]
pub(crate) struct Floor(AtomicUsize);

impl Floor {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0xff))
    }

    /// Clears a bit and puts it back.
    #[inline(always)]
    pub(crate) fn turn(&self) {
        let seen = self.0.load(Relaxed);
        // The outcomes are looked at by nobody, but kept.
        let _ = black_box(self.0.compare_exchange(seen, seen & !1, Acquire, Relaxed).is_ok());
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

    pub(crate) fn get(&self) -> MutexGuard<'_> {
        let mut free = self.free.lock().unwrap();
        loop {
            match free.pop() {
                Some(connection) => return MutexGuard { pool: self, connection },
                None => free = self.came_back.wait(free).unwrap(),
            }
        }
    }
}

pub(crate) struct MutexGuard<'a> {
    pool: &'a MutexPool,
    connection: u64,
}

impl Deref for MutexGuard<'_> {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.connection
    }
}

impl DerefMut for MutexGuard<'_> {
    fn deref_mut(&mut self) -> &mut u64 {
        &mut self.connection
    }
}

impl Drop for MutexGuard<'_> {
    fn drop(&mut self) {
        self.pool.free.lock().unwrap().push(self.connection);
        self.pool.came_back.notify_one();
    }
}
