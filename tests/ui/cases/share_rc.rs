//! A pool of connections that stay on their thread is not shared.

use std::rc::Rc;

use conn_pool::Pool;

fn share<T: Sync>(_: &T) {}

fn main() {
    let pool = Pool::from([Rc::new(1)]);
    share(&pool);
}
