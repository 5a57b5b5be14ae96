//! Functions beside a manager, in pools that a runtime of tokio's maintains or waits for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncHooks, Config, DiscardReason, GetError, HookFuture, Hooks};
use tokio::time::Instant;

use crate::kit::managed::{millis, quiet, retry, secs};
use crate::kit::{Call, Conn, Failed, Gate, Outcome, Script, lock};
use crate::pools::{BOTH, By, comes_to_rest, until};
use crate::runtimes::runtime;

/// A pool of one whose manager has hooks, and the manager inside.
fn hooked(by: By, hook: impl FnOnce(Hooks<Script>) -> Hooks<Script>) -> (SharedPool<Hooks<Script>>, Script) {
    let script = Script::default();
    (by.pool(hook(Hooks::new(script.clone())), quiet().max_size(1)), script)
}

/// A pool of one whose hook after each connect is awaited.
fn awaiting(
    config: Config,
    hook: impl for<'a> Fn(&'a mut Conn) -> HookFuture<'a, Failed> + Send + Sync + 'static,
) -> (SharedPool<AsyncHooks<Script>>, Script) {
    let script = Script::default();
    let manager = Hooks::new(script.clone()).after_connect_async(hook);
    (SharedPool::new(manager, config.max_size(1)).unwrap(), script)
}

/// A hook that is awaited, and waits at the gate the first time.
fn held_once(gate: &Gate) -> impl for<'a> Fn(&'a mut Conn) -> HookFuture<'a, Failed> + Send + Sync + 'static {
    let gate = Mutex::new(Some(gate.clone()));
    move |_| {
        let gate = lock(&gate).take();
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.pass_async().await;
            }
            Ok(())
        })
    }
}

/// A hook that does what it is told once, and is content otherwise.
fn once(outcome: Outcome) -> impl Fn(&mut Conn) -> Result<(), Failed> + Send + Sync + 'static {
    let told = Mutex::new(Some(outcome));
    move |_| {
        let outcome = lock(&told).take();
        match outcome {
            Some(Outcome::Error) => Err(Failed(Call::Event, 7)),
            Some(Outcome::Panic) => panic!("a hook panics, as it was told to"),
            Some(Outcome::At(gate, _)) => {
                gate.pass();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

async fn number(pool: &SharedPool<Hooks<Script>>) -> usize {
    pool.get_async().await.unwrap().number
}

#[tokio::test]
async fn each_hook_sees_a_connection_at_its_time() {
    for by in BOTH {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = |what: &'static str| {
            let seen = Arc::clone(&seen);
            move || lock(&seen).push(what)
        };
        let (connected, lent, returned, ended) = (note("connected"), note("lent"), note("returned"), note("ended"));
        let (pool, script) = hooked(by, |hooks| {
            let hooks = hooks.after_connect(move |_| {
                connected();
                Ok(())
            });
            let hooks = hooks.before_lend(move |_| {
                lent();
                true
            });
            let hooks = hooks.on_return(move |_| {
                returned();
                Ok(())
            });
            hooks.before_discard(move |_, _| ended())
        });
        drop(pool.get_async().await.unwrap());
        // The connection was granted to the waiter for which it was made, and that looks at what it is granted.
        assert_eq!(std::mem::take(&mut *lock(&seen)), ["connected", "lent", "returned"], "{by:?}");
        drop(pool.get_async().await.unwrap());
        assert_eq!(std::mem::take(&mut *lock(&seen)), ["lent", "returned"], "{by:?}");
        pool.drain_async(secs(10)).await.unwrap();
        assert_eq!(std::mem::take(&mut *lock(&seen)), ["ended"], "{by:?}");
        assert_eq!(script.discards(DiscardReason::Closed), 1);
    }
}

#[tokio::test]
async fn a_new_connection_that_a_hook_refuses_is_made_anew_for_the_same_caller() {
    for by in BOTH {
        let (pool, script) = hooked(by, |hooks| hooks.after_connect(once(Outcome::Error)));
        assert_eq!(number(&pool).await, 2, "{by:?}");
        assert_eq!((script.discards(DiscardReason::Invalid), pool.metrics().connect_failed), (1, 1), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn a_caller_whose_time_is_up_is_told_what_the_hook_has_said() {
    for by in BOTH {
        let (pool, script) = hooked(by, |hooks| hooks.after_connect(|_| Err(Failed(Call::Event, 7))));
        let error = pool.get_async_timeout(millis(150)).await.unwrap_err();
        assert!(matches!(error, GetError::Connect { .. }), "{by:?}: {error}");
        assert!(error.to_string().starts_with("cannot connect: Event 7 failed ("), "{by:?}: {error}");
        until(|| pool.connect_error().is_some_and(|error| error.as_str() == "Event 7 failed")).await;
        pool.close();
        until(|| script.live() == 0).await;
    }
}

#[tokio::test]
async fn what_a_hook_does_not_let_out_or_in_is_replaced() {
    for by in BOTH {
        let (pool, script) = hooked(by, |hooks| hooks.before_lend(|connection| connection.number != 1));
        pool.insert(script.connection()).unwrap();
        assert_eq!(number(&pool).await, 2, "{by:?}");
        assert_eq!(script.discards(DiscardReason::Broken), 1, "{by:?}");
        comes_to_rest(&pool, &script).await;

        let (pool, script) = hooked(by, |hooks| hooks.on_return(once(Outcome::Error)));
        assert_eq!((number(&pool).await, number(&pool).await), (1, 2), "{by:?}");
        assert_eq!(script.discards(DiscardReason::ResetFailed), 1, "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

/// The task that maintains the pool ends by that, and the waiter has another one begun.
#[tokio::test]
async fn a_caller_is_served_though_a_hook_panics_after_its_connect() {
    for by in BOTH {
        let (pool, script) = hooked(by, |hooks| hooks.after_connect(once(Outcome::Panic)));
        let got = pool.get_async_timeout(secs(20)).await.unwrap();
        assert_eq!((got.number, script.discards(DiscardReason::CheckCancelled)), (2, 1), "{by:?}");
        drop(got);
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn a_hook_that_panics_in_a_task_costs_a_connection_and_no_slot() {
    for by in BOTH {
        let (pool, script) = hooked(by, |hooks| hooks.on_return(once(Outcome::Panic)));
        let own = pool.clone();
        let task = tokio::spawn(async move { drop(own.get_async().await.unwrap()) });
        assert!(task.await.unwrap_err().is_panic(), "{by:?}");
        assert_eq!(number(&pool).await, 2, "{by:?}");
        comes_to_rest(&pool, &script).await;

        let (pool, script) = hooked(by, |hooks| {
            let hook = once(Outcome::Panic);
            hooks.before_lend(move |connection| hook(connection).is_ok())
        });
        pool.insert(script.connection()).unwrap();
        let own = pool.clone();
        let task = tokio::spawn(async move { drop(own.get_async().await.unwrap()) });
        assert!(task.await.unwrap_err().is_panic(), "{by:?}");
        // It is in doubt since then.
        assert_eq!((number(&pool).await, script.calls(Call::Check)), (1, 1), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_given_up_with_its_connect() {
    let gate = Gate::default();
    // The pause before the next connect goes by the system's clock.
    let config = quiet().connect_timeout(Some(secs(3))).retry(retry(0, millis(1)));
    let (pool, script) = awaiting(config, held_once(&gate));
    let began = Instant::now();
    let got = pool.get_async().await.unwrap();
    let took = began.elapsed();
    assert!(took >= secs(3) && took < secs(20), "{took:?}");
    assert_eq!((got.number, script.discards(DiscardReason::CheckCancelled)), (2, 1));
    assert_eq!(script.events()[0], "connect timed out");
    drop(got);
    comes_to_rest(&pool, &script).await;
}

#[tokio::test]
async fn a_hook_that_blocks_a_thread_of_the_pools_keeps_no_caller_past_its_time() {
    let gate = Gate::default();
    let (pool, script) = hooked(By::Threads, |hooks| hooks.after_connect(once(Outcome::at(&gate))));
    // A thread of the pool's may begin too late for a caller that has so little time.
    while gate.arrivals() == 0 {
        assert!(matches!(pool.get_async_timeout(millis(20)).await, Err(GetError::Timeout(_))));
    }
    gate.open();
    assert_eq!(number(&pool).await, 1);
    comes_to_rest(&pool, &script).await;
}

#[tokio::test]
async fn a_hook_goes_on_for_the_next_caller_if_the_first_has_left() {
    let gate = Gate::default();
    let (pool, script) = awaiting(quiet(), held_once(&gate));
    let own = pool.clone();
    let first = tokio::spawn(async move { drop(own.get_async().await) });
    until(|| gate.arrivals() == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.open();
    until(|| pool.status().idle == 1).await;
    assert_eq!(pool.get_async().await.unwrap().number, 1);
    comes_to_rest(&pool, &script).await;
}

#[test]
fn a_runtime_that_ends_in_the_midst_of_a_hook_ends_its_connection_and_the_next_caller_is_served() {
    let (gate, first, second) = (Gate::default(), runtime(), runtime());
    let (pool, script) = first.block_on(async { awaiting(quiet(), held_once(&gate)) });
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    gate.wait_for_arrivals(1);
    // Waits for the task of maintenance to be dropped.
    first.shutdown_timeout(Duration::from_secs(10));
    assert_eq!((script.discards(DiscardReason::CheckCancelled), script.live(), pool.status().vacant), (1, 0, 1));
    second.block_on(async {
        assert_eq!(pool.get_async().await.unwrap().number, 2);
        comes_to_rest(&pool, &script).await;
    });
}
