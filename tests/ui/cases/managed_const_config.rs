//! A pool in a constant with a configuration that contradicts itself: what is wrong is named, with its values.

use conn_pool::managed::{Config, Lifecycle, Manager, Pool};
use std::time::Duration;

struct Server;

impl Lifecycle for Server {
    type Connection = String;
    type Error = ();
}

impl Manager for Server {
    fn connect(&self, _limit: Option<Duration>) -> Result<String, ()> {
        Ok(String::new())
    }
}

static POOL: Pool<Server, 4> = Pool::const_new(Server, Config::new().min_idle(5));

fn main() {
    println!("{}", POOL.config().get_min_idle());
}
