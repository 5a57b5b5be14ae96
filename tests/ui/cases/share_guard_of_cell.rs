//! A guard is shared between threads only if its connection may be.

use std::cell::Cell;

use conn_pool::Pool;

fn share<T: Sync>(_: &T) {}

fn main() {
    let pool = Pool::from([Cell::new(1)]);
    let guard = pool.try_get().unwrap();
    share(&guard);
}
