//! The twin of `managed_const_config`: the floor is as high as the pool is large.

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

static POOL: Pool<Server, 4> = Pool::const_new(Server, Config::new().min_idle(4));

fn main() {
    println!("{}", POOL.config().get_min_idle());
}
