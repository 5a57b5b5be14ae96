// knows: sync · must not know: pools, what the task does
//! Where the task runs that maintains a shared pool.

use core::future::Future;
use core::mem::replace;
use core::pin::Pin;
use std::boxed::Box;

use crate::sync::{Mutex, PoisonError, Runtime};

/// The maintenance of a [`SharedPool`](super::SharedPool), as a future to spawn: see
/// [`SharedPool::spawned_by`](super::SharedPool::spawned_by).
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a task of maintenance runs.
pub(super) enum Spawner {
    /// On the runtime of the caller that begins it, or else on the one that it ran on last.
    Runtime(Mutex<Runtime>),
    /// Where the program says.
    Own(Box<dyn Fn(Task) + Send + Sync>),
}

impl Spawner {
    /// On the runtime of the caller, if it has one.
    pub(super) fn present() -> Option<Self> {
        Runtime::present().map(|runtime| Self::Runtime(Mutex::new(runtime)))
    }

    pub(super) fn spawn(&self, task: Task) {
        match self {
            Self::Runtime(last) => {
                let last = || last.lock().unwrap_or_else(PoisonError::into_inner);
                let runtime = Runtime::present().unwrap_or_else(|| last().clone());
                runtime.spawn(task);
                let _dropped_without_the_lock = replace(&mut *last(), runtime);
            }
            Self::Own(spawn) => spawn(task),
        }
    }

    /// What callers are told if the task has ended and cannot be spawned anew.
    pub(super) const fn why_not(&self) -> &'static str {
        match self {
            Self::Runtime(_) => {
                "the tokio runtime that maintained the pool has ended: call from within a runtime, or build the pool on \
                 one that lives as long as the pool"
            }
            Self::Own(_) => "the task that maintained the pool was dropped, and could not be spawned anew",
        }
    }
}
