//! The twin of `managed_use_after_into_owned`: the guard that owns the pool is used.

use conn_pool::managed::{Config, ConnGuard, Lifecycle, Manager, Pool};
use std::sync::Arc;
use std::time::Duration;

struct Server;

impl Lifecycle for Server {
    type Connection = String;
    type Error = ();
}

impl Manager for Server {
    fn connect(&self, _: Option<Duration>) -> Result<String, ()> {
        Ok(String::new())
    }
}

fn main() {
    let pool = Arc::new(Pool::<_, 1>::new(Server, Config::new()).unwrap());
    let guard = pool.try_get().unwrap();
    let mut owned = ConnGuard::into_owned(guard, &pool).ok().unwrap();
    owned.push('a');
}
