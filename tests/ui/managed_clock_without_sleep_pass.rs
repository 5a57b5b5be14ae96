//! A clock that cannot sleep does for tasks that have no time limit.

use conn_pool::managed::{AsyncManager, Config, Lifecycle, Pool};

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
    let waiting = pool.get_async();
    drop(waiting);
}
