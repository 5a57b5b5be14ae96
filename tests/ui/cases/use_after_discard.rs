//! A guard whose connection was discarded is gone.

use conn_pool::{ConnGuard, Pool};

fn main() {
    let pool = Pool::from([String::new()]);
    let mut guard = pool.try_get().unwrap();
    ConnGuard::discard(guard);
    guard.push('a');
}
