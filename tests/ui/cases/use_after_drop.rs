//! A guard that was given back is gone.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([String::new()]);
    let mut guard = pool.try_get().unwrap();
    drop(guard);
    guard.push('a');
}
