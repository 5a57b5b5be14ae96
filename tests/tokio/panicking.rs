//! Managers that panic, and hang, in the midst of others' work.

use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::Config;

use crate::kit::managed::{millis, quiet, retry};
use crate::kit::{Call, FOREVER, Gate, Outcome, Script};
use crate::pools::{BOTH, By, comes_to_rest, filled, until};

/// How often the manager is asked for a connection within half a second.
async fn connects(by: By, config: Config, script: &Script) -> usize {
    let pool = by.pool(script.clone(), config.max_size(1));
    pool.get_async_timeout(millis(500)).await.unwrap_err();
    script.calls(Call::Connect)
}

/// At most one in 50 ms: the shortest of the pauses.
const MOST: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_panics_over_an_error_is_asked_again_after_a_pause() {
    for by in BOTH {
        let script = Script::default();
        script.always(Call::Connect, Outcome::Error).always(Call::Permanent, Outcome::Panic);
        let connects = connects(by, quiet(), &script).await;
        assert!(connects <= MOST, "{by:?}: {connects} connects");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_panics_over_a_new_connection_is_asked_for_another_after_a_pause() {
    for by in BOTH {
        for call in [Call::Check, Call::Why] {
            let script = Script::default();
            script.always(call, Outcome::Panic);
            let connects = connects(by, quiet().validate_after(Some(Duration::ZERO)), &script).await;
            assert!(connects <= MOST, "{by:?}, {call:?}: {connects} connects");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_no_other_connect_and_no_check() {
    for by in BOTH {
        let config = quiet().max_size(3).validate_after(Some(Duration::ZERO)).validation_timeout(Some(FOREVER));
        let (pool, script) = filled(by, config.retry(retry(0, millis(1))), 1);
        let (checking, connecting) = (Gate::default(), Gate::default());
        script.then(Call::Check, Outcome::at(&checking));
        script.then(Call::Connect, Outcome::at(&connecting)).then(Call::Connect, Outcome::Panic);
        let caller = |pool: &SharedPool<Script>| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.get_async_timeout(FOREVER).await.map(|guard| guard.number) })
        };
        let mut callers = vec![caller(&pool)];
        until(|| checking.arrivals() == 1).await;
        callers.push(caller(&pool));
        until(|| connecting.arrivals() == 1).await;
        callers.push(caller(&pool));
        until(|| script.calls(Call::Connect) >= 3).await;
        checking.open();
        connecting.open();
        for caller in callers {
            caller.await.unwrap().unwrap();
        }
        until(|| pool.status().idle == 3).await;
        assert_eq!((script.calls(Call::Connect), pool.metrics().discarded_in_all()), (3, 0), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

/// As many as the configuration says, and not as many as a task can look after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_connects_run_at_once_as_there_may_be() {
    const ALL: usize = 100;
    let (script, gate) = (Script::default(), Gate::default());
    script.always(Call::Connect, Outcome::at(&gate));
    let pool = By::Task.pool(script.clone(), quiet().max_size(ALL).max_connecting(ALL));
    let callers: Vec<_> = (0..ALL)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { drop(pool.get_async().await.unwrap()) })
        })
        .collect();
    until(|| gate.arrivals() == ALL).await;
    gate.open();
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_checks_hang_connections_are_made() {
    const SILENT: usize = 100;
    let config = quiet().max_size(SILENT + 1).validate_after(Some(Duration::ZERO)).validation_timeout(Some(FOREVER));
    let (pool, script) = filled(By::Task, config, SILENT);
    let gate = Gate::default();
    for _ in 0..SILENT {
        script.then(Call::Check, Outcome::at(&gate));
    }
    pool.take_idle().for_each(drop);
    until(|| gate.arrivals() == SILENT).await;
    assert_eq!(pool.get_async_timeout(FOREVER).await.unwrap().number, SILENT + 1);
    gate.open();
    comes_to_rest(&pool, &script).await;
}
