//! Maintenance on a thread that the pool starts.

use super::maintaining::filled;
use std::sync::Arc;
use std::time::Duration;

use conn_pool::managed::{DiscardReason, Retry};

use crate::kit::managed::{millis, pool, quiet};
use crate::kit::{Call, Gate, Outcome, wait_until};

#[test]
fn a_thread_fills_the_pool_and_makes_up_for_losses() {
    let pool = pool::<2>(quiet().min_idle(2));
    let health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 2);
    pool.evict_all();
    wait_until(|| pool.status().idle == 2 && pool.manager().calls(Call::Connect) == 4);
    drop(health);
}

#[test]
fn a_thread_has_ended_when_its_handle_is_dropped() {
    let pool = pool::<1>(quiet().min_idle(1));
    let health = pool.health_check().unwrap();
    assert_eq!(format!("{health:?}"), "HealthCheck { is_running: true, .. }");
    drop(health);
    assert_eq!((Arc::weak_count(&pool), Arc::strong_count(&pool)), (0, 1), "the thread knows the pool still");
}

#[test]
fn a_thread_ends_when_the_pool_does() {
    for close in [false, true] {
        let pool = pool::<1>(quiet().min_idle(1));
        let health = pool.health_check().unwrap();
        wait_until(|| pool.status().idle == 1);
        assert!(health.is_running());
        if close {
            pool.close();
            wait_until(|| !health.is_running());
        } else {
            drop(pool);
            wait_until(|| !health.is_running());
        }
    }
}

#[test]
fn a_thread_outlives_a_manager_that_panics() {
    let retry = Retry { attempts: 0, first_pause: millis(1), longest_pause: millis(1) };
    let pool = pool::<2>(quiet().min_idle(1).retry(retry));
    pool.manager().then(Call::Connect, Outcome::Panic).then(Call::Connect, Outcome::Panic);
    let _health = pool.health_check().unwrap();
    wait_until(|| {
        pool.clock().advance(millis(1));
        pool.status().idle >= 1
    });
    // While connecting fails, a connect that is under way is not counted on, so there may have been another.
    assert!(pool.manager().calls(Call::Connect) >= 3);
}

/// The thread sleeps in real time, for a quarter of the 40 ms; the test's clock stands still but for its own jumps.
#[test]
fn a_thread_marks_what_was_idle_for_long() {
    let pool = filled::<1>(quiet().validate_after(Some(millis(40))), 1);
    let _health = pool.health_check().unwrap();
    wait_until(|| {
        pool.clock().advance(millis(100));
        drop(pool.get().unwrap());
        pool.manager().calls(Call::Check) > 3
    });
}

#[test]
fn a_thread_marks_what_has_grown_too_old_in_use() {
    let pool = filled::<1>(quiet().max_lifetime(Some(millis(160))), 1);
    let _health = pool.health_check().unwrap();
    wait_until(|| {
        let held = pool.get().unwrap();
        pool.clock().advance(millis(50));
        drop(held);
        pool.manager().discards(DiscardReason::Expired) > 3
    });
}

#[test]
fn a_thread_stops_when_its_handle_is_dropped() {
    let pool = pool::<2>(quiet().min_idle(1));
    let gate = Gate::default();
    pool.manager().then(Call::Connect, Outcome::at(&gate));
    let health = pool.health_check().unwrap();
    gate.wait_for_arrivals(1);
    let ender = std::thread::spawn(move || drop(health));
    gate.open();
    ender.join().unwrap();
    // The thread that connects ends with its connect.
    wait_until(|| Arc::strong_count(&pool) == 1);
    pool.evict_all();
    assert_eq!(pool.status().idle, 0);
}

#[test]
fn a_thread_does_not_keep_its_pool() {
    let pool = pool::<2>(quiet().min_idle(1));
    let script = pool.manager().clone();
    let health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 1);
    drop(pool);
    wait_until(|| script.discards(DiscardReason::Closed) == 1);
    drop(health);
}

#[test]
fn the_last_to_let_go_may_be_the_thread_itself() {
    let pool = pool::<2>(quiet().min_idle(1));
    let (script, gate) = (pool.manager().clone(), Gate::default());
    script.then(Call::Connect, Outcome::at(&gate));
    let health = pool.health_check().unwrap();
    gate.wait_for_arrivals(1);
    drop(pool);
    gate.open();
    wait_until(|| script.discards(DiscardReason::Closed) == 1);
    drop(health);
    assert_eq!((script.live(), script.lost()), (0, 0));
}

#[test]
fn a_thread_ends_with_a_closed_pool() {
    let pool = pool::<2>(quiet().min_idle(1));
    let _health = pool.health_check().unwrap();
    wait_until(|| pool.status().idle == 1);
    pool.close();
    assert_eq!((pool.manager().live(), pool.status().closed), (0, true));
    pool.drain(Duration::ZERO).unwrap();
}

#[test]
fn the_handle_may_be_dropped_by_the_manager() {
    let pool = pool::<2>(quiet().min_idle(1));
    let slot = Arc::new(std::sync::Mutex::new(None));
    let (own, gate) = (Arc::clone(&slot), Gate::default());
    let at_gate = gate.clone();
    let drop_handle = Outcome::After(
        Arc::new(move || {
            at_gate.wait_for_arrivals(1);
            drop(own.lock().unwrap().take());
        }),
        Box::new(Outcome::Ok),
    );
    pool.manager().then(Call::Connect, drop_handle);
    *slot.lock().unwrap() = Some(pool.health_check().unwrap());
    gate.arrive();
    wait_until(|| slot.lock().unwrap().is_none() && pool.status().idle == 1);
}
