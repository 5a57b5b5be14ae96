//! A clock that cannot sleep sets no time limit to a task, so asking for one is refused: E0277.

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
    let _waiting = pool.get_async_timeout(Duration::from_secs(1));
}
