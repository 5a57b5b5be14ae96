//! A connection of a managed pool can be used through its guard, and cloned if it is `Clone`.

use conn_pool::managed::{Config, Lifecycle, Manager, Pool};
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
    let pool = Pool::<_, 1>::new(Server, Config::new()).unwrap();
    let guard = pool.try_get().unwrap();
    let connection: String = guard.clone();
    drop(connection);
}
