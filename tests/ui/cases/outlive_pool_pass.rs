//! The twin of `outlive_pool`: the pool is still there.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([String::new()]);
    let guard = { pool.try_get().unwrap() };
    drop(guard);
}
