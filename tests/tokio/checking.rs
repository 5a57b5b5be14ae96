//! The check of a connection that is made for its caller by those who maintain the pool.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{GetError, SharedConnGuard};
use tokio::task::JoinHandle;

use crate::kit::managed::{millis, quiet, retry};
use crate::kit::{Call, FOREVER, Gate, Outcome, Script, wait_until};
use crate::pools::{BOTH, By, comes_to_rest, filled, until};

type Caller = JoinHandle<Result<SharedConnGuard<Script>, GetError>>;

/// A thread or a task that acquires a connection, within `timeout` or without an end.
fn caller(pool: &SharedPool<Script>, by_thread: bool, timeout: Option<Duration>) -> Caller {
    let pool = pool.clone();
    if by_thread {
        tokio::task::spawn_blocking(move || timeout.map_or_else(|| pool.get(), |timeout| pool.get_timeout(timeout)))
    } else {
        tokio::spawn(async move {
            match timeout {
                Some(timeout) => pool.get_async_timeout(timeout).await,
                None => pool.get_async().await,
            }
        })
    }
}

async fn end(caller: Caller) -> Result<SharedConnGuard<Script>, GetError> {
    tokio::time::timeout(FOREVER, caller).await.expect("a caller waits for ever").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_connection_checked_gets_it_before_those_who_came_later() {
    for by in BOTH {
        for by_thread in [false, true] {
            let config = quiet().max_size(1).validate_after(Some(Duration::ZERO)).validation_timeout(Some(FOREVER));
            let (pool, script) = filled(by, config, 1);
            let gate = Gate::default();
            script.then(Call::Check, Outcome::at(&gate));
            let first = caller(&pool, by_thread, Some(FOREVER));
            until(|| gate.arrivals() == 1).await;
            let second = caller(&pool, false, Some(FOREVER));
            until(|| pool.status().waiting == 1).await;
            gate.open();
            let first = end(first).await.unwrap();
            assert!(!second.is_finished(), "{by:?}, by a thread: {by_thread}");
            drop(first);
            assert_eq!(end(second).await.unwrap().number, 1);
            comes_to_rest(&pool, &script).await;
        }
    }
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The connection was handed to it, and it has not looked.
#[test]
fn a_task_that_leaves_when_its_connection_has_passed_the_check_leaves_it_to_the_pool() {
    let config = quiet().max_size(1).validate_after(Some(Duration::ZERO));
    let (pool, script) = filled(By::Threads, config, 1);
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    {
        let mut waits = pin!(pool.get_async_timeout(FOREVER));
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        wait_until(|| woken.0.load(Ordering::Relaxed) == 1);
        assert_eq!((script.calls(Call::Check), pool.status().in_use), (1, 1));
    }
    assert_eq!(pool.status().idle, 1);
}

/// No caller has had it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_does_not_pass_its_check_is_not_counted_as_acquired() {
    for by in BOTH {
        for by_thread in [false, true] {
            let (pool, script) = filled(by, quiet().max_size(1).validate_after(Some(Duration::ZERO)), 1);
            script.then(Call::Check, Outcome::Error);
            drop(end(caller(&pool, by_thread, Some(FOREVER))).await.unwrap());
            assert_eq!((pool.metrics().pool.acquired, script.calls(Call::Connect)), (1, 1), "{by:?}");
            comes_to_rest(&pool, &script).await;
        }
    }
}

/// Connecting fails for longer than a connect may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_without_an_end_is_told_the_error_and_who_has_a_deadline_waits_on() {
    for by in BOTH {
        for by_thread in [false, true] {
            let config = quiet().max_size(1).wait_timeout(None).connect_timeout(Some(millis(20)));
            let script = Script::default();
            script.always(Call::Connect, Outcome::Error);
            let pool = by.pool(script.clone(), config.retry(retry(0, millis(1))));
            let patient = caller(&pool, by_thread, Some(FOREVER));
            until(|| pool.status().waiting == 1).await;
            let error = end(caller(&pool, by_thread, None)).await.map(drop).unwrap_err();
            assert!(matches!(error, GetError::Connect { .. }), "{by:?}: {error}");
            assert!(!patient.is_finished(), "{by:?}, by a thread: {by_thread}");
            script.always(Call::Connect, Outcome::Ok);
            drop(end(patient).await.unwrap());
            comes_to_rest(&pool, &script).await;
        }
    }
}
