//! The yardsticks: the pools that everybody can write.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, Thread};

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

/// The least that can be called first come, first served: whoever gives a connection back hands it to the oldest
/// waiter and wakes that one.
pub(crate) struct HandOverPool(Mutex<Inventory>);

struct Inventory {
    free: Vec<u64>,
    line: VecDeque<Arc<Waiter>>,
}

struct Waiter {
    thread: Thread,
    granted: Mutex<Option<u64>>,
}

impl HandOverPool {
    pub(crate) fn new(connections: u64) -> Self {
        Self(Mutex::new(Inventory { free: (0..connections).collect(), line: VecDeque::new() }))
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut u64) -> R) -> R {
        let mut connection = self.get();
        let result = work(&mut connection);
        self.give_back(connection);
        result
    }

    fn get(&self) -> u64 {
        let mut inventory = self.0.lock().unwrap();
        if inventory.line.is_empty()
            && let Some(connection) = inventory.free.pop()
        {
            return connection;
        }
        let waiter = Arc::new(Waiter { thread: thread::current(), granted: Mutex::new(None) });
        inventory.line.push_back(Arc::clone(&waiter));
        drop(inventory);
        loop {
            if let Some(connection) = *waiter.granted.lock().unwrap() {
                return connection;
            }
            thread::park();
        }
    }

    fn give_back(&self, connection: u64) {
        let mut inventory = self.0.lock().unwrap();
        let Some(head) = inventory.line.pop_front() else { return inventory.free.push(connection) };
        drop(inventory);
        *head.granted.lock().unwrap() = Some(connection);
        head.thread.unpark();
    }
}
