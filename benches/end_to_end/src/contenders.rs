//! The pools. A request answers how long its caller waited for a connection.

mod bb8;
mod deadpool;
mod ours;
mod ours_blocking;
mod ours_sqlx;
mod r2d2;
mod sqlx;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::Failure;
use crate::load::{Callers, Load, Work};

pub type Answer = Result<Duration, Failure>;
pub type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// A pool that has its first connection, or why not.
pub type Built<P> = Result<Arc<P>, Failure>;

/// A pool for tasks, built.
pub trait Tasks: Send + Sync {
    fn request(self: Arc<Self>, work: Work) -> Future<Answer>;
}

/// A pool for threads, built.
pub trait Threads: Send + Sync {
    fn request(&self, work: Work) -> Answer;
}

/// How a pool is built.
#[derive(Clone, Copy)]
pub enum Build {
    Tasks(fn(String) -> Future<Built<dyn Tasks>>),
    Threads(fn(&str) -> Built<dyn Threads>),
}

#[derive(Clone, Copy)]
pub struct Contender {
    pub name: &'static str,
    pub build: Build,
}

const FOR_TASKS: [Contender; 5] = [
    Contender { name: "conn_pool", build: Build::Tasks(ours::build) },
    Contender { name: "deadpool-postgres", build: Build::Tasks(deadpool::build) },
    Contender { name: "bb8-postgres", build: Build::Tasks(bb8::build) },
    Contender { name: "conn_pool, sqlx's driver", build: Build::Tasks(ours_sqlx::build) },
    Contender { name: "sqlx", build: Build::Tasks(sqlx::build) },
];

const FOR_THREADS: [Contender; 3] = [
    Contender { name: "conn_pool", build: Build::Threads(ours_blocking::build_fifo) },
    Contender { name: "conn_pool, `Bounded(16)`", build: Build::Threads(ours_blocking::build_bounded) },
    Contender { name: "r2d2_postgres", build: Build::Threads(r2d2::build) },
];

pub fn of(load: Load) -> &'static [Contender] {
    match load.callers {
        Callers::Tasks(_) => &FOR_TASKS,
        Callers::Threads(_) => &FOR_THREADS,
    }
}
