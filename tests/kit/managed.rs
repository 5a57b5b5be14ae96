//! Managed pools in the hands of a test.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use conn_pool::managed::{
    AsyncManager, Clock, Config, ConnGuard, GetError, Lifecycle, MaintenanceReport, Manager, OwnedConnGuard, Pool,
    Retry,
};

use super::{Job, Script, SimClock};

/// A pool on a clock and a manager of the test's own.
pub(crate) type SimPool<const N: usize> = Pool<Script, N, SimClock>;

pub(crate) fn pool<const N: usize>(config: Config) -> Arc<SimPool<N>> {
    let pool = Pool::with_clock(Script::default(), config, SimClock::default()).expect("a sound configuration");
    pool.manager().allow(pool.status().max_size);
    Arc::new(pool)
}

/// A configuration under which nothing happens by itself: no check, no end of life, no time limit.
pub(crate) const fn quiet() -> Config {
    Config::new()
        .max_lifetime(None)
        .idle_timeout(None)
        .keepalive(None)
        .validate_after(None)
        .connect_timeout(None)
        .validation_timeout(None)
}

/// For `validate_after`: each connection is checked before it is lent again.
pub(crate) const ALWAYS: Option<Duration> = Some(Duration::ZERO);

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// So many more attempts, after pauses that do not grow.
pub(crate) const fn retry(attempts: u32, pause: Duration) -> Retry {
    Retry { attempts, first_pause: pause, longest_pause: pause }
}

/// A pool that is full of idle connections.
pub(crate) fn full<const N: usize>() -> Arc<SimPool<N>> {
    let pool = pool::<N>(quiet());
    drop(take_all(&pool));
    pool
}

/// One pass of maintenance, at the time by the pool's clock.
pub(crate) fn maintain<const N: usize>(pool: &SimPool<N>) -> MaintenanceReport {
    pool.maintain(pool.clock().now())
}

/// A connection of a pool whose maintenance is a task, which makes it if there is none.
#[track_caller]
pub(crate) fn get_from<'a, const N: usize>(
    pool: &'a SimPool<N>,
    upkeep: &mut Job<'_, ()>,
) -> ConnGuard<'a, Script, N, SimClock> {
    let mut caller = Job::new(pool.get_async());
    if let Poll::Ready(got) = caller.poll() {
        return got.unwrap();
    }
    upkeep.wait_on();
    caller.woken_to_end().unwrap()
}

/// All the connections that can be had without a wait.
pub(crate) fn take_all<M: Manager, const N: usize, K: Clock>(pool: &Pool<M, N, K>) -> Vec<ConnGuard<'_, M, N, K>> {
    std::iter::from_fn(|| pool.try_get().ok()).collect()
}

/// Two that are out, the first connected first.
pub(crate) fn two_out(pool: &SimPool<2>) -> [ConnGuard<'_, Script, 2, SimClock>; 2] {
    [pool.get().unwrap(), pool.get().unwrap()]
}

/// The same guard, as one that owns its pool.
#[track_caller]
pub(crate) fn owned<M: Lifecycle, const N: usize, K: Clock>(
    guard: ConnGuard<'_, M, N, K>,
    pool: &Arc<Pool<M, N, K>>,
) -> OwnedConnGuard<M, N, K> {
    ConnGuard::into_owned(guard, pool).ok().expect("a guard of this pool")
}

/// A future that owns its pool, and yields a guard that does: one that may be spawned.
pub(crate) async fn get_async_owned<M: AsyncManager, const N: usize, K: Clock>(
    pool: Arc<Pool<M, N, K>>,
) -> Result<OwnedConnGuard<M, N, K>, GetError<M::Error>> {
    Ok(owned(pool.get_async().await?, &pool))
}

pub(crate) fn assert_send<T: Send>(_: &T) {}

/// The pool as it should be when all callers are through: none waits, nothing is in use, and the manager was told of
/// each connection that has gone.
#[track_caller]
pub(crate) fn assert_at_rest<const N: usize>(pool: &SimPool<N>) {
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting), (0, 0), "{status:?}");
    assert_eq!(status.idle + status.vacant, status.max_size, "{status:?}");
    assert_eq!((pool.manager().live(), pool.manager().lost()), (status.idle, 0), "{status:?}");
}
