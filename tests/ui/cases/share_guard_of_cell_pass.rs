//! The twin of `share_guard_of_cell`: sent, and not shared.

use std::cell::Cell;

use conn_pool::Pool;

fn send<T: Send>(_: T) {}

fn main() {
    let pool = Pool::from([Cell::new(1)]);
    let guard = pool.try_get().unwrap();
    send(guard);
}
