//! The twin of `too_many_slots`: 4096 are not too many.

use conn_pool::Pool;

fn main() {
    let pool: Pool<u8, 4096> = Pool::new();
    drop(pool);
}
