//! diesel's `ConnectionManager`.

use std::error::Error;

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_r2d2::FromR2d2;
use conn_pool_testing::Server;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::r2d2::ConnectionManager;
use diesel::sql_types::Integer;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_query};

type Outcome = Result<(), Box<dyn Error>>;

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

fn backend(connection: &mut PgConnection) -> diesel::QueryResult<i32> {
    sql_query("SELECT pg_backend_pid() AS pid").get_result(connection).map(|backend: Backend| backend.pid)
}

#[test]
fn queries_take_the_connection_in_the_guard() -> Outcome {
    let server = Server::start();
    let manager = ConnectionManager::<PgConnection>::new(server.url());
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new().max_size(1))?;
    let first = backend(&mut *pool.get()?)?;
    assert_eq!(backend(&mut *pool.get()?)?, first);
    Ok(())
}

/// diesel calls a connection broken that is returned in the midst of a transaction.
#[test]
fn a_transaction_that_was_left_open_ends_with_its_session() -> Outcome {
    let server = Server::start();
    let manager = ConnectionManager::<PgConnection>::new(server.url());
    let pool = SharedPool::blocking(FromR2d2::new(manager), Config::new().max_size(1))?;
    let mut connection = pool.get()?;
    let first = backend(&mut connection)?;
    sql_query("CREATE TABLE orders (id int)").execute(&mut *connection)?;
    AnsiTransactionManager::begin_transaction(&mut *connection)?;
    sql_query("INSERT INTO orders VALUES (1)").execute(&mut *connection)?;
    drop(connection);
    assert_ne!(backend(&mut *pool.get()?)?, first);
    assert_eq!(server.sql("SELECT count(*) FROM orders"), "0");
    Ok(())
}
