//! A guard that borrows its pool cannot go to a thread that may outlive the pool, though an `Arc` holds it: E0597.

use conn_pool::Pool;
use std::sync::Arc;

fn main() {
    let pool = Arc::new(Pool::from([String::new()]));
    let mut guard = pool.try_get().unwrap();
    std::thread::spawn(move || guard.push('a')).join().unwrap();
}
