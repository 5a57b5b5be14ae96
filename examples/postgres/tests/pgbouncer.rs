//! Pools whose connections lead to PgBouncer, in transaction mode: what holds there, and what does not.

use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::Postgres;
use conn_pool_postgres::tokio_postgres::types::Type;
use conn_pool_postgres::tokio_postgres::{Error, SimpleQueryMessage};
use conn_pool_testing::{PgBouncer, Server};

/// Each of as many programs.
const POOLS: usize = 4;
const SLOTS: usize = 8;
const SERVERS: usize = 5;

fn pool(url: &str, statements: usize) -> SharedPool<Postgres> {
    let postgres = Postgres::from_url(url).unwrap().statement_cache(statements);
    SharedPool::new(postgres, Config::new().max_size(SLOTS)).unwrap()
}

/// A request that prepares nothing.
async fn typed(pool: SharedPool<Postgres>, number: i32) -> i32 {
    let client = pool.get_async().await.unwrap();
    let rows = client.query_typed("SELECT $1::int4 * 2", &[(&number, Type::INT4)]).await.unwrap();
    rows[0].get(0)
}

async fn named(pool: SharedPool<Postgres>, number: i32) -> Result<i32, Error> {
    let client = pool.get_async().await.unwrap();
    let statement = client.prepare_cached("SELECT $1::int4 * 2").await?;
    Ok(client.query_one(&statement, &[&number]).await?.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn four_pools_of_eight_share_five_server_connections() {
    let server = Server::start();
    let bouncer = PgBouncer::start(&server, SERVERS);
    let pools: Vec<_> = (0..POOLS).map(|_| pool(&bouncer.url(), 0)).collect();
    let requests: Vec<_> = (0..800).zip(pools.iter().cycle()).map(|(number, pool)| (number, pool.clone())).collect();
    let requests =
        requests.into_iter().map(|(number, pool)| tokio::spawn(async move { (number, typed(pool, number).await) }));
    for request in requests.collect::<Vec<_>>() {
        let (number, answer) = request.await.unwrap();
        assert_eq!(answer, number * 2);
    }
    assert!(pools.iter().all(|pool| pool.status().idle > 0));
    let backends = server.backends().len();
    assert!((1..=SERVERS).contains(&backends), "{backends} connections to the server");
}

/// A statement is prepared on one connection to the server, and asked for on another.
#[tokio::test(flavor = "multi_thread")]
async fn named_statements_need_a_pgbouncer_that_follows_them() {
    let server = Server::start();
    let bouncer = PgBouncer::start(&server, SERVERS);
    let pool = pool(&bouncer.url(), 16);
    let mut failed = 0;
    for _ in 0..20 {
        let requests: Vec<_> = (0..8).map(|number| tokio::spawn(named(pool.clone(), number))).collect();
        for request in requests {
            failed += usize::from(request.await.unwrap().is_err());
        }
    }
    assert_eq!(failed == 0, PgBouncer::follows_prepared_statements(), "{failed} of 160 have failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_reaches_other_clients_unless_it_is_local_to_a_transaction() {
    let server = Server::start();
    let bouncer = PgBouncer::start(&server, 1);
    let pool = pool(&bouncer.url(), 0);
    let (mut one, other) = (pool.get_async().await.unwrap(), pool.get_async().await.unwrap());
    let seen = async || match &other.simple_query("SHOW lock_timeout").await.unwrap()[1] {
        SimpleQueryMessage::Row(row) => row.get(0).unwrap().to_owned(),
        _ => panic!("no row"),
    };
    let transaction = one.transaction().await.unwrap();
    transaction.batch_execute("SET LOCAL lock_timeout = 1234").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(seen().await, "0");
    one.batch_execute("SET lock_timeout = 1234").await.unwrap();
    assert_eq!(seen().await, "1234ms");
}

/// While all connections to the server are in transactions, requests wait at PgBouncer, which the pool takes for loans.
#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_where_the_pool_cannot_see_them() {
    let server = Server::start();
    let bouncer = PgBouncer::start(&server, 1);
    let console = pool(&bouncer.console(), 0);
    let pool = pool(&bouncer.url(), 0);
    let mut busy = pool.get_async().await.unwrap();
    let transaction = busy.transaction().await.unwrap();
    transaction.batch_execute("SELECT 1").await.unwrap();
    let request = tokio::spawn(typed(pool.clone(), 21));
    let deadline = Instant::now() + Duration::from_secs(30);
    while waiting(&console).await == 0 {
        assert!(Instant::now() < deadline, "nobody waits at PgBouncer");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status = pool.status();
    assert_eq!((status.waiting, status.in_use), (0, 2));
    assert!(!request.is_finished());
    transaction.commit().await.unwrap();
    assert_eq!(request.await.unwrap(), 42);
}

/// How many clients wait for a connection to the server.
async fn waiting(console: &SharedPool<Postgres>) -> usize {
    let client = console.get_async().await.unwrap();
    let rows = client.simple_query("SHOW POOLS").await.unwrap();
    let rows = rows.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.filter(|row| row.get("database") == Some("postgres"))
        .map(|row| row.get("cl_waiting").unwrap().parse::<usize>().unwrap())
        .sum()
}
