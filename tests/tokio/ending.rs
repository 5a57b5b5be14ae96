//! The life of a shared pool: the last handle, maintenance, and guards, in any order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, GetError};

use crate::server::Server;

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn the_last_handle_ends_maintenance_and_connections_and_frees_the_manager() {
    for is_blocking in [false, true] {
        let server = Server::default();
        let config = Config::new().max_size(2).min_idle(2);
        let pool = if is_blocking {
            SharedPool::blocking(server.manager(), config)
        } else {
            SharedPool::new(server.manager(), config)
        };
        let pool = pool.unwrap();
        until(|| pool.status().idle == 2).await;
        let other = pool.clone();
        drop(pool);
        assert_eq!((other.status().idle, server.managers()), (2, 1));
        drop(other);
        until(|| server.managers() == 0).await;
        assert_eq!(server.ended(), 2);
    }
}

#[tokio::test]
async fn a_guard_outlives_every_handle() {
    for is_blocking in [false, true] {
        let server = Server::default();
        let config = Config::new().max_size(1);
        let pool = if is_blocking {
            SharedPool::blocking(server.manager(), config)
        } else {
            SharedPool::new(server.manager(), config)
        };
        let pool = pool.unwrap();
        let guard = pool.get_async().await.unwrap();
        drop(pool);
        assert_eq!((*guard, server.ended()), (1, 0));
        std::thread::spawn(move || drop(guard)).join().unwrap();
        until(|| server.managers() == 0).await;
        assert_eq!(server.ended(), 1);
    }
}

#[tokio::test]
async fn a_connect_that_hangs_keeps_nobody_waiting_who_drops_the_last_handle() {
    let server = Server::default();
    server.hang();
    let pool = SharedPool::blocking(server.manager(), Config::new().max_size(1)).unwrap();
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    until(|| server.asked() == 1).await;
    drop(pool);
    assert_eq!(server.managers(), 1);
    server.answer();
    until(|| server.managers() == 0).await;
    assert_eq!(server.ended(), 1);
}

#[tokio::test]
async fn a_pool_is_drained_within_its_time_or_says_what_is_in_use() {
    let server = Server::default();
    let pool = SharedPool::new(server.manager(), Config::new().max_size(1)).unwrap();
    let guard = pool.get_async().await.unwrap();
    let error = pool.drain_async(Duration::from_millis(5)).await.unwrap_err();
    assert_eq!(error.report.status.in_use, 1);
    assert!(matches!(pool.get_async().await, Err(GetError::Closed(_))));
    drop(guard);
    pool.drain_async(Duration::from_secs(10)).await.unwrap();
    pool.drain(Duration::from_secs(10)).unwrap();
    assert_eq!(server.ended(), 1);
}

/// What ends connections panics, and a guard is out still: it keeps what it needs.
#[test]
fn the_last_handle_leaves_a_guard_its_memory_though_the_end_of_a_connection_panics() {
    let server = Server::default();
    let (sender, tasks) = channel();
    let pool = SharedPool::spawned_by(server.manager(), Config::new().max_size(2), move |task| {
        let _task = sender.send(task);
    });
    let pool = pool.unwrap();
    // Nobody maintains it any more, who would keep it.
    drop(tasks);
    (1..=2).for_each(|number| pool.insert(number).unwrap());
    let guard = pool.try_get().unwrap();
    server.panic_at_next_end();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(pool))).is_err());
    assert_eq!((server.managers(), server.ended(), *guard), (1, 1, 1));
    drop(guard);
    assert_eq!(server.ended(), 2);
}
