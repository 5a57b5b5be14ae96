//! The twin of `use_after_drop`: first used, then given back.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([String::new()]);
    let mut guard = pool.try_get().unwrap();
    guard.push('a');
    drop(guard);
}
