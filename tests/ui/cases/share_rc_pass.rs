//! The twin of `share_rc`: an `Arc` may go anywhere.

use std::sync::Arc;

use conn_pool::Pool;

fn share<T: Sync>(_: &T) {}

fn main() {
    let pool = Pool::from([Arc::new(1)]);
    share(&pool);
}
