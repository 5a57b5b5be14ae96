//! The connection stays in its slot.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([String::new()]);
    let guard = pool.try_get().unwrap();
    let connection: String = *guard;
    drop(connection);
}
