//! A guard is the only one for its connection.

use conn_pool::{ConnGuard, Pool};

fn main() {
    let pool = Pool::from([String::new()]);
    let guard = pool.try_get().unwrap();
    let copy = <ConnGuard<'_, String, 1> as Clone>::clone(&guard);
    drop(copy);
}
