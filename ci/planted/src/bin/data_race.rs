//! Two threads write to one connection without taking turns.

use std::cell::UnsafeCell;
use std::thread;

use conn_pool::Pool;

/// A connection that says it may be shared, and may not.
struct Unsound(UnsafeCell<u64>);

// SAFETY: none; this is the bug.
unsafe impl Sync for Unsound {}

fn write(connection: &Unsound) {
    // SAFETY: none where two threads share the guard; fine where each has its own.
    unsafe { *connection.0.get() += 1 };
}

fn main() {
    let pool = Pool::from([Unsound(UnsafeCell::new(0))]);
    let is_sound = std::env::args().any(|argument| argument == "sound");
    let rounds = 0..1000;
    if is_sound {
        // Each takes its turn: the same writing, ordered by the pool.
        let work = || rounds.clone().for_each(|_| write(&pool.get().unwrap()));
        thread::scope(|scope| [scope.spawn(work), scope.spawn(work)].map(|thread| thread.join().unwrap()));
    } else {
        let guard = pool.get().unwrap();
        let work = || rounds.clone().for_each(|_| write(&guard));
        thread::scope(|scope| [scope.spawn(work), scope.spawn(work)].map(|thread| thread.join().unwrap()));
    }
}
