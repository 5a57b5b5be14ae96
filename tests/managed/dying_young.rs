//! The server, or a proxy before it, accepts connections and closes them: how often it is connected to, and what
//! callers are told.

use conn_pool::managed::{Config, GetError, Retry};

use crate::kit::keeper::{BOTH, By, Keeper};
use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, millis, pool, quiet, retry, secs};
use crate::kit::{Call, Job, Outcome};

const PAUSE: Retry = retry(0, secs(1));

/// How a new connection turns out to be unfit, and what callers are told of it.
const WAYS: [(Call, &str); 2] = [
    (Call::Closed, "a new connection was closed before it could be used"),
    (Call::Check, "a new connection did not pass its check"),
];

fn connects<const N: usize>(pool: &SimPool<N>) -> usize {
    pool.manager().calls(Call::Connect)
}

/// Each connection that is made has to pass a check, as if it had been made before the last fault.
fn dying(way: Call, config: Config) -> std::sync::Arc<SimPool<2>> {
    let pool = pool::<2>(config.retry(PAUSE).validate_after(ALWAYS).max_connecting(1));
    pool.manager().always(way, Outcome::Error);
    pool
}

#[test]
fn a_server_that_hangs_up_is_connected_to_once_a_pause() {
    for (way, _) in WAYS {
        let pool = dying(way, quiet());
        let mut keeper = Keeper::begin(By::Task, &pool);
        let mut caller = Job::begun(pool.get_async_timeout(secs(60)));
        for _ in 0..100 {
            for _ in 0..10 {
                keeper.step();
                assert!(caller.poll().is_pending());
            }
            pool.clock().advance(millis(100));
        }
        // In ten seconds, with pauses of one, each shortened by up to half.
        assert!((10..=21).contains(&connects(&pool)), "{way:?}: {}", connects(&pool));
        pool.manager().always(way, Outcome::Ok);
        pool.clock().advance(secs(1));
        drop(keeper.answer(&mut caller).unwrap());
        assert_at_rest(&pool);
    }
}

#[test]
fn a_server_that_hangs_up_is_connected_to_once_a_pause_for_those_who_do_not_wait() {
    let pool = dying(Call::Closed, quiet());
    let mut keeper = Keeper::begin(By::Task, &pool);
    for _ in 0..100 {
        for _ in 0..10 {
            assert!(pool.try_get().is_err());
            keeper.step();
        }
        pool.clock().advance(millis(100));
    }
    assert!((5..=21).contains(&connects(&pool)), "{}", connects(&pool));
}

#[test]
fn who_has_waited_in_vain_is_told_that_the_server_hangs_up() {
    for (way, told) in WAYS {
        for by in BOTH {
            let pool = dying(way, quiet());
            let mut keeper = Keeper::begin(by, &pool);
            let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
            keeper.until(|| caller.poll().is_pending() && pool.metrics().discarded_in_all() > 0);
            pool.clock().advance(secs(2));
            let error = keeper.answer(&mut caller).unwrap_err();
            assert!(matches!(error, GetError::Connect { .. }) && error.to_string().contains(told), "{by:?}: {error}");
        }
    }
}

#[test]
fn a_connection_that_has_been_idle_before_it_dies_is_replaced_without_a_pause() {
    let pool = pool::<1>(quiet().retry(PAUSE).min_idle(1));
    let mut keeper = Keeper::begin(By::Task, &pool);
    keeper.until(|| pool.status().idle == 1);
    pool.clock().advance(secs(1));
    pool.manager().then(Call::Closed, Outcome::Error);
    let mut caller = Job::begun(pool.get_async_timeout(secs(60)));
    assert_eq!(keeper.answer(&mut caller).unwrap().number, 2);
}
