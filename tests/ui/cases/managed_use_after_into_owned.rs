//! A guard of a managed pool that was made to own its pool is gone too: E0382.

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
    let mut guard = pool.try_get().unwrap();
    let owned = ConnGuard::into_owned(guard, &pool);
    guard.push('a');
    drop(owned);
}
