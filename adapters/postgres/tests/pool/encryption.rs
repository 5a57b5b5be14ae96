//! Connections that are encrypted.

use conn_pool::SharedPool;
use conn_pool::managed::Config;
use conn_pool_postgres::{Postgres, sync};
use conn_pool_testing::Server;
use native_tls::TlsConnector;
use postgres_native_tls::MakeTlsConnector;

use crate::kit::{LONGEST, borrow, shared_server};

const IS_ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

fn url(server: &Server, mode: &str) -> String {
    format!("{}?sslmode={mode}", server.url())
}

/// The certificate is signed by nobody.
fn tls() -> MakeTlsConnector {
    MakeTlsConnector::new(TlsConnector::builder().danger_accept_invalid_certs(true).build().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_encrypted_if_its_manager_has_a_maker_for_that() {
    let server = Server::start_encrypted();
    let manager = Postgres::from_url(&url(&server, "require")).unwrap().tls(tls());
    let pool = SharedPool::new(manager, Config::new()).unwrap();
    let client = pool.get_async_timeout(LONGEST).await.unwrap();
    assert!(client.query_one(IS_ENCRYPTED, &[]).await.unwrap().get::<_, bool>(0));
    // Without a maker it is not, whatever the server has.
    let plain = SharedPool::new(Postgres::from_url(&url(&server, "prefer")).unwrap(), Config::new()).unwrap();
    assert!(!borrow(&plain).await.query_one(IS_ENCRYPTED, &[]).await.unwrap().get::<_, bool>(0));
}

#[test]
fn so_is_a_connection_for_threads() {
    let server = Server::start_encrypted();
    let manager = sync::Postgres::from_url(&url(&server, "require")).unwrap().tls(tls());
    let pool = SharedPool::blocking(manager, Config::new()).unwrap();
    let mut client = pool.get_timeout(LONGEST).unwrap();
    assert!(client.query_one(IS_ENCRYPTED, &[]).unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_that_is_required_and_cannot_be_had_is_told() {
    for encrypted in [false, true] {
        let server = shared_server();
        let postgres = Postgres::from_url(&url(&server, "require")).unwrap();
        let config = Config::new().fail_fast(true);
        let error = if encrypted {
            SharedPool::new(postgres.tls(tls()), config).unwrap().get_async().await.unwrap_err().to_string()
        } else {
            SharedPool::new(postgres, config).unwrap().get_async().await.unwrap_err().to_string()
        };
        assert!(error.to_lowercase().contains("tls"), "{error}");
    }
}
