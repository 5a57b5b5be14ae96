//! A clock that cannot sleep sets no time limit to a task, so asking for one is refused: E0080.

use conn_pool::managed::{AsyncManager, Config, Lifecycle, Pool};
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

fn main() {
    let pool = Pool::<_, 1>::new(Server, Config::new()).unwrap();
    let waiting = pool.get_async_timeout(Duration::from_secs(1));
    drop(waiting);
}
