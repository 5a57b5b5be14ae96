//! What is done with the guard of a shared pool, in a task.

use std::future::pending;

use conn_pool::SharedPool;
use conn_pool::managed::{CheckReason, Config, DiscardReason, SharedConnGuard};
use tokio::time::timeout;

use crate::kit::managed::{millis, quiet};
use crate::kit::{Call, Script};
use crate::pools::{BOTH, By, comes_to_rest, until};

/// A pool of one.
fn pool(by: By) -> (SharedPool<Script>, Script) {
    let script = Script::default();
    (by.pool(script.clone(), quiet().max_size(1)), script)
}

#[tokio::test]
async fn a_request_that_is_cut_in_its_scope_has_its_connection_checked() {
    for by in BOTH {
        let (pool, script) = pool(by);
        let mut guard = pool.get_async().await.unwrap();
        let number = SharedConnGuard::scope(&mut guard, async |connection| connection.number).await;
        drop(guard);
        let mut guard = pool.get_async().await.unwrap();
        assert_eq!((number, script.calls(Call::Check)), (1, 0), "{by:?}: it has ended");
        assert!(timeout(millis(1), SharedConnGuard::scope(&mut guard, async |_| pending::<()>().await)).await.is_err());
        drop(guard);
        assert_eq!((pool.get_async().await.unwrap().number, script.reasons()), (1, vec![CheckReason::Required]));
        drop(pool.get_async().await.unwrap());
        assert_eq!(script.calls(Call::Check), 1, "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn a_scope_that_ends_well_takes_no_doubt_away_that_was_there_before() {
    for by in BOTH {
        let (pool, script) = pool(by);
        let mut guard = pool.get_async().await.unwrap();
        SharedConnGuard::require_check(&guard);
        SharedConnGuard::scope(&mut guard, async |_| ()).await;
        drop(guard);
        drop(pool.get_async().await.unwrap());
        assert_eq!(script.reasons(), [CheckReason::Required], "{by:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_blocks_is_known_by_the_place_where_it_was_asked_for() {
    let (pool, _) = pool(By::Threads);
    let own = pool.clone();
    let (site, line) = (pool.run(move |_| own.loans().next().unwrap().site.unwrap()), line!());
    let site = site.await.unwrap();
    assert_eq!((site.file(), site.line()), (file!(), line));
}

#[tokio::test]
async fn a_guard_tells_the_age_of_its_connection_and_its_uses() {
    for by in BOTH {
        let (pool, _) = pool(by);
        assert_eq!(SharedConnGuard::uses(&pool.get_async().await.unwrap()), 1, "{by:?}");
        let guard = pool.get_async().await.unwrap();
        assert_eq!(SharedConnGuard::uses(&guard), 2, "{by:?}");
        let before = SharedConnGuard::age(&guard);
        until(|| SharedConnGuard::age(&guard) >= before + millis(20)).await;
    }
}

#[tokio::test]
async fn what_its_caller_discards_is_replaced_for_the_next() {
    for by in BOTH {
        let (pool, script) = pool(by);
        let guard = pool.get_async().await.unwrap();
        let own = pool.clone();
        let waiter = tokio::spawn(async move { own.get_async().await.unwrap().number });
        until(|| pool.status().waiting == 1).await;
        SharedConnGuard::discard(guard);
        assert_eq!((waiter.await.unwrap(), script.discards(DiscardReason::Discarded)), (2, 1), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn a_loan_is_told_with_the_place_where_the_task_asked() {
    for by in BOTH {
        let script = Script::default();
        let pool = by.pool(script, Config::new().max_size(1).name("orders"));
        assert_eq!(pool.loans().count(), 0);
        let (guard, line) = (pool.get_async().await.unwrap(), line!());
        let site = pool.loans().next().unwrap().site.unwrap();
        assert_eq!((site.file(), site.line()), (file!(), line), "{by:?}");
        let error = pool.get_async_timeout(millis(1)).await.unwrap_err().to_string();
        assert!(error.contains("pool \"orders\": in use: 1 of 1") && error.contains(&format!("{}:{line}:", file!())));
        drop(guard);
        assert_eq!(pool.loans().count(), 0);
    }
}
