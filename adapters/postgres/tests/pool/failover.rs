//! Several servers, of which one can write.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, DiscardReason};
use conn_pool_postgres::{Client, Postgres, sync};
use conn_pool_testing::{Server, Shutdown};

use crate::kit::{LONGEST, Pool, borrow, run, shared_server, until};

fn url(servers: [&Server; 2]) -> String {
    let [one, other] = servers.map(Server::port);
    format!("host=127.0.0.1,127.0.0.1 port={one},{other} user=postgres dbname=postgres target_session_attrs=read-write")
}

async fn port(client: &Client) -> i32 {
    client.query_one("SELECT inet_server_port()", &[]).await.unwrap().get(0)
}

/// From now on its sessions can only read, those that are there too.
fn demote(server: &Server) {
    run(server, "ALTER SYSTEM SET default_transaction_read_only = on");
    run(server, "SELECT pg_reload_conf()");
}

fn two_primaries() -> [Server; 2] {
    [(); 2].map(|()| {
        let server = Server::start();
        run(&server, "CREATE TABLE written (n int)");
        server
    })
}

/// Callers that ask without end, and what they have met.
#[derive(Default)]
struct Callers {
    ends: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Callers {
    async fn ask(self: Arc<Self>, pool: Pool) {
        while !self.ends.load(Ordering::Relaxed) {
            // The end of a wait that is too long would be an error, too.
            let client = borrow(&pool).await;
            let counter = match client.execute("INSERT INTO written VALUES (1)", &[]).await {
                Ok(_) => &self.answered,
                Err(_) => &self.failed,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn answer_more(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("further answers", || self.answered.load(Ordering::Relaxed) > before + 100).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_callers_are_served_by_the_new_primary_and_only_requests_in_flight_fail() {
    let mut primary = Server::start();
    run(&primary, "CREATE TABLE written (n int)");
    let standby = primary.standby();
    let manager = Postgres::from_url(&url([&primary, &standby])).unwrap();
    let pool: Pool = SharedPool::new(manager, Config::new().max_size(4)).unwrap();
    let callers = Arc::new(Callers::default());
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(callers.clone().ask(pool.clone()))).collect();
    callers.answer_more().await;
    primary.stop(Shutdown::Immediate);
    standby.promote();
    callers.answer_more().await;
    callers.ends.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let failed = callers.failed.load(Ordering::Relaxed);
    assert!(failed <= 4, "{failed} have failed, of 4 connections");
    assert_eq!(port(&*borrow(&pool).await).await, i32::from(standby.port()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_write_any_more_is_not_lent_again() {
    let servers = two_primaries();
    let manager = Postgres::from_url(&url([&servers[0], &servers[1]])).unwrap();
    let config = Config::new().max_size(1).validate_after(None);
    let pool: Pool = SharedPool::new(manager, config).unwrap();
    assert_eq!(port(&*borrow(&pool).await).await, i32::from(servers[0].port()));
    demote(&servers[0]);
    let write = "INSERT INTO written VALUES (1)";
    // The server hears of it between two requests.
    let end = std::time::Instant::now() + LONGEST;
    while borrow(&pool).await.execute(write, &[]).await.is_ok() {
        assert!(std::time::Instant::now() < end, "it is not demoted");
    }
    let client = borrow(&pool).await;
    assert_eq!(port(&client).await, i32::from(servers[1].port()));
    client.execute(write, &[]).await.unwrap();
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Broken), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_that_cannot_write_any_more_does_not_pass_its_check() {
    let servers = two_primaries();
    let manager = Postgres::from_url(&url([&servers[0], &servers[1]])).unwrap();
    let config = Config::new().max_size(1).validate_after(Some(Duration::ZERO));
    let pool: Pool = SharedPool::new(manager, config).unwrap();
    assert_eq!(port(&*borrow(&pool).await).await, i32::from(servers[0].port()));
    assert_eq!(port(&*borrow(&pool).await).await, i32::from(servers[0].port()));
    demote(&servers[0]);
    let end = std::time::Instant::now() + LONGEST;
    while port(&*borrow(&pool).await).await != i32::from(servers[1].port()) {
        assert!(std::time::Instant::now() < end, "it is lent on");
    }
    assert_eq!(pool.metrics().discarded_for(DiscardReason::Invalid), 1);
}

/// Where a session that can write was not asked for, one that cannot is as good.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_says_nothing_of_a_session_that_may_be_any() {
    let server = Server::start();
    let manager = Postgres::from_url(&server.url()).unwrap();
    let pool: Pool = SharedPool::new(manager, Config::new().max_size(1)).unwrap();
    let client = borrow(&pool).await;
    client.batch_execute("BEGIN READ ONLY; CREATE TABLE refused (n int)").await.unwrap_err();
    drop(client);
    drop(borrow(&pool).await);
    assert_eq!(pool.metrics().connected, 1);
}

#[test]
fn a_session_of_a_thread_that_cannot_write_any_more_is_not_lent_again() {
    let servers = two_primaries();
    let manager = sync::Postgres::from_url(&url([&servers[0], &servers[1]])).unwrap();
    let pool = SharedPool::blocking(manager, Config::new().max_size(1).validate_after(None)).unwrap();
    let write = || pool.get_timeout(LONGEST).unwrap().execute("INSERT INTO written VALUES (1)", &[]);
    write().unwrap();
    demote(&servers[0]);
    let end = std::time::Instant::now() + LONGEST;
    while write().is_ok() {
        assert!(std::time::Instant::now() < end, "it is not demoted");
    }
    write().unwrap();
    let port: i32 = pool.get_timeout(LONGEST).unwrap().query_one("SELECT inet_server_port()", &[]).unwrap().get(0);
    assert_eq!(port, i32::from(servers[1].port()));
}

/// Hosts at these ports, each of which has 200 ms.
fn hosts_at(ports: &[u16]) -> tokio_postgres::Config {
    let mut config = unlimited_hosts_at(ports);
    config.connect_timeout(Duration::from_millis(200));
    config
}

fn unlimited_hosts_at(ports: &[u16]) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.user("postgres").dbname("postgres");
    for port in ports {
        config.host("127.0.0.1").port(*port);
    }
    config
}

/// A server that accepts connections, and is silent. And its port.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_accepts_and_is_silent_is_passed_over() {
    let server = shared_server();
    let (_silent, port_of_silent) = silent();
    let config = hosts_at(&[port_of_silent, server.port()]);
    let pool: Pool = SharedPool::new(Postgres::new(config), Config::new().max_size(1)).unwrap();
    let client = borrow(&pool).await;
    assert_eq!(port(&client).await, i32::from(server.port()));
}

#[test]
fn a_host_that_accepts_and_is_silent_is_passed_over_by_threads() {
    let server = shared_server();
    let (_silent, port_of_silent) = silent();
    let config = hosts_at(&[port_of_silent, server.port()]);
    let pool = SharedPool::blocking(sync::Postgres::new(config), Config::new().max_size(1)).unwrap();
    let mut client = pool.get_timeout(LONGEST).unwrap();
    let port: i32 = client.query_one("SELECT inet_server_port()", &[]).unwrap().get(0);
    assert_eq!(port, i32::from(server.port()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_that_is_not_answered_ends_with_the_limit_of_the_connection_string() {
    let (_silent, port) = silent();
    let config = hosts_at(&[port]);
    let unlimited = || Config::new().max_size(1).connect_timeout(None);
    let said = "the server has not answered within 200ms";
    let pool: Pool = SharedPool::new(Postgres::new(config.clone()), unlimited()).unwrap();
    let error = pool.get_async_timeout(Duration::from_secs(2)).await.unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
    let pool = SharedPool::blocking(sync::Postgres::new(config), unlimited()).unwrap();
    let error = pool.get_timeout(Duration::from_secs(2)).unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

/// A server that is down, and has a database that the other one lacks. And hosts at both, the one that is down first,
/// without and with a time for each.
fn down_with_its_own_database(other: &Server) -> (Server, [tokio_postgres::Config; 2]) {
    let mut down = Server::start();
    run(&down, "CREATE DATABASE its_own");
    down.stop(Shutdown::Fast);
    let ports = [down.port(), other.port()];
    let configs = [unlimited_hosts_at(&ports), hosts_at(&ports)].map(|mut config| {
        config.dbname("its_own");
        config
    });
    (down, configs)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_host_has_against_callers_is_not_told_while_another_one_is_down() {
    let other = shared_server();
    let (mut down, configs) = down_with_its_own_database(&other);
    let pools =
        configs.map(|config| -> Pool { SharedPool::new(Postgres::new(config), Config::new().max_size(1)).unwrap() });
    let waiters = pools.each_ref().map(|pool| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.get_async_timeout(LONGEST).await.map(drop) })
    });
    for (pool, waiter) in pools.iter().zip(&waiters) {
        until("two attempts, or an end", || pool.metrics().connect_failed >= 2 || waiter.is_finished()).await;
    }
    down.run_again();
    for waiter in waiters {
        waiter.await.unwrap().unwrap();
    }
}

#[test]
fn what_the_last_host_has_against_threads_is_not_told_while_another_one_is_down() {
    let other = shared_server();
    let (mut down, configs) = down_with_its_own_database(&other);
    let pools =
        configs.map(|config| SharedPool::blocking(sync::Postgres::new(config), Config::new().max_size(1)).unwrap());
    let waiters = pools.each_ref().map(|pool| {
        let pool = pool.clone();
        std::thread::spawn(move || pool.get_timeout(LONGEST).map(drop))
    });
    let end = std::time::Instant::now() + LONGEST;
    let fails = |pool: &SharedPool<_>| pool.metrics().connect_failed >= 2;
    while !pools.iter().zip(&waiters).all(|(pool, waiter)| fails(pool) || waiter.is_finished()) {
        assert!(std::time::Instant::now() < end, "neither two attempts nor an end");
        std::thread::sleep(Duration::from_millis(5));
    }
    down.run_again();
    for waiter in waiters {
        waiter.join().unwrap().unwrap();
    }
}
