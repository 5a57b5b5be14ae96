//! The twin of `spawn_with_borrowed_guard`: the guard owns its pool.

use conn_pool::{ConnGuard, Pool};
use std::sync::Arc;

fn main() {
    let pool = Arc::new(Pool::from([String::new()]));
    let mut guard = ConnGuard::into_owned(pool.try_get().unwrap(), &pool).unwrap();
    std::thread::spawn(move || guard.push('a')).join().unwrap();
}
