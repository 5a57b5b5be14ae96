//! The server, or a proxy before it, accepts connections and closes them: how often it is connected to, and what
//! callers are told.

use std::sync::Arc;

use conn_pool::managed::{Config, GetError, Retry};

use crate::kit::keeper::{BOTH, By, Keeper};
use crate::kit::managed::{ALWAYS, SimPool, assert_at_rest, millis, pool, quiet, retry, secs};
use crate::kit::{Call, Gate, Job, Outcome};

const PAUSE: Retry = retry(0, secs(1));

/// How a new connection turns out to be unfit, and what callers are told of it.
const WAYS: [(Call, &str); 2] = [
    (Call::Closed, "a new connection was unfit: closed, or refused by a hook"),
    (Call::Check, "a new connection was unfit: it did not pass its check"),
];

fn connects<const N: usize>(pool: &SimPool<N>) -> usize {
    pool.manager().calls(Call::Connect)
}

/// Connections are unfit in this way as soon as they are made.
fn dying<const N: usize>(way: Call, config: Config) -> Arc<SimPool<N>> {
    let checked = if way == Call::Check { ALWAYS } else { None };
    let pool = pool::<N>(config.retry(PAUSE).validate_after(checked));
    pool.manager().always(way, Outcome::Error);
    pool
}

/// Ten seconds, in which nobody is served.
fn ten_seconds<const N: usize>(pool: &SimPool<N>, mut step: impl FnMut()) {
    for _ in 0..100 {
        (0..10).for_each(|_| step());
        pool.clock().advance(millis(100));
    }
}

/// In ten seconds, with pauses of one, each shortened by up to half; and with as many `at_first` side by side.
#[track_caller]
fn assert_paced<const N: usize>(pool: &SimPool<N>, at_first: usize) {
    assert!((5..=20 + at_first).contains(&connects(pool)), "{}", connects(pool));
}

#[test]
fn a_server_that_hangs_up_is_connected_to_once_a_pause() {
    for (way, _) in WAYS {
        let pool = dying::<2>(way, quiet());
        let mut keeper = Keeper::begin(By::Task, &pool);
        let mut caller = Job::begun(pool.get_async_timeout(secs(60)));
        ten_seconds(&pool, || {
            keeper.step();
            assert!(caller.poll().is_pending());
        });
        assert_paced(&pool, 1);
        pool.manager().always(way, Outcome::Ok);
        pool.clock().advance(secs(1));
        drop(keeper.answer(&mut caller).unwrap());
        assert_at_rest(&pool);
    }
}

/// The connection of one is made while that of another dies.
#[test]
fn a_server_that_hangs_up_is_connected_to_once_a_pause_however_many_wait() {
    for (way, _) in WAYS {
        for min_idle in [0, 3] {
            let pool = dying::<4>(way, quiet().min_idle(min_idle));
            let mut keeper = Keeper::begin(By::Task, &pool);
            let mut callers: Vec<_> = (0..8).map(|_| Job::begun(pool.get_async_timeout(secs(60)))).collect();
            ten_seconds(&pool, || {
                keeper.step();
                for caller in &mut callers {
                    assert!(caller.poll().is_pending());
                }
            });
            assert_paced(&pool, 8);
            pool.manager().always(way, Outcome::Ok);
            for caller in &mut callers {
                pool.clock().advance(secs(1));
                drop(keeper.answer(caller).unwrap());
            }
            // The failures are over after a pause in which none died.
            pool.clock().advance(secs(1));
            keeper.until(|| pool.connect_error().is_none());
        }
    }
}

/// A service that takes no requests while connecting fails would never find out that the server is back.
#[test]
fn an_error_that_nobody_has_tried_to_meet_again_is_forgotten() {
    let pool = pool::<2>(quiet());
    let longest = pool.config().get_retry().longest_pause;
    let mut keeper = Keeper::begin(By::Task, &pool);
    pool.manager().then(Call::Connect, Outcome::Error).then(Call::Connect, Outcome::error_at(&Gate::default()));
    let caller = Job::begun(pool.get_async_timeout(secs(60)));
    keeper.until(|| pool.connect_error().is_some());
    drop(caller);
    pool.clock().advance(2 * longest);
    keeper.step();
    assert!(pool.connect_error().is_some());
    pool.clock().advance(millis(1));
    assert!(pool.connect_error().is_none());
    // One that is under way has not succeeded yet.
    let _caller = Job::begun(pool.get_async_timeout(secs(60)));
    keeper.until(|| pool.status().connecting == 1);
    assert!(pool.connect_error().is_some());
}

#[test]
fn a_server_that_hangs_up_is_connected_to_once_a_pause_for_those_who_do_not_wait() {
    let pool = dying::<2>(Call::Closed, quiet());
    let mut keeper = Keeper::begin(By::Task, &pool);
    ten_seconds(&pool, || {
        assert!(pool.try_get().is_err());
        keeper.step();
    });
    assert_paced(&pool, 1);
}

/// Its connections are checked by threads of the pool's. The pool's clock stands still.
#[test]
fn a_server_that_hangs_up_is_connected_to_once_a_pause_for_threads() {
    for (way, told) in WAYS {
        let pool = dying::<2>(way, quiet().max_connecting(1));
        let _keeper = Keeper::begin(By::Threads, &pool);
        let error = pool.get_timeout(millis(200)).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(connects(&pool), 1);
    }
}

#[test]
fn who_has_waited_in_vain_is_told_that_the_server_hangs_up() {
    for (way, told) in WAYS {
        for by in BOTH {
            let pool = dying::<2>(way, quiet());
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
