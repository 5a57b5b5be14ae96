//! The twin of `move_out`: the connection may be exchanged for another.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([String::new()]);
    let mut guard = pool.try_get().unwrap();
    let connection: String = std::mem::take(&mut *guard);
    drop(connection);
}
