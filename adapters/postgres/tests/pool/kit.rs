//! What the tests share.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool::managed::SharedConnGuard;
use conn_pool_postgres::{Client, Postgres};
use conn_pool_testing::Server;

/// What does not happen within this does not happen.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

pub(crate) type Pool = SharedPool<Postgres>;
pub(crate) type Guard = SharedConnGuard<Postgres>;

/// A server for the tests that leave it running. The last of them stops it.
pub(crate) fn shared_server() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    })
}

pub(crate) fn manager(server: &Server) -> Postgres {
    Postgres::from_url(&server.url()).unwrap()
}

/// A pool with one connection, so that the next borrower's is the last one's, unless that was ended.
pub(crate) fn pool_of_one(manager: Postgres) -> Pool {
    // No connection is checked for its age: what is checked has to be, for another reason.
    SharedPool::new(manager, Config::new().max_size(1).validate_after(None).keepalive(None)).unwrap()
}

pub(crate) async fn borrow(pool: &Pool) -> Guard {
    pool.get_async_timeout(LONGEST).await.unwrap()
}

pub(crate) async fn backend(client: &Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// Whether a transaction is open: if none is, each statement is one by itself.
pub(crate) async fn is_in_transaction(client: &Client) -> bool {
    match (transaction_id(client).await, transaction_id(client).await) {
        (Ok(first), Ok(second)) => first == second,
        // One that has failed.
        _ => true,
    }
}

async fn transaction_id(client: &Client) -> Result<String, tokio_postgres::Error> {
    Ok(client.query_one("SELECT pg_current_xact_id()::text", &[]).await?.get(0))
}

/// Asserts that the same connection is lent next, and that it is clean; `checked` times it was checked before.
pub(crate) async fn assert_clean_and_kept(pool: &Pool, checked: usize) {
    let client = borrow(pool).await;
    assert!(!is_in_transaction(&client).await);
    let metrics = pool.metrics();
    assert_eq!((metrics.connected, metrics.checked), (1, checked), "connected, checked");
}

pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONGEST;
    while !is_so() {
        assert!(Instant::now() < end, "not within {LONGEST:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Statements whose answer is of no interest.
pub(crate) fn run(server: &Server, statements: &str) {
    drop(server.sql(statements));
}
