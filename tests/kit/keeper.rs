//! Maintenance of a pool, by threads or by a task: the same to a test, whose callers are tasks in both cases.

use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use conn_pool::managed::HealthCheck;

use super::managed::SimPool;
use super::{FOREVER, Job};

/// Who maintains the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Threads,
    Task,
}

pub(crate) const BOTH: [By; 2] = [By::Threads, By::Task];

/// Maintenance that runs until it is dropped.
pub(crate) enum Keeper<'a> {
    Threads { _health: HealthCheck },
    Task(Job<'a, ()>),
}

impl<'a> Keeper<'a> {
    pub(crate) fn begin<const N: usize>(by: By, pool: &'a Arc<SimPool<N>>) -> Self {
        match by {
            By::Threads => Self::Threads { _health: pool.health_check().expect("a thread") },
            By::Task => Self::Task(Job::begun(pool.run_maintenance())),
        }
    }

    /// Lets it work until `condition` holds.
    #[track_caller]
    pub(crate) fn until(&mut self, mut condition: impl FnMut() -> bool) {
        self.until_some(|| condition().then_some(()));
    }

    /// Lets it work until the caller has its answer.
    #[track_caller]
    pub(crate) fn answer<T>(&mut self, caller: &mut Job<'_, T>) -> T {
        self.until_some(|| match caller.poll() {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        })
    }

    /// Lets it do what it has to do now. A thread may be at work still.
    pub(crate) fn step(&mut self) {
        match self {
            Self::Threads { .. } => thread::yield_now(),
            Self::Task(upkeep) => upkeep.wait_on(),
        }
    }

    #[track_caller]
    fn until_some<T>(&mut self, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + self.patience();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            assert!(Instant::now() < deadline, "what the test waits for does not come");
            self.step();
        }
    }

    /// What a task has not done after a thousand polls or so it never does, on a clock that stands still.
    fn patience(&self) -> Duration {
        match self {
            Self::Threads { .. } => FOREVER,
            Self::Task(_) => Duration::from_secs(5),
        }
    }
}
