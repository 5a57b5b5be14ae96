//! A clock that cannot sleep does for tasks that have no time limit.

use conn_pool::managed::{AsyncManager, Clock, Config, Lifecycle, Pool};
use std::time::Duration;

struct Server;

impl Lifecycle for Server {
    type Connection = String;
    type Error = ();
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<String, ()> {
        Ok(String::new())
    }
}

struct Sleepless;

impl Clock for Sleepless {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

fn main() {
    let pool = Pool::<_, 1, _>::with_clock(Server, Config::new(), Sleepless).unwrap();
    let waiting = pool.get_async();
    drop(waiting);
}
