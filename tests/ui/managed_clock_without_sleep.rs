//! A clock that cannot sleep sets no time limit to a task, so asking for one is refused: E0080.

use conn_pool::managed::{AsyncManager, Config, Manage, Pool};
use std::time::Duration;

struct Server;

impl Manage for Server {
    type Connection = String;
    type Error = ();
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<String, ()> {
        Ok(String::new())
    }
}

fn main() {
    let pool = Pool::<_, 1>::new(Server, Config::new()).unwrap();
    let waiting = pool.get_timeout_async(Duration::from_secs(1));
    drop(waiting);
}
