//! Connections that are cleaned up as they come back, by the task or the threads that maintain the pool.

use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{CheckReason, Config, DiscardReason, GetError};
use tokio::time::Instant;

use crate::kit::managed::{millis, quiet, retry, secs};
use crate::kit::{Call, Gate, Outcome, Script};
use crate::pools::{BOTH, By, comes_to_rest, until};
use crate::runtimes::runtime;

fn cleaning() -> Config {
    quiet().max_size(1).clean_on_return(true)
}

/// A pool of one, which is idle.
fn pool(by: By, config: Config) -> (SharedPool<Script>, Script) {
    let script = Script::default();
    let pool = by.pool(script.clone(), config);
    pool.insert(script.connection()).unwrap();
    (pool, script)
}

/// Borrows the connection, and leaves it dirty; its clean-up comes to `outcome`.
async fn soil(pool: &SharedPool<Script>, outcome: Outcome) {
    let held = pool.get_async().await.unwrap();
    pool.manager().then(Call::Dirty, Outcome::Error).then(Call::Check, outcome);
    drop(held);
}

#[tokio::test]
async fn what_comes_back_dirty_is_cleaned_up_though_nobody_wants_it() {
    for by in BOTH {
        let (pool, script) = pool(by, cleaning());
        soil(&pool, Outcome::Ok).await;
        until(|| pool.status().idle == 1).await;
        assert_eq!(script.reasons(), [CheckReason::Dirty], "{by:?}");
        assert_eq!((pool.get_async().await.unwrap().number, script.calls(Call::Check)), (1, 1), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn waiters_get_it_when_it_is_clean() {
    for by in BOTH {
        let (pool, script) = pool(by, cleaning());
        let held = pool.get_async().await.unwrap();
        let own = pool.clone();
        let waiter = tokio::spawn(async move { own.get_async().await.unwrap().number });
        until(|| pool.status().waiting == 1).await;
        let gate = Gate::default();
        script.then(Call::Dirty, Outcome::Error).then(Call::Check, Outcome::at(&gate));
        drop(held);
        until(|| gate.arrivals() == 1).await;
        assert!(pool.status().waiting == 1 && pool.try_get().is_err(), "{by:?}");
        gate.open();
        assert_eq!((waiter.await.unwrap(), script.reasons()), (1, vec![CheckReason::Dirty]), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn what_cannot_be_cleaned_up_is_replaced_for_the_waiter() {
    for by in BOTH {
        for (outcome, reason) in
            [(Outcome::Error, DiscardReason::Invalid), (Outcome::Panic, DiscardReason::CheckCancelled)]
        {
            let (pool, script) = pool(by, cleaning());
            soil(&pool, outcome).await;
            assert_eq!((pool.get_async().await.unwrap().number, script.discards(reason)), (2, 1), "{by:?}");
            comes_to_rest(&pool, &script).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clean_up_that_hangs_ends_when_a_check_has_to() {
    let config = cleaning().validation_timeout(Some(secs(5))).retry(retry(0, millis(1)));
    let (pool, script) = pool(By::Task, config);
    soil(&pool, Outcome::at(&Gate::default())).await;
    let began = Instant::now();
    assert_eq!(pool.get_async().await.unwrap().number, 2);
    let took = began.elapsed();
    assert!(took >= secs(5) && took < secs(6), "{took:?}");
    assert_eq!((script.discards(DiscardReason::Invalid), script.events()[0].as_str()), (1, "check timed out"));
    comes_to_rest(&pool, &script).await;
}

#[tokio::test]
async fn a_clean_up_that_blocks_a_thread_of_the_pools_keeps_no_caller_past_its_time() {
    let (pool, script) = pool(By::Threads, cleaning());
    let gate = Gate::default();
    soil(&pool, Outcome::at(&gate)).await;
    assert!(matches!(pool.get_async_timeout(millis(20)).await, Err(GetError::Timeout(_))));
    gate.open();
    assert_eq!(pool.get_async().await.unwrap().number, 1);
    comes_to_rest(&pool, &script).await;
}

#[test]
fn a_runtime_that_ends_in_the_midst_of_a_clean_up_loses_no_slot_and_lends_nothing_dirty() {
    let (gate, first, second) = (Gate::default(), runtime(), runtime());
    let (pool, script) = first.block_on(async {
        let (pool, script) = pool(By::Task, cleaning());
        soil(&pool, Outcome::at(&gate)).await;
        (pool, script)
    });
    gate.wait_for_arrivals(1);
    // Waits for the task of maintenance to be dropped.
    first.shutdown_timeout(Duration::from_secs(10));
    assert_eq!((script.discards(DiscardReason::CheckCancelled), pool.status().vacant), (1, 1));
    second.block_on(async {
        assert_eq!(pool.get_async().await.unwrap().number, 2);
        comes_to_rest(&pool, &script).await;
    });
}

#[test]
fn a_clean_up_that_no_runtime_has_begun_is_left_to_the_next_caller() {
    let (first, second) = (runtime(), runtime());
    let (pool, script) = first.block_on(async { pool(By::Task, cleaning()) });
    let held = first.block_on(pool.get_async()).unwrap();
    first.shutdown_timeout(Duration::from_secs(10));
    script.then(Call::Dirty, Outcome::Error);
    drop(held);
    assert_eq!((pool.status().idle, script.calls(Call::Check)), (1, 0));
    second.block_on(async {
        assert_eq!(pool.get_async().await.unwrap().number, 1);
        assert_eq!(script.reasons(), [CheckReason::Dirty]);
        comes_to_rest(&pool, &script).await;
    });
}
