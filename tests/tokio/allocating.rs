//! What a shared pool allocates: its memory at once, and nothing while connections go from caller to caller.

use std::sync::Mutex;
use std::time::Duration;

use allocation_counter::measure;
use conn_pool::SharedPool;
use conn_pool::managed::{Config, GetError, Task};
use futures::executor::block_on;

use crate::server::Server;

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

/// Threads maintain it, whose allocations are their own: what is counted is the caller's.
fn filled(max_size: usize) -> SharedPool<crate::server::Db> {
    // No check falls due, which may begin a thread, also on a machine that is busy with other things.
    let config = Config::new().max_size(max_size).validate_after(Some(Duration::from_secs(60)));
    let pool = SharedPool::blocking(Server::default().manager(), config).unwrap();
    (0..max_size).for_each(|number| pool.insert(number).unwrap());
    pool
}

#[test]
fn acquiring_waiting_and_releasing_allocate_nothing() {
    let pool = filled(2);
    let in_vain = || pool.get_timeout(Duration::from_millis(1));
    // The first wait of a thread makes what it sleeps in.
    let held = (pool.get().unwrap(), pool.get().unwrap());
    assert!(matches!(in_vain(), Err(GetError::Timeout(_))));
    drop(held);
    // And so does its first turn as an executor.
    drop(block_on(pool.get_async()).unwrap());
    let spent = allocations(|| {
        let handle = pool.clone();
        for _ in 0..100 {
            let held = (handle.get().unwrap(), handle.try_get().unwrap());
            assert!(matches!(in_vain(), Err(GetError::Timeout(_))));
            assert!(matches!(handle.try_get(), Err(GetError::Exhausted)));
            drop(held);
            drop(block_on(handle.get_async()).unwrap());
        }
    });
    assert_eq!(spent, 0);
}

#[test]
fn its_memory_is_one_allocation() {
    let manager = Server::default().manager();
    let mut pool = None;
    let spent = measure(|| pool = SharedPool::spawned_by(manager, Config::new().max_size(64), keep).ok());
    assert!(pool.is_some());
    // Its block, the task that maintains it, and the place where the test keeps that.
    assert_eq!(spent.count_total, 3, "{spent:?}");
}

/// Keeps the task, which is never run.
fn keep(task: Task) {
    static KEPT: Mutex<Vec<Task>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(task);
}
