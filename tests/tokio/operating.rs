//! What an operator does with a shared pool that tasks use.

use conn_pool::SharedPool;
use conn_pool::managed::{DiscardReason, GetError};

use crate::kit::managed::{millis, quiet};
use crate::kit::{Call, Conn, Gate, Outcome, Script};
use crate::pools::{BOTH, By, comes_to_rest, until};

/// A pool of three, which are idle.
fn full(by: By) -> (SharedPool<Script>, Script) {
    let script = Script::default();
    let pool = by.pool(script.clone(), quiet().max_size(3));
    (0..3).for_each(|_| pool.insert(script.connection()).unwrap());
    (pool, script)
}

#[tokio::test]
async fn a_pool_that_is_suspended_lends_nothing_until_it_is_resumed() {
    for by in BOTH {
        let (pool, script) = full(by);
        pool.suspend();
        assert!(matches!(pool.get_async_timeout(millis(5)).await, Err(GetError::Timeout(_))), "{by:?}");
        assert!(matches!(pool.try_get(), Err(GetError::Exhausted)), "{by:?}");
        let own = pool.clone();
        let waiter = tokio::spawn(async move { own.get_async().await.map(drop) });
        until(|| pool.status().waiting == 1).await;
        pool.resume();
        waiter.await.unwrap().unwrap();
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn what_is_evicted_is_lent_no_more_and_what_is_being_made_meanwhile_neither() {
    for by in BOTH {
        let (pool, script) = full(by);
        let held = pool.get_async().await.unwrap();
        // What maintenance discards meanwhile is not counted.
        assert!(pool.evict_all() <= 2, "{by:?}");
        until(|| script.discards(DiscardReason::Evicted) == 2).await;
        drop(held);
        until(|| pool.status().vacant == 3).await;
        let gate = Gate::default();
        script.then(Call::Connect, Outcome::at(&gate));
        let own = pool.clone();
        let caller = tokio::spawn(async move { own.get_async().await.unwrap().number });
        until(|| gate.arrivals() == 1).await;
        assert_eq!(pool.evict_all(), 0, "{by:?}");
        gate.open();
        assert_eq!((caller.await.unwrap(), script.discards(DiscardReason::Evicted)), (5, 4), "{by:?}");
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn some_of_what_is_idle_is_retained_and_some_taken_out() {
    for by in BOTH {
        let (pool, script) = full(by);
        let held = pool.get_async().await.unwrap();
        let out = held.number;
        let retained = pool.retain_with(|connection, idle| {
            assert_eq!(idle.uses, 0);
            connection.number == 3
        });
        assert_eq!((retained.kept, retained.discarded), (1, 1), "{by:?}");
        until(|| script.discards(DiscardReason::Evicted) == 1).await;
        assert_eq!(pool.retain(|_| true).kept, 1);
        let mut taken = pool.extract_if(|connection, _| connection.number != out);
        assert_eq!(taken.iter().map(|connection| connection.number).collect::<Vec<_>>(), [3], "{by:?}");
        until(|| (pool.status().idle, pool.status().vacant) == (0, 2)).await;
        taken.iter_mut().for_each(Conn::part);
        drop((taken, held));
        comes_to_rest(&pool, &script).await;
    }
}

#[tokio::test]
async fn a_size_beyond_the_capacity_is_refused() {
    for by in BOTH {
        let (pool, _) = full(by);
        assert!(pool.resize(4).is_err());
        assert_eq!((pool.status().max_size, pool.status().idle), (3, 3), "{by:?}");
        pool.resize(1).unwrap();
        assert_eq!((pool.status().max_size, pool.status().idle), (1, 1), "{by:?}");
    }
}
