//! The twin of `use_after_discard`: first used, then discarded.

use conn_pool::{ConnGuard, Pool};

fn main() {
    let pool = Pool::from([String::new()]);
    let mut guard = pool.try_get().unwrap();
    guard.push('a');
    ConnGuard::discard(guard);
}
