//! `bb8-postgres`, on a real server.

#![forbid(unsafe_code)]

use std::error::Error;
use std::thread;
use std::time::Duration;

use bb8_postgres::PostgresConnectionManager;
use bb8_postgres::tokio_postgres::NoTls;
use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_bb8::FromBb8;
use conn_pool_testing::{Server, Shutdown};

type Outcome = Result<(), Box<dyn Error>>;
type Pool = SharedPool<FromBb8<PostgresConnectionManager<NoTls>>>;

/// One connection, which is checked each time.
const EACH_TIME: Config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));

fn pool(server: &Server, config: Config) -> Result<Pool, Box<dyn Error>> {
    let manager = PostgresConnectionManager::new_from_stringlike(server.url(), NoTls)?;
    let manager = FromBb8::new(manager).describing(|error, f| write!(f, "{error}"));
    Ok(SharedPool::new(manager, config)?)
}

async fn backend(pool: &Pool) -> Result<i32, Box<dyn Error>> {
    Ok(pool.get_async().await?.query_one("SELECT pg_backend_pid()", &[]).await?.get(0))
}

#[tokio::test]
async fn callers_share_a_session() -> Outcome {
    let server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
    let first = backend(&pool).await?;
    assert_eq!(backend(&pool).await?, first);
    assert_eq!(server.backends(), [first]);
    Ok(())
}

#[tokio::test]
async fn callers_do_not_notice_a_restart() -> Outcome {
    let mut server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
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
    let pool = pool(&server, EACH_TIME)?;
    let first = backend(&pool).await?;
    assert!(server.terminate(first));
    assert_ne!(backend(&pool).await?, first);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_named_in_the_error() -> Outcome {
    let mut server = Server::start();
    server.stop(Shutdown::Fast);
    let answer = pool(&server, EACH_TIME.fail_fast(true))?.get_async().await;
    let error = answer.err().unwrap().to_string();
    assert!(error.starts_with("cannot connect: error connecting to server"), "{error}");
    Ok(())
}

/// bb8's own guard may panic there.
#[tokio::test]
async fn a_guard_is_dropped_outside_of_a_runtime() -> Outcome {
    let server = Server::start();
    let pool = pool(&server, EACH_TIME)?;
    let first = backend(&pool).await?;
    let client = pool.get_async().await?;
    thread::spawn(move || drop(client)).join().unwrap();
    assert_eq!(backend(&pool).await?, first);
    Ok(())
}
