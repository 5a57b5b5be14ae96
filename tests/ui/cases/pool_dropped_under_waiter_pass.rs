//! The twin of `pool_dropped_under_waiter`: the other way round.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([1]);
    let waiter = Box::pin(pool.get_async());
    drop(waiter);
    drop(pool);
}
