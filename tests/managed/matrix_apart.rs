//! The matrix once more, where the pool connects apart from its callers, and threads of its own check, reset and
//! discard, too: whatever comes of that, wherever a caller is cancelled, nothing is lost, and all others are served.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use conn_pool::Fairness;
use conn_pool::managed::HealthCheck;
use futures::executor::block_on;
use futures::future::{AbortHandle, abortable};

use super::matrix::{Caller, Combination, N, Outcome, POINTS, Point, Pool, Queue, Scene, Told};
use super::matrix::{all_combinations, assert_whole, line_up, send_to};
use crate::kit::keeper::By;
use crate::kit::managed::millis;
use crate::kit::{FOREVER, alone, poll_once, survive, wait_until, watched};

fn expected(point: Point, outcome: Outcome, caller: Caller, queue: Queue) -> &'static [Told] {
    match (outcome, point, caller) {
        (Outcome::Cancelled, _, Caller::Task) => &[Told::Dropped],
        (Outcome::Cancelled, Point::Connect | Point::Reset, Caller::Thread) => &[Told::Refused("timeout")],
        // There is nothing else for it while the check goes on.
        (Outcome::Cancelled, Point::Validate, Caller::Thread) if queue == Queue::Waiters => {
            &[Told::Refused("timeout"), Told::Refused("invalid")]
        }
        // Nor while the connection is closed, unless it came before maintenance saw that the connection is too old.
        (Outcome::Cancelled, Point::Discard, Caller::Thread) if queue == Queue::Waiters => {
            &[Told::Refused("timeout"), Told::Served]
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

/// Maintenance, until it is dropped.
enum Upkeep {
    Threads { _health: HealthCheck },
    Task(AbortHandle, Option<JoinHandle<()>>),
}

impl Upkeep {
    fn begin(by: By, pool: &Arc<Pool>) -> Self {
        if by == By::Threads {
            return Self::Threads { _health: pool.health_check().unwrap() };
        }
        let own = Arc::clone(pool);
        let (task, handle) = abortable(async move { own.run_maintenance().await });
        let mut task = Box::pin(task);
        // Before a caller comes, who would connect itself.
        assert!(poll_once(&mut task).is_pending());
        // It ends with a panic of the manager's, and is not begun anew.
        let thread = thread::spawn(|| assert_ne!(survive(|| block_on(task)), Some(Ok(()))));
        Self::Task(handle, Some(thread))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        if let Self::Task(handle, thread) = self {
            handle.abort();
            thread.take().map(JoinHandle::join);
        }
    }
}

fn run((point, outcome, caller, queue): Combination, by: By) {
    let mut scene = Scene::new(outcome, caller, Fairness::Fifo);
    let pool = Arc::clone(&scene.pool);
    pool.manager().resets_block.open();
    let upkeep = Upkeep::begin(by, &pool);
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
    drop(upkeep);
    wait_until(|| pool.status().idle + pool.status().vacant == N);
    // Threads of the pool's that are about to end may still have a connection to drop.
    assert_whole(&pool, if by == By::Threads { FOREVER } else { Duration::ZERO });
}

/// Runs all combinations at these points; how many that were.
fn run_at(points: &[Point], by: By) -> usize {
    let combinations = all_combinations().filter(|(point, ..)| points.contains(point));
    let run = |combination| watched(&format!("{combination:?} {by:?}"), move || run(combination, by));
    combinations.map(run).count()
}

#[test]
fn nothing_is_lost_where_threads_of_the_pool_call_the_manager() {
    let _alone = alone();
    assert_eq!(run_at(&POINTS, By::Threads), 4 * 5 * 2 * 2);
}

/// It does nothing else for callers.
#[test]
fn nothing_is_lost_where_a_task_connects() {
    let _alone = alone();
    assert_eq!(run_at(&[Point::Connect], By::Task), 5 * 2 * 2);
}
