//! The least that a pool has to do, and the pool that everybody can write.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, Thread};

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

/// The least that a pool has to do that serves threads in the order in which they came: whoever releases a connection
/// hands it to the next one, and wakes it.
pub(crate) struct InOrder(Mutex<Line>);

struct Line {
    free: Vec<u64>,
    waiting: VecDeque<Arc<Place>>,
}

/// A thread's place in the line.
struct Place {
    thread: Thread,
    connection: OnceLock<u64>,
}

impl InOrder {
    pub(crate) fn new(connections: u64) -> Self {
        Self(Mutex::new(Line { free: (0..connections).collect(), waiting: VecDeque::new() }))
    }

    pub(crate) fn get(&self) -> InOrderGuard<'_> {
        match self.free_or_place() {
            Ok(connection) => InOrderGuard { pool: self, connection },
            Err(place) => InOrderGuard { pool: self, connection: place.wait() },
        }
    }

    fn free_or_place(&self) -> Result<u64, Arc<Place>> {
        let mut line = self.0.lock().unwrap();
        line.free.pop().ok_or_else(|| {
            let place = Arc::new(Place { thread: thread::current(), connection: OnceLock::new() });
            line.waiting.push_back(place.clone());
            place
        })
    }

    fn next(&self, connection: u64) -> Option<Arc<Place>> {
        let mut line = self.0.lock().unwrap();
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.free.push(connection);
        }
        next
    }
}

impl Place {
    fn wait(&self) -> u64 {
        loop {
            match self.connection.get() {
                Some(connection) => return *connection,
                None => thread::park(),
            }
        }
    }

    fn hand(&self, connection: u64) {
        self.connection.set(connection).expect("a place in the line is served once");
        self.thread.unpark();
    }
}

pub(crate) struct InOrderGuard<'a> {
    pool: &'a InOrder,
    connection: u64,
}

impl Drop for InOrderGuard<'_> {
    fn drop(&mut self) {
        if let Some(next) = self.pool.next(self.connection) {
            next.hand(self.connection);
        }
    }
}
