//! Connections are made apart from the callers that wait for them, wherever maintenance runs: by threads, or by a task.

use std::sync::Arc;
use std::thread;

use conn_pool::managed::{DiscardReason, GetError};

use super::maintaining::filled;
use crate::kit::keeper::{BOTH, By, Keeper};
use crate::kit::managed::{SimPool, assert_at_rest, millis, pool, quiet, retry, secs};
use crate::kit::{Call, FOREVER, Gate, Job, Outcome, Script, wait_until};

fn connects<const N: usize>(pool: &SimPool<N>) -> usize {
    pool.manager().calls(Call::Connect)
}

/// From now on connects hang.
fn connects_hang(script: &Script) -> Gate {
    let gate = Gate::default();
    script.always(Call::Connect, Outcome::at(&gate));
    gate
}

#[test]
fn a_connect_outlives_its_caller_and_lies_idle() {
    for by in BOTH {
        let pool = pool::<2>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let caller = Job::begun(pool.get_async());
        keeper.until(|| connects(&pool) == 1);
        drop(caller);
        gate.open();
        keeper.until(|| pool.status().idle == 1);
        assert_eq!((pool.try_get().unwrap().number, connects(&pool)), (1, 1), "{by:?}");
        assert_at_rest(&pool);
    }
}

#[test]
fn a_connect_outlives_its_caller_and_serves_the_next() {
    for by in BOTH {
        let pool = pool::<2>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let caller = Job::begun(pool.get_async());
        keeper.until(|| connects(&pool) == 1);
        drop(caller);
        let mut next = Job::begun(pool.get_async());
        gate.open();
        assert_eq!(keeper.answer(&mut next).unwrap().number, 1, "{by:?}");
        assert_eq!(connects(&pool), 1, "{by:?}");
        assert_at_rest(&pool);
    }
}

/// In real time a connect takes 300 ms here, and the callers have 200.
#[test]
fn callers_with_less_time_than_a_connect_takes_are_served_all_the_same() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let mut callers: Vec<_> = (0..16).map(|_| Job::begun(pool.get_async_timeout(millis(200)))).collect();
        keeper.until(|| connects(&pool) == 4);
        pool.clock().advance(millis(200));
        for caller in &mut callers {
            let error = caller.woken_to_end().unwrap_err();
            assert!(matches!(error, GetError::Timeout(_)), "{by:?}: {error}");
        }
        let mut callers: Vec<_> = (0..16).map(|_| Job::begun(pool.get_async_timeout(millis(200)))).collect();
        pool.clock().advance(millis(100));
        gate.open();
        for caller in &mut callers {
            drop(keeper.answer(caller).unwrap());
        }
        keeper.until(|| pool.status().connecting == 0);
        assert_eq!(connects(&pool), 4, "{by:?}");
        assert_at_rest(&pool);
    }
}

#[test]
fn the_deadline_of_a_thread_passes_while_its_connect_hangs() {
    let pool = pool::<2>(quiet());
    let gate = connects_hang(pool.manager());
    let _health = pool.health_check().unwrap();
    let error = pool.get_timeout(millis(20)).unwrap_err();
    assert!(matches!(error, GetError::Timeout(_)) && !gate.is_open(), "{error}");
    gate.open();
    drop(pool.get_timeout(FOREVER).unwrap());
    assert_at_rest(&pool);
}

#[test]
fn the_deadline_of_a_task_passes_while_its_connect_hangs() {
    for by in BOTH {
        let pool = pool::<2>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let mut caller = Job::begun(pool.get_async_timeout(secs(2)));
        keeper.until(|| connects(&pool) == 1);
        pool.clock().advance(secs(2));
        assert!(matches!(caller.woken_to_end(), Err(GetError::Timeout(_))), "{by:?}");
        gate.open();
        keeper.until(|| pool.status().idle == 1);
        assert_at_rest(&pool);
    }
}

/// Dropping the handle, closing the pool and letting go of it.
#[test]
fn the_end_of_a_pool_does_not_wait_for_connects_that_hang() {
    let pool = pool::<4>(quiet().min_idle(4));
    let (script, gate) = (pool.manager().clone(), connects_hang(pool.manager()));
    let health = pool.health_check().unwrap();
    gate.wait_for_arrivals(4);
    drop(health);
    pool.close();
    let seen = Arc::downgrade(&pool);
    drop(pool);
    assert!(!gate.is_open());
    gate.open();
    wait_until(|| seen.strong_count() == 0);
    assert_eq!((script.discards(DiscardReason::Closed), script.live(), script.lost()), (4, 0, 0));
}

#[test]
fn the_slots_are_whole_when_connects_that_hung_through_the_end_of_maintenance_end() {
    let pool = pool::<4>(quiet().min_idle(4));
    let gate = connects_hang(pool.manager());
    let health = pool.health_check().unwrap();
    gate.wait_for_arrivals(4);
    drop(health);
    assert_eq!((pool.status().connecting, gate.is_open()), (4, false));
    gate.open();
    wait_until(|| pool.status().idle == 4);
    assert_at_rest(&pool);
}

#[test]
fn what_comes_back_while_a_connect_hangs_serves_the_waiter() {
    for by in BOTH {
        let pool = filled::<2>(quiet(), 1);
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let held = pool.try_get().unwrap();
        let mut caller = Job::begun(pool.get_async());
        keeper.until(|| connects(&pool) == 2);
        drop(held);
        assert_eq!(caller.woken_to_end().unwrap().number, 1, "{by:?}");
        gate.open();
        keeper.until(|| pool.status().idle == 2);
        assert_at_rest(&pool);
    }
}

#[test]
fn a_waiter_hears_nothing_of_a_connect_that_fails_if_a_connection_comes_back_after_it() {
    for by in BOTH {
        let pool = filled::<2>(quiet(), 1);
        pool.manager().always(Call::Connect, Outcome::Error);
        let mut keeper = Keeper::begin(by, &pool);
        let held = pool.try_get().unwrap();
        let mut caller = Job::begun(pool.get_async());
        keeper.until(|| pool.metrics().connect_failed > 0);
        caller.wait_on();
        drop(held);
        assert_eq!(caller.woken_to_end().unwrap().number, 1, "{by:?}");
    }
}

#[test]
fn a_burst_makes_no_more_connections_than_may_be_made_at_once() {
    for by in BOTH {
        let pool = filled::<64>(quiet(), 2);
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let mut served: Vec<_> = (0..2).map(|_| pool.try_get().unwrap()).collect();
        let mut waiters: Vec<_> = (0..48).map(|_| Job::begun(pool.get_async())).collect();
        keeper.until(|| connects(&pool) == 10);
        for waiter in &mut waiters {
            drop(served.remove(0));
            served.push(waiter.woken_to_end().unwrap());
            keeper.step();
        }
        drop(served);
        assert!(!gate.is_open());
        gate.open();
        keeper.until(|| pool.status().idle == 10);
        assert_eq!(connects(&pool), 10, "{by:?}");
        assert_at_rest(&pool);
    }
}

#[test]
fn the_floor_is_filled_by_connects_side_by_side() {
    for by in BOTH {
        let pool = pool::<8>(quiet().min_idle(8));
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        keeper.until(|| connects(&pool) == 8);
        assert_eq!((pool.status().connecting, pool.status().idle), (8, 0), "{by:?}");
        gate.open();
        keeper.until(|| pool.status().idle == 8);
        assert_at_rest(&pool);
    }
}

#[test]
fn who_does_not_wait_asks_for_one_connection_and_finds_it_later() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        for _ in 0..5 {
            assert!(matches!(pool.try_get(), Err(GetError::Exhausted)), "{by:?}");
            keeper.until(|| connects(&pool) == 1);
        }
        gate.open();
        keeper.until(|| pool.status().idle == 1);
        assert_eq!((pool.try_get().unwrap().number, connects(&pool)), (1, 1), "{by:?}");
        assert_at_rest(&pool);
    }
}

#[test]
fn who_does_not_wait_is_told_why_no_connection_can_be_made() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        pool.manager().always(Call::Connect, Outcome::Error);
        let mut keeper = Keeper::begin(by, &pool);
        // A thread of the pool's may have failed before this has its answer.
        let first = pool.try_get().unwrap_err();
        let may_be_told = by == By::Threads && matches!(first, GetError::Connect { .. });
        assert!(may_be_told || matches!(first, GetError::Exhausted), "{by:?}: {first}");
        keeper.until(|| pool.metrics().connect_failed == 1);
        let error = pool.try_get().unwrap_err();
        assert!(error.to_string().contains("Connect 1 failed"), "{by:?}: {error}");
    }
}

/// Its own connect would end with it; one of the connector's does not.
#[test]
fn a_task_that_connects_leaves_that_to_maintenance_that_begins() {
    for by in BOTH {
        let pool = pool::<1>(quiet());
        let gate = Gate::default();
        pool.manager().then(Call::Connect, Outcome::at(&gate));
        let mut callers = [(); 2].map(|()| Job::begun(pool.get_async()));
        assert_eq!((connects(&pool), pool.status().waiting), (1, 1));
        let mut keeper = Keeper::begin(by, &pool);
        assert!(callers[0].rings() > 0, "{by:?}: it was not called");
        for caller in &mut callers {
            assert_eq!(keeper.answer(caller).unwrap().number, 1, "{by:?}");
        }
        assert_eq!((connects(&pool), gate.is_open()), (2, false), "{by:?}");
        assert_at_rest(&pool);
    }
}

#[test]
fn a_thread_that_waits_beside_one_that_connects_is_served_by_maintenance_that_begins() {
    let pool = pool::<2>(quiet().max_connecting(1));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    thread::scope(|scope| {
        let connecting = scope.spawn(|| pool.get().unwrap());
        gate.wait_for_arrivals(1);
        let waiting = scope.spawn(|| pool.get_timeout(FOREVER).unwrap());
        wait_until(|| pool.status().waiting == 1);
        let _health = pool.health_check().unwrap();
        gate.open();
        // Both at once: the second does not wait for the first to come back.
        let held = connecting.join().unwrap();
        assert_eq!((held.number, waiting.join().unwrap().number), (1, 2));
    });
    assert_at_rest(&pool);
}

#[test]
fn tasks_that_wait_connect_themselves_when_maintenance_ends() {
    for by in BOTH {
        let pool = pool::<2>(quiet());
        let gate = Gate::default();
        pool.manager().then(Call::Connect, Outcome::at(&gate));
        let mut keeper = Keeper::begin(by, &pool);
        let mut caller = Job::begun(pool.get_async());
        keeper.until(|| connects(&pool) == 1);
        caller.wait_on();
        drop(keeper);
        wait_until(|| caller.rings() > 0);
        assert_eq!((caller.end().unwrap().number, connects(&pool)), (1, 2), "{by:?}");
        gate.open();
        wait_until(|| pool.status().connecting == 0);
        assert_at_rest(&pool);
    }
}

#[test]
fn a_thread_that_waits_connects_itself_when_maintenance_ends() {
    let pool = pool::<2>(quiet());
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let health = pool.health_check().unwrap();
    thread::scope(|scope| {
        let caller = scope.spawn(|| pool.get_timeout(FOREVER).unwrap().number);
        gate.wait_for_arrivals(1);
        wait_until(|| pool.status().waiting == 1);
        drop(health);
        assert_eq!((caller.join().unwrap(), gate.is_open()), (1, false));
        gate.open();
    });
    wait_until(|| pool.status().idle == 2);
    assert_at_rest(&pool);
}

#[test]
fn a_caller_is_served_though_all_connections_are_evicted_during_each_connect() {
    for by in BOTH {
        let pool = pool::<2>(quiet());
        let seen = Arc::downgrade(&pool);
        let evict = move || seen.upgrade().map_or(0, |pool| pool.evict_all());
        pool.manager().always(Call::Connect, Outcome::after(move || assert_eq!(evict(), 0)));
        let mut keeper = Keeper::begin(by, &pool);
        let mut caller = Job::begun(pool.get_async());
        let served = keeper.answer(&mut caller).unwrap();
        assert!(served.number <= 3, "{by:?}: by connection {}", served.number);
        let number = served.number;
        drop(served);
        keeper.until(|| pool.manager().discarded().contains(&number));
        assert_eq!(pool.manager().discards(DiscardReason::Evicted), number, "{by:?}");
        keeper.until(|| pool.status().in_use == 0);
        assert_at_rest(&pool);
    }
}

#[test]
fn a_restart_of_the_server_is_not_noticed_by_callers_with_time() {
    for by in BOTH {
        let pool = pool::<2>(quiet().retry(retry(0, millis(10))).max_connecting(1));
        for _ in 0..5 {
            pool.manager().then(Call::Connect, Outcome::Error);
        }
        let mut keeper = Keeper::begin(by, &pool);
        let mut callers = [(); 4].map(|()| Job::begun(pool.get_async_timeout(secs(60))));
        for failed in 1..=5 {
            keeper.until(|| pool.metrics().connect_failed >= failed);
            pool.clock().advance(millis(10));
        }
        for caller in &mut callers {
            drop(keeper.answer(caller).unwrap());
        }
        keeper.until(|| pool.status().connecting == 0);
        assert_at_rest(&pool);
    }
}

#[test]
fn a_pool_that_shrinks_while_connects_hang_keeps_no_more_than_it_may() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let mut callers = [(); 4].map(|()| Job::begun(pool.get_async()));
        keeper.until(|| connects(&pool) == 4);
        pool.resize(1).unwrap();
        gate.open();
        for caller in &mut callers {
            drop(keeper.answer(caller).unwrap());
        }
        // What has no slot any more is discarded by the thread that connected it: after the callers were served.
        keeper.until(|| pool.manager().live() == 1);
        assert_eq!((pool.status().idle, pool.status().in_use), (1, 0), "{by:?}");
    }
}

#[test]
fn what_was_connected_while_the_pool_was_suspended_is_lent_when_it_is_resumed() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let mut callers = [(); 4].map(|()| Job::begun(pool.get_async()));
        keeper.until(|| connects(&pool) == 4);
        pool.suspend();
        gate.open();
        keeper.until(|| pool.status().idle == 4);
        callers.iter_mut().for_each(Job::wait_on);
        pool.resume();
        for caller in &mut callers {
            drop(caller.woken_to_end().unwrap());
        }
        assert_at_rest(&pool);
    }
}

#[test]
fn callers_are_told_of_a_pool_that_is_closed_while_their_connects_hang() {
    for by in BOTH {
        let pool = pool::<4>(quiet());
        let (gate, mut keeper) = (connects_hang(pool.manager()), Keeper::begin(by, &pool));
        let mut callers = [(); 4].map(|()| Job::begun(pool.get_async()));
        keeper.until(|| connects(&pool) == 4);
        pool.close();
        for caller in &mut callers {
            assert!(matches!(caller.woken_to_end(), Err(GetError::Closed(_))), "{by:?}");
        }
        assert!(!gate.is_open());
        gate.open();
        drop(keeper);
        wait_until(|| pool.status().vacant == 4);
        assert_at_rest(&pool);
    }
}

/// As when a new one is begun before the old one is ended.
#[test]
fn maintenance_that_runs_beside_another_connects_when_that_ends() {
    for by in BOTH {
        let pool = pool::<2>(quiet());
        let first = Keeper::begin(by, &pool);
        let mut second = Job::begun(pool.run_maintenance());
        let rings = second.rings();
        drop(first);
        wait_until(|| second.rings() > rings);
        second.wait_on();
        assert!(matches!(pool.try_get(), Err(GetError::Exhausted)), "{by:?}");
    }
}
