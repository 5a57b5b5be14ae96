//! The matrix once more, where threads of the pool's connect, check, reset and discard: whatever comes of that, wherever
//! its caller is cancelled, nothing is lost, and all others are served.

use std::thread::JoinHandle;

use conn_pool::Fairness;

use super::matrix::{Caller, Combination, N, Outcome, Point, Pool, Queue, Scene, Told};
use super::matrix::{all_combinations, assert_whole, line_up, send_to};
use crate::kit::managed::millis;
use crate::kit::{alone, wait_until, watched};

fn expected(point: Point, outcome: Outcome, caller: Caller, queue: Queue) -> &'static [Told] {
    match (outcome, point, caller) {
        (Outcome::Cancelled, _, Caller::Task) => &[Told::Dropped],
        (Outcome::Cancelled, Point::Connect | Point::Reset, Caller::Thread) => &[Told::Refused("timeout")],
        // There is nothing else for it, and the check goes on, or the connection is closed.
        (Outcome::Cancelled, _, Caller::Thread) if queue == Queue::Waiters => {
            &[Told::Refused("timeout"), Told::Refused("invalid")]
        }
        // Tasks check themselves.
        (Outcome::Panic, Point::Validate, Caller::Task) => &[Told::Panicked],
        _ => &[Told::Served],
    }
}

/// Lets time pass, for connects that are tried again, until the caller is through.
fn told(caller: JoinHandle<Told>, pool: &Pool) -> Told {
    wait_until(|| {
        pool.clock().advance(millis(1));
        caller.is_finished()
    });
    caller.join().unwrap()
}

fn run((point, outcome, caller, queue): Combination) {
    let mut scene = Scene::new(outcome, caller, Fairness::Fifo);
    let pool = std::sync::Arc::clone(&scene.pool);
    pool.manager().resets_block.open();
    let health = pool.health_check().unwrap();
    if queue == Queue::Waiters {
        scene.occupy();
    }
    let victim = send_to(point, &mut scene);
    pool.manager().arrived.pass();
    let waiters = if queue == Queue::Waiters { line_up(&pool, pool.status().waiting) } else { Vec::new() };
    let are_served = || waiters.into_iter().for_each(|waiter| assert_eq!(told(waiter, &pool), Told::Served));
    let heard = match outcome {
        // What was begun for the victim outlives it.
        Outcome::Cancelled => {
            victim.cancel();
            let heard = victim.told.join().unwrap();
            pool.manager().go.open();
            are_served();
            heard
        }
        // What the bystander has is all that the others need.
        Outcome::Hang => {
            scene.bystander = None;
            are_served();
            pool.manager().release.open();
            told(victim.told, &pool)
        }
        _ => {
            pool.manager().go.open();
            are_served();
            told(victim.told, &pool)
        }
    };
    let expected = expected(point, outcome, caller, queue);
    assert!(expected.contains(&heard), "{heard:?} instead of one of {expected:?}");
    scene.bystander = None;
    drop(health);
    wait_until(|| pool.status().idle + pool.status().vacant == N);
    assert_whole(&pool);
}

#[test]
fn nothing_is_lost_where_threads_of_the_pool_call_the_manager() {
    let _alone = alone();
    let mut ran = 0;
    for combination in all_combinations() {
        watched(&format!("{combination:?} apart"), move || run(combination));
        ran += 1;
    }
    assert_eq!(ran, 4 * 5 * 2 * 2);
}
