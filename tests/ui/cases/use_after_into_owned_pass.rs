//! The twin of `use_after_into_owned`: the guard that owns the pool is used.

use conn_pool::{ConnGuard, Pool};
use std::sync::Arc;

fn main() {
    let pool = Arc::new(Pool::from([String::new()]));
    let guard = pool.try_get().unwrap();
    let mut owned = ConnGuard::into_owned(guard, &pool).unwrap();
    owned.push('a');
}
