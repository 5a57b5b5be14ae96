//! A pool has at most 4096 slots.

use conn_pool::Pool;

fn main() {
    let pool: Pool<u8, 4097> = Pool::new();
    drop(pool);
}
