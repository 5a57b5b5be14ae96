//! `r2d2_postgres`.

use std::error::Error;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_r2d2::FromR2d2;
use conn_pool_testing::{Server, Shutdown};
use r2d2_postgres::PostgresConnectionManager;
use r2d2_postgres::postgres::NoTls;

type Outcome = Result<(), Box<dyn Error>>;
type Pool = SharedPool<FromR2d2<PostgresConnectionManager<NoTls>>>;

/// One connection, which is checked each time.
const EACH_TIME: Config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));

fn pool(server: &Server, config: Config) -> Result<Pool, Box<dyn Error>> {
    let manager = PostgresConnectionManager::new(server.url().parse()?, NoTls);
    Ok(SharedPool::blocking(FromR2d2::new(manager), config)?)
}

fn backend(pool: &Pool) -> Result<i32, Box<dyn Error>> {
    Ok(pool.get()?.query_one("SELECT pg_backend_pid()", &[])?.get(0))
}

#[test]
fn callers_share_a_session() -> Outcome {
    let server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
    let first = backend(&pool)?;
    assert_eq!(backend(&pool)?, first);
    assert_eq!(server.backends(), [first]);
    Ok(())
}

#[test]
fn callers_do_not_notice_a_restart() -> Outcome {
    let mut server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
    let first = backend(&pool)?;
    server.restart_fast();
    let second = backend(&pool)?;
    server.restart_immediate();
    let third = backend(&pool)?;
    assert!(first != second && second != third, "{first}, {second}, {third}");
    Ok(())
}

#[test]
fn a_session_that_the_server_has_ended_is_replaced() -> Outcome {
    let server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
    let first = backend(&pool)?;
    assert!(server.terminate(first));
    assert_ne!(backend(&pool)?, first);
    Ok(())
}

#[test]
fn a_server_that_is_away_is_named_in_the_error() -> Outcome {
    let mut server = Server::start();
    server.stop(Shutdown::Fast);
    let error = pool(&server, EACH_TIME.fail_fast(true))?.get().err().unwrap().to_string();
    assert!(error.starts_with("cannot connect: error connecting to server"), "{error}");
    Ok(())
}

/// The driver has a runtime inside, and panics if it is used, or dropped, on a thread of another one.
#[tokio::test]
async fn tasks_use_it_where_it_may_block() -> Outcome {
    let server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
    let query = |pool: Pool| async move {
        let answer = pool.run(|session| session.query_one("SELECT 6 * 7", &[]).map(|row| row.get::<_, i32>(0)));
        answer.await
    };
    assert_eq!(query(pool.clone()).await??, 42);
    // Waits, checks, returns and ends without blocking the runtime's thread.
    drop(pool.get_async().await?);
    pool.evict_all();
    assert_eq!(query(pool.clone()).await??, 42);
    pool.drain_async(Duration::from_secs(60)).await?;
    Ok(())
}
