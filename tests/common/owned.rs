//! Guards and futures that own their managed pool.

use std::sync::Arc;

use conn_pool::managed::{AsyncManager, Clock, ConnGuard, GetError, Lifecycle, OwnedConnGuard, Pool};

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
