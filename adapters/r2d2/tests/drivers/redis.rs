//! The `Client` of `redis`.

use std::error::Error;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_r2d2::FromR2d2;
use conn_pool_testing::Redis;
use redis::{Client, TypedCommands, cmd};

type Outcome = Result<(), Box<dyn Error>>;
type Pool = SharedPool<FromR2d2<Client>>;

/// A pool of one connection, which is checked each time.
fn pool(server: &Redis) -> Result<Pool, Box<dyn Error>> {
    let config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));
    Ok(SharedPool::blocking(FromR2d2::new(Client::open(server.url())?), config)?)
}

fn id(pool: &Pool) -> Result<i64, Box<dyn Error>> {
    Ok(cmd("CLIENT").arg("ID").query(&mut *pool.get()?)?)
}

#[test]
fn callers_share_a_connection() -> Outcome {
    let server = Redis::start();
    let pool = pool(&server)?;
    let first = id(&pool)?;
    pool.get()?.set("order", "tea")?;
    assert_eq!(pool.get()?.get("order")?.as_deref(), Some("tea"));
    assert_eq!(id(&pool)?, first);
    Ok(())
}

#[test]
fn a_connection_that_the_server_has_closed_is_replaced() -> Outcome {
    let server = Redis::start();
    let pool = pool(&server)?;
    let first = id(&pool)?;
    let mut other = Client::open(server.url())?.get_connection()?;
    cmd("CLIENT").arg("KILL").arg("ID").arg(first).query::<i64>(&mut other)?;
    assert_ne!(id(&pool)?, first);
    Ok(())
}
