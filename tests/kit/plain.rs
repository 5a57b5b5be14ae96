//! Plain pools in the hands of a test.

#[cfg(feature = "alloc")]
use std::sync::Arc;
use std::task::Waker;

use conn_pool::{ConnGuard, Get, Pool};
#[cfg(feature = "alloc")]
use conn_pool::{OwnedConnGuard, PoolError};

use super::wait_until;

/// A task that acquires a connection.
pub(crate) type Task<'a, C, const N: usize> = super::Task<Get<'a, C, N>>;

impl<'a, C, const N: usize> Task<'a, C, N> {
    pub(crate) fn new(pool: &'a Pool<C, N>) -> Self {
        Self::of(Box::pin(pool.get_async()))
    }

    /// A task that waits in the queue.
    #[track_caller]
    pub(crate) fn waiting(pool: &'a Pool<C, N>) -> Self {
        let mut task = Self::new(pool);
        task.wait_on();
        task
    }

    /// A task that waits in the queue with this waker.
    #[track_caller]
    pub(crate) fn waiting_with(pool: &'a Pool<C, N>, waker: Waker) -> Self {
        let mut task = Self::new(pool);
        task.set_waker(waker);
        task.wait_on();
        task
    }
}

/// A pool whose connections are set aside, so that `resize` frees all of them in one go.
pub(crate) fn paused<C, const N: usize>(connections: [C; N]) -> Pool<C, N> {
    let pool = Pool::from(connections);
    pool.resize(0).unwrap();
    pool
}

/// So many tasks, which wait in this order.
#[track_caller]
pub(crate) fn waiting_tasks<C, const N: usize>(pool: &Pool<C, N>, count: usize) -> Vec<Task<'_, C, N>> {
    (0..count).map(|_| Task::waiting(pool)).collect()
}

/// Looks until so many callers wait.
#[track_caller]
pub(crate) fn wait_for_waiting<C, const N: usize>(pool: &Pool<C, N>, waiting: usize) {
    wait_until(|| pool.status().waiting == waiting);
}

/// All the connections that are free now.
pub(crate) fn hold_all<C, const N: usize>(pool: &Pool<C, N>) -> Vec<ConnGuard<'_, C, N>> {
    std::iter::from_fn(|| pool.try_get().ok()).collect()
}

/// The same guard, as one that owns its pool.
#[cfg(feature = "alloc")]
#[track_caller]
pub(crate) fn owned<C, const N: usize>(guard: ConnGuard<'_, C, N>, pool: &Arc<Pool<C, N>>) -> OwnedConnGuard<C, N> {
    ConnGuard::into_owned(guard, pool).ok().expect("a guard of this pool")
}

/// A future that owns its pool, and yields a guard that does: one that may be spawned.
#[cfg(feature = "alloc")]
pub(crate) async fn get_async_owned<C, const N: usize>(
    pool: Arc<Pool<C, N>>,
) -> Result<OwnedConnGuard<C, N>, PoolError> {
    Ok(owned(pool.get_async().await?, &pool))
}

/// The pool as it should be when all callers are through: none waits, and nothing is in use.
#[track_caller]
pub(crate) fn assert_at_rest<C, const N: usize>(pool: &Pool<C, N>) {
    let status = pool.status();
    assert_eq!((status.in_use, status.waiting), (0, 0), "{status:?}");
    assert_eq!(status.idle + status.vacant, status.max_size, "{status:?}");
}
