//! Callers of a shared pool that have no time for the check of an idle connection.

use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{Config, DiscardReason, GetError, SharedConnGuard};

use crate::kit::managed::{millis, quiet};
use crate::kit::{Call, FOREVER, Gate, Outcome, Script};
use crate::pools::{BOTH, By, comes_to_rest, filled, until};

/// Each connection is checked each time.
fn checking() -> Config {
    quiet().validate_after(Some(Duration::ZERO)).validation_timeout(Some(FOREVER))
}

type Got = Result<usize, GetError>;

/// What a caller gets within so much time: a task, and a thread. Neither hangs.
async fn get_within(pool: &SharedPool<Script>, timeout: Duration, by_thread: bool) -> Got {
    let own = pool.clone();
    let number = |guard: SharedConnGuard<Script>| guard.number;
    let caller = async move {
        if by_thread {
            tokio::task::spawn_blocking(move || own.get_timeout(timeout).map(number)).await.unwrap()
        } else {
            own.get_async_timeout(timeout).await.map(number)
        }
    };
    tokio::time::timeout(FOREVER, caller).await.expect("a caller has waited past its time")
}

async fn for_each_caller(test: impl AsyncFn(By, bool)) {
    for by in BOTH {
        for by_thread in [false, true] {
            test(by, by_thread).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_time_leaves_what_is_to_be_checked_to_be_checked_for_the_next() {
    for_each_caller(async |by, by_thread| {
        let (pool, script) = filled(by, checking().max_size(3), 3);
        let gate = Gate::default();
        script.always(Call::Check, Outcome::at(&gate));
        let answer = get_within(&pool, Duration::ZERO, by_thread).await;
        assert!(matches!(answer, Err(GetError::Timeout(_))), "{by:?}: {answer:?}");
        assert_eq!((pool.metrics().pool.timed_out, script.discards(DiscardReason::Invalid)), (1, 0), "{by:?}");
        gate.open();
        until(|| pool.status().idle == 3 && script.calls(Call::Check) == 3).await;
        get_within(&pool, Duration::ZERO, by_thread).await.unwrap();
        assert_eq!(script.calls(Call::Check), 3, "{by:?}");
        comes_to_rest(&pool, &script).await;
    })
    .await;
}

/// Checks that are made at once come to an end while the caller looks on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_time_looks_at_each_connection_once() {
    for_each_caller(async |by, by_thread| {
        let (pool, script) = filled(by, checking().max_size(3), 3);
        for _ in 0..100 {
            let answer = get_within(&pool, Duration::ZERO, by_thread).await;
            assert!(matches!(answer, Ok(_) | Err(GetError::Timeout(_))), "{by:?}: {answer:?}");
        }
        assert!(script.calls(Call::Check) <= 400, "{by:?}: {} checks", script.calls(Call::Check));
        comes_to_rest(&pool, &script).await;
        assert_eq!(script.calls(Call::Connect), 0, "{by:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_time_takes_a_connection_that_needs_no_check() {
    for_each_caller(async |by, by_thread| {
        for dirty in 1..=2 {
            let (pool, script) = filled(by, quiet().max_size(2), 2);
            script.always(Call::Check, Outcome::at(&Gate::default()));
            for guard in pool.take_idle().collect::<Vec<_>>() {
                let outcome = if guard.number == dirty { Outcome::Error } else { Outcome::Ok };
                script.then(Call::Dirty, outcome);
                drop(guard);
            }
            assert_eq!(get_within(&pool, Duration::ZERO, by_thread).await.unwrap(), 3 - dirty, "{by:?}");
        }
    })
    .await;
}

/// The first is silent, and takes the caller's time. The others are fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whose_time_a_silent_connection_took_costs_the_pool_no_other() {
    for_each_caller(async |by, by_thread| {
        let (pool, script) = filled(by, checking().max_size(4), 4);
        let gate = Gate::default();
        script.always(Call::Check, Outcome::at(&gate));
        let answer = get_within(&pool, millis(20), by_thread).await;
        assert!(matches!(answer, Err(GetError::Invalid { error: None, .. })), "{by:?}: {answer:?}");
        gate.open();
        until(|| pool.status().idle + pool.status().vacant == 4).await;
        // On a slow machine the silent one has had its time by now.
        assert!(pool.status().idle >= 3, "{by:?}: {}", pool.status());
        comes_to_rest(&pool, &script).await;
    })
    .await;
}

#[tokio::test]
async fn a_check_has_its_least_time_though_its_caller_has_less() {
    for by_thread in [false, true] {
        let (pool, script) = filled(By::Threads, checking().max_size(1), 1);
        get_within(&pool, millis(150), by_thread).await.unwrap();
        assert_eq!(script.given(Call::Check), [Some(millis(250))]);
    }
}
