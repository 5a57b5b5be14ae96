//! Options of a shared pool that are changed while it runs, from tasks.

use std::future::Future;

use conn_pool::managed::{ConfigError, DiscardReason, GetError, Nested};
use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::kit::managed::{millis, quiet, retry, secs};
use crate::kit::{Call, Gate, Outcome};
use crate::pools::{BOTH, By, comes_to_rest, filled, until};

/// As a task of a runtime of one thread, and as one of a runtime of two, whose pool is maintained either way.
fn on_each_flavour<F: Future<Output = ()> + Send + 'static>(test: impl Fn(By) -> F) {
    for by in BOTH {
        for mut runtime in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let runtime = runtime.worker_threads(2).enable_time().build().unwrap();
            runtime.block_on(async { tokio::spawn(test(by)).await.unwrap() });
        }
    }
}

#[test]
fn a_size_that_is_raised_serves_a_waiter_and_one_that_is_lowered_ends_what_is_too_much() {
    on_each_flavour(|by| async move {
        let (pool, script) = filled(by, quiet().capacity(4).max_size(1), 1);
        let held = pool.get_async().await.unwrap();
        let own = pool.clone();
        let waiter = tokio::spawn(async move { own.get_async().await.unwrap() });
        until(|| pool.status().waiting == 1).await;
        pool.reconfigure(|config| config.max_size(3)).unwrap();
        let other = waiter.await.unwrap();
        assert_eq!((other.number, pool.config().get_max_size()), (2, Some(3)), "{by:?}");
        drop((held, other));
        pool.reconfigure(|config| config.max_size(1)).unwrap();
        until(|| script.discards(DiscardReason::Surplus) == 1).await;
        comes_to_rest(&pool, &script).await;
        assert_eq!(pool.status().max_size, 1);
    });
}

#[test]
fn a_floor_that_is_raised_is_filled_though_nobody_calls() {
    on_each_flavour(|by| async move {
        let (pool, script) = filled(by, quiet().max_size(4), 0);
        pool.reconfigure(|config| config.min_idle(3)).unwrap();
        until(|| pool.status().idle == 3).await;
        assert_eq!(script.calls(Call::Connect), 3, "{by:?}");
    });
}

#[test]
fn what_is_idle_and_too_much_by_now_ends_and_so_does_what_comes_back() {
    on_each_flavour(|by| async move {
        let (pool, script) = filled(by, quiet().max_size(4), 4);
        let held = pool.get_async().await.unwrap();
        pool.reconfigure(|config| config.max_idle(1)).unwrap();
        assert_eq!(pool.status().idle, 1, "{by:?}");
        until(|| script.discards(DiscardReason::Excess) == 2).await;
        drop(held);
        until(|| script.discards(DiscardReason::Excess) == 3).await;
        comes_to_rest(&pool, &script).await;
    });
}

#[test]
fn uses_before_the_limit_was_set_count() {
    on_each_flavour(|by| async move {
        let (pool, script) = filled(by, quiet().max_size(1), 1);
        drop(pool.get_async().await.unwrap());
        pool.reconfigure(|config| config.max_uses(2)).unwrap();
        assert_eq!(pool.get_async().await.unwrap().number, 1, "{by:?}");
        until(|| script.discards(DiscardReason::UsedUp) == 1).await;
        assert_eq!(pool.get_async().await.unwrap().number, 2, "{by:?}");
    });
}

/// Ages go by the system's clock.
#[test]
fn a_life_that_is_cut_short_ends_what_is_idle_and_one_that_is_lengthened_does_not() {
    on_each_flavour(|by| async move {
        let (pool, script) = filled(by, quiet().max_size(1).lifetime_jitter_percent(0), 1);
        pool.reconfigure(|config| config.max_lifetime(Some(millis(20)))).unwrap();
        until(|| pool.status().vacant == 1).await;
        assert_eq!(script.discards(DiscardReason::Expired), 1, "{by:?}");
        pool.reconfigure(|config| config.max_lifetime(Some(secs(600)))).unwrap();
        pool.insert(script.connection()).unwrap();
        tokio::time::sleep(millis(40)).await;
        assert_eq!((pool.get_async().await.unwrap().number, script.live()), (2, 1), "{by:?}");
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    on_each_flavour(|by| async move {
        let (pool, _) = filled(by, quiet().capacity(4).max_size(2).min_idle(1), 1);
        let before = pool.config();
        for (option, refused) in [
            ("capacity", pool.reconfigure(|config| config.max_uses(3).capacity(5))),
            ("name", pool.reconfigure(|config| config.max_uses(3).name("another"))),
            ("clean_on_return", pool.reconfigure(|config| config.max_uses(3).clean_on_return(true))),
            ("max_connecting", pool.reconfigure(|config| config.max_uses(3).max_connecting(1))),
        ] {
            assert_eq!(refused, Err(ConfigError::Fixed { option }));
        }
        let refused = pool.reconfigure(|config| config.max_uses(3).max_size(5)).unwrap_err().to_string();
        assert!(refused.starts_with("max_size is 5 and the pool has room for 4 "), "{refused}");
        let refused = pool.reconfigure(|config| config.max_uses(3).max_idle(0)).unwrap_err().to_string();
        assert_eq!(refused, "min_idle is 1 and max_idle is 0: min_idle can be at most max_idle");
        assert_eq!(pool.config(), before, "{by:?}");
    });
}

/// As a program does that reads its settings again: what they leave out is at the default of a shared pool.
#[test]
fn a_configuration_that_is_read_anew_is_taken() {
    on_each_flavour(|by| async move {
        let (pool, _) = filled(by, quiet().max_size(3), 1);
        let before = pool.config();
        pool.reconfigure(|_| quiet().max_size(3)).unwrap();
        assert_eq!(pool.config(), before, "{by:?}");
        pool.reconfigure(|_| quiet().max_size(2).max_uses(7)).unwrap();
        let after = pool.config();
        assert_eq!((after.get_max_size(), after.get_capacity(), after.get_max_uses()), (Some(2), Some(3), Some(7)));
        assert_eq!(after.get_wait_timeout(), before.get_wait_timeout(), "{by:?}");
        pool.reconfigure(|_| quiet()).unwrap();
        assert_eq!(pool.config(), before, "{by:?}");
        for (option, refused) in [
            ("capacity", pool.reconfigure(|_| quiet().max_size(3).capacity(4))),
            ("nested", pool.reconfigure(|_| quiet().max_size(3).nested(Nested::Refuse))),
            ("wait_times", pool.reconfigure(|_| quiet().max_size(3).wait_times(true))),
        ] {
            assert_eq!(refused, Err(ConfigError::Fixed { option }), "{by:?}");
        }
        // What was set, and is set no more.
        let (pool, _) = filled(by, quiet().max_size(3).nested(Nested::Refuse), 0);
        assert_eq!(pool.reconfigure(|_| quiet().max_size(3)), Err(ConfigError::Fixed { option: "nested" }));
    });
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_as_long_as_they_may_when_they_begin() {
    let (pool, _) = filled(By::Task, quiet().max_size(1), 1);
    let held = pool.get_async().await.unwrap();
    let (own, began) = (pool.clone(), Instant::now());
    let early = tokio::spawn(async move { (own.get_async().await.map(drop), began.elapsed()) });
    until(|| pool.status().waiting == 1).await;
    pool.reconfigure(|config| config.wait_timeout(Some(secs(2)))).unwrap();
    assert!(matches!(pool.get_async().await, Err(GetError::Timeout(_))));
    let took = began.elapsed();
    assert!(took >= secs(2) && took < secs(3), "{took:?}");
    let (got, took) = early.await.unwrap();
    assert!(matches!(got, Err(GetError::Timeout(_))) && took >= secs(30) && took < secs(31), "{took:?}");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_connects_holds_for_the_next_one() {
    let config = quiet().max_size(1).connect_timeout(Some(secs(9))).retry(retry(0, millis(1)));
    let (pool, script) = filled(By::Task, config, 0);
    let gate = Gate::default();
    script.then(Call::Connect, Outcome::at(&gate)).then(Call::Connect, Outcome::at(&gate));
    let (own, began) = (pool.clone(), Instant::now());
    let caller = tokio::spawn(async move { own.get_async().await.unwrap().number });
    until(|| gate.arrivals() == 1).await;
    pool.reconfigure(|config| config.connect_timeout(Some(secs(2)))).unwrap();
    while gate.arrivals() == 1 && began.elapsed() < secs(18) {
        tokio::time::sleep(millis(10)).await;
    }
    let first = began.elapsed();
    assert!(first >= secs(9) && gate.arrivals() == 2, "{first:?}");
    assert_eq!(caller.await.unwrap(), 1);
    let second = began.elapsed().saturating_sub(first);
    assert!(second >= millis(1_900) && second < secs(8), "{second:?}");
    comes_to_rest(&pool, &script).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_checks_holds_for_the_next_one() {
    let config = quiet().max_size(1).validate_after(Some(secs(0))).retry(retry(0, millis(1)));
    let (pool, script) = filled(By::Task, config, 1);
    script.then(Call::Check, Outcome::at(&Gate::default()));
    pool.reconfigure(|config| config.validation_timeout(Some(secs(3)))).unwrap();
    let began = Instant::now();
    let got = pool.get_async().await.unwrap();
    let took = began.elapsed();
    assert!(got.number == 2 && took >= secs(3) && took < secs(4), "{took:?}");
    assert_eq!(script.events()[0], "check timed out");
}

/// A pool that sleeps for minutes, since nothing is due.
#[tokio::test(start_paused = true)]
async fn maintenance_that_sleeps_keeps_to_new_limits_of_idle_time() {
    let (pool, script) = filled(By::Task, quiet().max_size(2), 2);
    tokio::time::sleep(secs(300)).await;
    pool.reconfigure(|config| config.idle_timeout(Some(millis(1))).min_idle(1)).unwrap();
    let began = Instant::now();
    while script.discards(DiscardReason::Idle) == 0 && began.elapsed() < secs(60) {
        tokio::time::sleep(millis(1)).await;
    }
    assert_eq!((pool.status().idle, script.live()), (1, 1));
}
