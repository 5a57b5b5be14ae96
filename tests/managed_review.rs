//! Corners of the managed pool that a second look has found.
#![cfg(feature = "std")]

mod common;
#[path = "common/managed.rs"]
mod kit;

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use common::{panics, poll_with, wait_until, waker_that};
use conn_pool::managed::{Clock, ConnGuard, GetError, Nested, Retry};
use kit::{Call, Gate, Job, Outcome, Script, SimClock, maintain, millis, pool, quiet, secs};

/// A clock that only one thread may read.
#[derive(Default)]
struct OwnClock(Cell<Duration>);

impl Clock for OwnClock {
    fn now(&self) -> Duration {
        self.0.get()
    }
}

/// Whether a type is `Sync`: what it has itself comes before what a trait gives it.
struct IsSync<T>(PhantomData<T>);
impl<T: Sync> IsSync<T> {
    const ANSWER: bool = true;
}
trait Otherwise {
    const ANSWER: bool = false;
}
impl<T> Otherwise for IsSync<T> {}

/// A guard reads the clock, to tell its connection's age.
#[test]
fn a_guard_is_shared_between_threads_only_if_its_clock_may_be() {
    assert!(IsSync::<ConnGuard<'static, Script, 1, SimClock>>::ANSWER);
    assert!(!IsSync::<ConnGuard<'static, Script, 1, OwnClock>>::ANSWER);
}
