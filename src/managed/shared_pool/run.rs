// knows: guard, handle, error, manager, sync · must not know: how a caller waits
//! Work that blocks, on a connection that a task waits for (feature `tokio`).

use super::guard::SharedConnGuard;
use super::handle::SharedPool;
use crate::managed::error::GetError;
use crate::managed::manager::Lifecycle;
use crate::sync::run_blocking;

/// Blocking drivers in the hands of tasks (feature `tokio`).
impl<M> SharedPool<M>
where
    M: Lifecycle<Connection: Send> + Send + Sync + 'static,
{
    /// Waits for a connection as a task, and runs `work` on it on a thread of the runtime's that may block: for drivers
    /// that block.
    ///
    /// # Errors
    ///
    /// As [`get_async`](Self::get_async). What `work` answers is in the `Ok`, an error of its own as well.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment. `work` that has begun runs to its end, and then the connection comes
    /// back: it was used as it should be.
    ///
    /// # Panics
    ///
    /// If `work` does: the connection is then discarded or reset
    /// ([`Config::on_panic`](crate::managed::Config::on_panic)). Outside of a tokio runtime; and if that is shut down
    /// before `work` has begun.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{Config, Lifecycle, Manager};
    /// # use conn_pool::SharedPool;
    /// # use std::time::Duration;
    /// # struct Server;
    /// # impl Lifecycle for Server { type Connection = u32; type Error = std::io::Error; }
    /// # impl Manager for Server { fn connect(&self, _: Option<Duration>) -> std::io::Result<u32> { Ok(7) } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let pool = SharedPool::blocking(Server, Config::new())?;
    /// let answer = pool.run(|connection| *connection * 6).await?;
    /// assert_eq!(answer, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut M::Connection) -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, GetError>> {
        let getting = self.get_async();
        async move {
            let mut guard: SharedConnGuard<M> = getting.await?;
            Ok(run_blocking(move || work(&mut guard)).await)
        }
    }
}
