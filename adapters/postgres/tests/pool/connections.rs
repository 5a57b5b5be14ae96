//! How connections are made, and how they end.

use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::{Config, DiscardReason, GetError, ManagerError};
use conn_pool_postgres::{Client, Postgres};

use tokio::time::timeout;

use crate::kit::{LONGEST, Pool, backend, borrow, manager, pool_of_one, run, shared_server, until};

/// Longer than a test takes: an error that is there before was not waited for.
const FAR_TOO_LONG: Duration = Duration::from_secs(600);

async fn refusal(manager: Postgres) -> (GetError, String) {
    let pool: Pool = SharedPool::new(manager, Config::new().name("refused")).unwrap();
    let refused = timeout(LONGEST, pool.get_async_timeout(FAR_TOO_LONG)).await;
    let error = refused.expect("an error that is not waited for").unwrap_err();
    let text = error.to_string();
    (error, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_was_ended_while_idle_is_replaced() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let pid = backend(&*borrow(&pool).await).await;
    let before = tasks();
    assert!(server.terminate(pid));
    // Until the connection's task has heard of it no one can know.
    until("the task's end", || tasks() < before).await;
    let client = borrow(&pool).await;
    assert!(!client.is_closed());
    assert_ne!(backend(&client).await, pid);
    assert_eq!((pool.metrics().connected, pool.metrics().discarded_for(DiscardReason::Broken)), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_was_ended_in_use_is_not_kept() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let client = borrow(&pool).await;
    assert!(server.terminate(backend(&client).await));
    until("the end", || client.is_closed()).await;
    drop(client);
    assert_eq!((pool.status().idle, pool.metrics().discarded_for(DiscardReason::Broken)), (0, 1));
}

/// The error says so. That the socket is closed, too, is known only later.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_session_has_ended_with_an_error_is_not_kept() {
    let server = shared_server();
    for _ in 0..20 {
        let pool = pool_of_one(manager(&server));
        let client = borrow(&pool).await;
        let error = client.query("SELECT pg_terminate_backend(pg_backend_pid())", &[]).await.unwrap_err();
        drop(client);
        let discarded = pool.metrics().discarded_for(DiscardReason::Broken);
        assert_eq!((pool.status().idle, discarded), (0, 1), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_asks_the_server() {
    let server = shared_server();
    let config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));
    let pool = SharedPool::new(manager(&server), config).unwrap();
    let pid = backend(&*borrow(&pool).await).await;
    assert_eq!(backend(&*borrow(&pool).await).await, pid);
    assert!(server.terminate(pid));
    assert_ne!(backend(&*borrow(&pool).await).await, pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_in_order_with_its_connection() {
    let server = shared_server();
    let pool = pool_of_one(manager(&server));
    let pid = backend(&*borrow(&pool).await).await;
    pool.close();
    until("the session's end", || !server.backends().contains(&pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_at_once() {
    let server = conn_pool_testing::Server::start();
    run(&server, "CREATE ROLE clerk LOGIN PASSWORD 'right'");
    let data = server.sql("SELECT current_setting('hba_file')");
    run(
        &server,
        &format!(
            "COPY (SELECT 'host all clerk 127.0.0.1/32 scram-sha-256' UNION ALL SELECT 'host all all 127.0.0.1/32 trust') \
         TO '{data}'"
        ),
    );
    run(&server, "SELECT pg_reload_conf()");
    let url = |password: &str| format!("postgres://clerk{password}@127.0.0.1:{}/postgres", server.port());
    // The server takes up its file some time after it is told to.
    let end = Instant::now() + LONGEST;
    while tokio_postgres::connect(&url(":wrong"), tokio_postgres::NoTls).await.is_ok() {
        assert!(Instant::now() < end);
    }
    let (error, text) = refusal(Postgres::from_url(&url(":wrong")).unwrap()).await;
    assert!(matches!(error, GetError::Connect { .. }), "{text}");
    assert!(text.contains("password authentication failed for user \"clerk\" (SQLSTATE 28P01)"), "{text}");
    let (_, text) = refusal(Postgres::from_url(&url("")).unwrap()).await;
    assert!(text.contains("invalid configuration: password missing"), "{text}");
    let pool = pool_of_one(Postgres::from_url(&url(":right")).unwrap());
    assert!(!borrow(&pool).await.is_closed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_told_at_once_and_a_missing_role() {
    let server = shared_server();
    let url = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{}/{database}", server.port());
    for (user, database, expected) in [
        ("postgres", "nowhere", "database \"nowhere\" does not exist (SQLSTATE 3D000)"),
        ("nobody", "postgres", "role \"nobody\" does not exist (SQLSTATE 28000)"),
        ("postgres", "postgres?channel_binding=require", "authentication error: server did not use channel binding"),
        ("postgres", "postgres?options=-c%20no_such=1", "unrecognized configuration parameter \"no_such\""),
        ("postgres", "postgres?options=-x", "invalid command-line argument for server process: -x"),
        (
            "postgres",
            "postgres?application_name=%00",
            "error encoding message to server: string contains embedded null",
        ),
    ] {
        let (_, text) = refusal(Postgres::from_url(&url(user, database)).unwrap()).await;
        assert!(text.contains(expected), "{text}");
    }
}

/// The server does not offer it; and without a maker of its own the adapter has none.
#[tokio::test(flavor = "multi_thread")]
async fn an_encryption_that_cannot_be_had_is_told_at_once() {
    let server = shared_server();
    for (negotiation, expected) in
        [("postgres", "server does not support TLS"), ("direct", "no TLS implementation configured")]
    {
        let url = format!("{}?sslmode=require&sslnegotiation={negotiation}", server.url());
        let (_, text) = refusal(Postgres::from_url(&url).unwrap()).await;
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_s_error_is_kept() {
    let server = shared_server();
    let url = format!("postgres://postgres@127.0.0.1:{}/nowhere", server.port());
    let (error, text) = refusal(Postgres::from_url(&url).unwrap()).await;
    let GetError::Connect { error: ManagerError::Shared(error), .. } = error else { panic!("{text}") };
    let own = error.error().and_then(|error| error.downcast_ref::<tokio_postgres::Error>());
    assert_eq!(own.unwrap().code().unwrap().code(), "3D000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_too_many_connections_is_asked_again() {
    let server = shared_server();
    run(&server, "CREATE ROLE few LOGIN CONNECTION LIMIT 1");
    let url = format!("postgres://few@127.0.0.1:{}/postgres", server.port());
    let (first, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let task = tokio::spawn(connection);
    let pool: Pool = SharedPool::new(Postgres::from_url(&url).unwrap(), Config::new()).unwrap();
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.get_async_timeout(LONGEST).await.map(drop) }
    });
    until("a refusal", || pool.connect_error().is_some()).await;
    let text = pool.connect_error().unwrap().to_string();
    assert!(text.contains("too many connections for role \"few\" (SQLSTATE 53300)"), "{text}");
    drop(first);
    task.await.unwrap().unwrap();
    waiter.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_said_to_be() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let manager = Postgres::from_url(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).unwrap();
    let pool: Pool = SharedPool::new(manager, Config::new()).unwrap();
    let text = pool.get_async_timeout(Duration::from_millis(50)).await.unwrap_err().to_string();
    assert!(text.contains("error connecting to server: "), "{text}");
}

#[test]
fn a_connection_string_that_cannot_be_read_is_refused_without_its_password() {
    let refused = |url: &str| Postgres::from_url(url).unwrap_err().to_string();
    let example = "(as in postgres://user:password@host:5432/database)";
    assert_eq!(
        refused("postgres://clerk:hunter2@localhost:port/shop"),
        format!("cannot read the connection string: invalid value for option `port` {example}")
    );
    assert_eq!(refused(""), format!("cannot read the connection string: it names no host {example}"));
    let manager = Postgres::from_url("postgres://clerk:hunter2@localhost/shop").unwrap();
    assert!(!format!("{manager:?}").contains("hunter2"));
}

/// In a process of its own: the environment belongs to all tests of this one.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_says_where_the_server_is() {
    const CHILD: &str = "CONN_POOL_POSTGRES_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let pool = pool_of_one(Postgres::from_env().unwrap());
        let sql = "SELECT current_setting('application_name') || current_setting('statement_timeout')";
        let row = borrow(&pool).await.query_one(sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "from the environment7s");
        return;
    }
    let server = shared_server();
    let name = "connections::the_environment_says_where_the_server_is";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name]).env(CHILD, "1").env("PGHOST", "127.0.0.1").env("PGPORT", server.port().to_string());
    child.env("PGUSER", "postgres").env("PGDATABASE", "postgres").env("PGAPPNAME", "from the environment");
    child.env("PGOPTIONS", "-c statement_timeout=7s").env("PGCONNECT_TIMEOUT", "10");
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// As the crates for TLS are given.
#[tokio::test(flavor = "multi_thread")]
async fn a_tls_maker_is_a_parameter() {
    let server = shared_server();
    let postgres = manager(&server).tls(tokio_postgres::NoTls);
    assert!(!borrow(&pool_of_one(postgres)).await.is_closed());
}

#[test]
fn what_a_connection_does_can_be_done_in_a_task() {
    fn is_send(_: impl Send) {}
    async fn use_all(client: &mut Client) -> Result<(), tokio_postgres::Error> {
        let statement = client.prepare_typed_cached("SELECT 1", &[]).await?;
        client.query(&statement, &[]).await?;
        client.query_raw("SELECT 1", Vec::<i32>::new()).await?;
        drop(client.copy_in::<&[u8]>("COPY nowhere FROM STDIN").await?);
        drop(client.copy_out("COPY nowhere TO STDOUT").await?);
        let mut transaction = client.transaction().await?;
        transaction.savepoint().await?.prepare_cached("SELECT 1").await?;
        transaction.commit().await?;
        client.notifications().recv().await;
        Ok(())
    }
    let _ = |client: &'static mut Client| is_send(use_all(client));
}
