//! The twin of `clone_guard`: the connection may be cloned, if it can be.

use conn_pool::Pool;

fn main() {
    let pool = Pool::from([String::new()]);
    let guard = pool.try_get().unwrap();
    let copy = <String as Clone>::clone(&guard);
    drop(copy);
}
