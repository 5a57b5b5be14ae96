//! Row 3: a crowd of tokio's tasks over 8 connections. Each lets the others run while it holds one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conn_pool::Pool;
use conn_pool::managed::{self, Config};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::contest::Contest;
use crate::managers::Idle;
use crate::pace::Pace;
use crate::peer_managers::{bb8_pool, deadpool_pool, unmanaged_pool};
use crate::table::{Bound, Line, Unit};

const TASKS: u32 = 1_000;
/// Loans of each task: some ten milliseconds in all.
const LOANS: u32 = 30;

pub(crate) fn lines(pace: &Pace) -> Vec<Line> {
    let one = Builder::new_current_thread().enable_time().build().expect("tokio starts");
    let two = Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("tokio starts");
    let mut lines = beside(pace, &one, ["3a", "3b", "3c", "3d"], Bound::AtMost(1.1));
    lines.extend(beside(pace, &two, ["3e", "3f", "3g", "3h"], Bound::AtMost(0.9)));
    lines
}

/// The loans of one task.
macro_rules! loans {
    ($get:expr) => {
        async move {
            for _ in 0..LOANS {
                let connection = $get.await.expect("the pool is open");
                yield_now().await;
                drop(connection);
            }
        }
    };
}

fn beside(pace: &Pace, runtime: &Runtime, numbers: [&str; 4], must: Bound) -> Vec<Line> {
    let plain = Arc::new(Pool::<u64, 8>::from_fn(|number| number as u64));
    let managed = Arc::new(managed::Pool::<_, 8>::const_new(Idle, Config::new()));
    let (unmanaged, deadpool, semaphore) = (unmanaged_pool(8), deadpool_pool(8), Arc::new(Semaphore::new(8)));
    let bb8 = runtime.block_on(bb8_pool(8));
    let crowds = pace.crowds;
    let outcome = Contest::in_unit(Unit::Nanos)
        .with("plain", || {
            nanos_per_loan(runtime, crowds, || {
                let pool = Arc::clone(&plain);
                loans!(pool.get_async())
            })
        })
        .with("managed", || {
            nanos_per_loan(runtime, crowds, || {
                let pool = Arc::clone(&managed);
                loans!(pool.get_async())
            })
        })
        .with("deadpool unmanaged", || {
            nanos_per_loan(runtime, crowds, || {
                let pool = unmanaged.clone();
                loans!(pool.get())
            })
        })
        .with("deadpool managed", || {
            nanos_per_loan(runtime, crowds, || {
                let pool = deadpool.clone();
                loans!(pool.get())
            })
        })
        .with("bb8", || {
            nanos_per_loan(runtime, crowds, || {
                let pool = bb8.clone();
                loans!(pool.get())
            })
        })
        .with("tokio `Semaphore`", || {
            nanos_per_loan(runtime, crowds, || {
                let semaphore = Arc::clone(&semaphore);
                loans!(semaphore.acquire())
            })
        })
        .hold(pace);
    let workers = if runtime.metrics().num_workers() == 1 { "1 worker" } else { "2 workers" };
    let line = |number: usize, ours, peer, must| {
        let path = format!("{}. 1,000 tasks on 8, {workers}", numbers[number]);
        outcome.line(&path, ours, peer, must)
    };
    vec![
        line(0, "plain", "deadpool unmanaged", must),
        line(1, "plain", "tokio `Semaphore`", Bound::None),
        line(2, "managed", "deadpool managed", Bound::None),
        line(3, "managed", "bb8", Bound::None),
    ]
}

/// What a loan takes in the quickest of so many crowds.
fn nanos_per_loan<F>(runtime: &Runtime, crowds: usize, task: impl Fn() -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let quickest = (0..crowds).map(|_| time_crowd(runtime, (0..TASKS).map(|_| task()).collect())).min();
    quickest.unwrap_or_default().as_secs_f64() * 1e9 / f64::from(TASKS * LOANS)
}

/// The tasks are spawned and awaited by a task, so that all of it happens on the workers.
fn time_crowd<F>(runtime: &Runtime, tasks: Vec<F>) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let crowd = runtime.spawn(async move {
        let start = Instant::now();
        let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
        start.elapsed()
    });
    runtime.block_on(crowd).expect("no task panics")
}
