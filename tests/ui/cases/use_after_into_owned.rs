//! A guard that was made to own its pool is gone: E0382.

use conn_pool::{ConnGuard, Pool};
use std::sync::Arc;

fn main() {
    let pool = Arc::new(Pool::from([String::new()]));
    let mut guard = pool.try_get().unwrap();
    let owned = ConnGuard::into_owned(guard, &pool);
    guard.push('a');
    drop(owned);
}
