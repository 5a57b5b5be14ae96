//! What the types of a managed pool promise.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use conn_pool::managed::{
    AsyncManager, CanSleep, Clock, Config, ConnGuard, DrainError, GetError, HealthCheck, Lifecycle, Loan,
    OwnedConnGuard, Pool, PoolReport,
};

use crate::kit::managed::{SimPool, assert_send, get_async_owned, pool, quiet, secs};
use crate::kit::{Failed, Script, SimClock};

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

/// A guard reads the clock, to tell its connection's age: so it is shared between threads only if that may be.
const _: () = {
    assert!(IsSync::<ConnGuard<'static, Script, 1, SimClock>>::ANSWER);
    assert!(!IsSync::<ConnGuard<'static, Script, 1, OwnClock>>::ANSWER);
};

#[test]
fn futures_and_guards_may_go_to_other_threads() {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<SimPool<2>>();
    send::<ConnGuard<'static, Script, 2, SimClock>>();
    sync::<OwnedConnGuard<Script, 2, SimClock>>();
    send::<OwnedConnGuard<Script, 2, SimClock>>();
    send_and_sync::<GetError<Failed>>();
    send_and_sync::<(HealthCheck, Loan, PoolReport, DrainError, Config)>();
    let pool = pool::<2>(quiet());
    assert_send(&pool.get_async());
    assert_send(&get_async_owned(Arc::clone(&pool)));
    assert_send(&pool.get_async_timeout(secs(1)));
    assert_send(&pool.maintain_async(Duration::ZERO));
    assert_send(&pool.run_maintenance());
    assert_send(&pool.drain_async());
}

#[test]
fn a_future_that_owns_its_pool_may_be_spawned() {
    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
        thread::spawn(|| futures::executor::block_on(future)).join().unwrap()
    }
    let pool = pool::<2>(quiet());
    let held = spawn(get_async_owned(Arc::clone(&pool))).unwrap();
    assert_eq!(held.number, 1);
    let own = Arc::clone(&pool);
    spawn(async move { assert_eq!(own.get_async_timeout(secs(1)).await.unwrap().number, 2) });
    let own = Arc::clone(&pool);
    pool.close();
    spawn(async move { own.run_maintenance().await });
}

#[test]
fn futures_may_be_spawned_anywhere() {
    let pool = pool::<1>(Config::new());
    assert_send(&pool.get_async());
    assert_send(&get_async_owned(Arc::clone(&pool)));
    assert_send(&pool.get_async_timeout(Duration::ZERO));
    assert_send(&pool.maintain_async(Duration::ZERO));
    assert_send(&pool.run_maintenance());
}

struct Server;

impl Lifecycle for Server {
    type Connection = ();
    type Error = ();
}

impl AsyncManager for Server {
    async fn connect(&self) -> Result<(), ()> {
        Ok(())
    }
}

/// A clock that can sleep, as a runtime's can.
struct Alarm;

impl Clock for Alarm {
    const CAN_SLEEP: bool = true;

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl CanSleep for Alarm {}

#[test]
fn futures_can_be_sent_to_the_threads_of_an_executor() {
    let pool = Arc::new(Pool::<_, 1, _>::with_clock(Server, Config::new(), Alarm).unwrap());
    assert_send(&pool.get_async());
    let own = Arc::clone(&pool);
    assert_send(&async move { own.get_async().await.map(|guard| ConnGuard::into_owned(guard, &own).ok()) });
    assert_send(&pool.get_async_timeout(Duration::ZERO));
    assert_send(&pool.maintain_async(Duration::ZERO));
    assert_send(&pool.run_maintenance());
    assert_send(&pool.drain_async());
}

/// What panics while it holds a connection leaves a sound pool behind, so nobody has to assert that it does.
#[test]
fn a_pool_may_be_used_by_what_panics() {
    let pool = pool::<1>(quiet());
    let pool: &SimPool<1> = &pool;
    let panicked = catch_unwind(|| {
        let _held = pool.get().unwrap();
        resume_unwind(Box::new("mid-query"));
    });
    assert!(panicked.is_err());
    assert_eq!(pool.get().unwrap().number, 2, "the one that was in use during a panic is parted with");
}
