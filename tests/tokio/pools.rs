//! Shared pools of either kind, of a manager that does what the test says.

use std::time::Instant;

use conn_pool::SharedPool;
use conn_pool::managed::{AsyncManager, BuildError, Config, Lifecycle, Manager};

use crate::kit::{Conn, FOREVER, Failed, Script};

/// Who maintains a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Task,
    Threads,
}

pub(crate) const BOTH: [By; 2] = [By::Task, By::Threads];

/// What a pool that a test looks into connects by.
pub(crate) trait Both:
    Manager<Connection = Conn, Error = Failed> + AsyncManager<Connection = Conn, Error = Failed> + Send + Sync + 'static
{
}

impl<M> Both for M where
    M: Manager<Connection = Conn, Error = Failed>
        + AsyncManager<Connection = Conn, Error = Failed>
        + Send
        + Sync
        + 'static
{
}

impl By {
    #[track_caller]
    pub(crate) fn pool<M: Both>(self, manager: M, config: Config) -> SharedPool<M> {
        self.build(manager, config).unwrap()
    }

    fn build<M: Both>(self, manager: M, config: Config) -> Result<SharedPool<M>, BuildError> {
        match self {
            Self::Task => SharedPool::new(manager, config),
            Self::Threads => SharedPool::blocking(manager, config),
        }
    }
}

/// A pool with so many idle connections.
pub(crate) fn filled(by: By, config: Config, idle: usize) -> (SharedPool<Script>, Script) {
    let script = Script::default();
    let pool = by.pool(script.clone(), config);
    (0..idle).for_each(|_| pool.insert(script.connection()).unwrap());
    (pool, script)
}

/// Lets other tasks run until `condition` holds; a time that is paused stands still meanwhile.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + FOREVER;
    while !condition() {
        assert!(Instant::now() < deadline, "what the test waits for does not come");
        tokio::task::yield_now().await;
    }
}

/// Nothing is in use, each slot is idle or vacant, and the manager was told of each connection that has gone.
pub(crate) async fn comes_to_rest<M: Lifecycle>(pool: &SharedPool<M>, script: &Script) {
    until(|| {
        let status = pool.status();
        (status.in_use, status.connecting, status.idle + status.vacant) == (0, 0, status.max_size)
            && (script.live(), script.lost()) == (status.idle, 0)
    })
    .await;
}
