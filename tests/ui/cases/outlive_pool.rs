//! A guard does not outlive its pool.

use conn_pool::Pool;

fn main() {
    let guard = {
        let pool = Pool::from([String::new()]);
        pool.try_get().unwrap()
    };
    drop(guard);
}
