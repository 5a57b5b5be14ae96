//! `deadpool-postgres`, on a real server.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_deadpool::FromDeadpool;
use conn_pool_testing::{Server, Shutdown};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod};
use tokio_postgres::NoTls;

type Outcome = Result<(), Box<dyn Error>>;
type Pool = SharedPool<FromDeadpool<Manager>>;

fn manager(server: &Server, recycling_method: RecyclingMethod) -> Result<FromDeadpool<Manager>, Box<dyn Error>> {
    let config = ManagerConfig { recycling_method };
    Ok(FromDeadpool::new(Manager::from_config(server.url().parse()?, NoTls, config)))
}

async fn backend(pool: &Pool) -> Result<i32, Box<dyn Error>> {
    Ok(pool.get_async().await?.query_one("SELECT pg_backend_pid()", &[]).await?.get(0))
}

const EACH_TIME: Config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));

#[tokio::test]
async fn callers_share_a_session_and_its_statements() -> Outcome {
    let server = Server::start();
    let pool = SharedPool::new(manager(&server, RecyclingMethod::Fast)?, EACH_TIME)?;
    for n in 0..3 {
        let mut client = pool.get_async().await?;
        let transaction = client.transaction().await?;
        let statement = transaction.prepare_cached("SELECT $1::int4 + 1").await?;
        assert_eq!(transaction.query_one(&statement, &[&n]).await?.get::<_, i32>(0), n + 1);
        transaction.commit().await?;
        assert_eq!(client.statement_cache.size(), 1);
    }
    assert_eq!(server.backends().len(), 1);
    pool.drain_async(Duration::from_secs(60)).await?;
    Ok(())
}

#[tokio::test]
async fn callers_do_not_notice_a_restart() -> Outcome {
    let mut server = Server::start();
    let pool = SharedPool::new(manager(&server, RecyclingMethod::Verified)?, EACH_TIME)?;
    let first = backend(&pool).await?;
    server.restart_fast();
    let second = backend(&pool).await?;
    server.restart_immediate();
    let third = backend(&pool).await?;
    assert!(first != second && second != third, "{first}, {second}, {third}");
    Ok(())
}

#[tokio::test]
async fn a_session_that_the_server_has_ended_is_replaced() -> Outcome {
    let server = Server::start();
    let pool = SharedPool::new(manager(&server, RecyclingMethod::Verified)?, EACH_TIME)?;
    let first = backend(&pool).await?;
    assert!(server.terminate(first));
    assert_ne!(backend(&pool).await?, first);
    Ok(())
}

#[tokio::test]
async fn a_session_is_clean_if_it_is_recycled_each_time() -> Outcome {
    let server = Server::start();
    let later = Config::new().max_size(1).validate_after(Some(Duration::from_secs(600)));
    let pool = SharedPool::new(manager(&server, RecyclingMethod::Clean)?.recycle_each_time(), later)?;
    pool.get_async().await?.batch_execute("SET application_name = 'left behind'").await?;
    let name = pool.get_async().await?.query_one("SHOW application_name", &[]).await?.get::<_, String>(0);
    assert_eq!(name, "");
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_named_in_the_error() -> Outcome {
    let mut server = Server::start();
    server.stop(Shutdown::Fast);
    let pool = SharedPool::new(manager(&server, RecyclingMethod::Fast)?, EACH_TIME.fail_fast(true))?;
    let error = pool.get_async().await.err().unwrap().to_string();
    assert!(error.starts_with("cannot connect: error connecting to server"), "{error}");
    Ok(())
}
