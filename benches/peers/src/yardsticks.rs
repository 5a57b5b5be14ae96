//! The least that a pool has to do, and the pool that everybody can write.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex};

#[path = "../../pool/floor.rs"]
mod floor;

pub(crate) use floor::Floor;

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
