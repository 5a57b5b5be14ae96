//! A pool is not dropped while somebody waits for it.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([1]);
    let waiter = Box::pin(pool.get_async());
    drop(pool);
    drop(waiter);
}
