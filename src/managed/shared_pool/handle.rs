// knows: block, manager, parts, slot, sync · must not know: how a caller waits
//! The handle of a shared pool.

use core::fmt;
use core::ptr::NonNull;

use super::block::{Block, BlockRef};
use crate::managed::manager::Lifecycle;
use crate::managed::parts::ManagedParts;
use crate::slot::PoolParts;
use crate::sync::{Relaxed, ord};

/// What a server holds: a handle of a managed pool that looks after itself.
///
/// It is `Clone`, `Send`, `Sync` and `'static`. Its capacity comes from the [`Config`](crate::managed::Config) at run
/// time: [`max_size`](crate::managed::Config::max_size), 10 by default. Its guards are owned: they may be sent
/// anywhere, and outlive every handle. Slots, wait queue and the course of a connection are those of
/// [`managed::Pool`](crate::managed::Pool); what is different is that **the pool is maintained from the moment it is
/// built until the last handle is dropped**, and its callers only wait:
///
/// - connections are made, checked and ended by threads of the pool's ([`blocking`](Self::blocking)), or by a task of
///   the runtime ([`new`](Self::new), feature `tokio`; [`spawned_by`](Self::spawned_by) for others). So threads
///   ([`get`](Self::get)) and tasks ([`get_async`](Self::get_async)) are served by either kind of manager, from one
///   queue;
/// - a caller that names no time waits for at most 30 s ([`wait_timeout`](crate::managed::Config::wait_timeout)), and
///   its deadline holds whatever the driver does;
/// - what a caller is told is [`GetError`](crate::managed::GetError), whatever the manager's error is: all callers are
///   told of the same error, which goes through `?` into `anyhow` and the like.
///
/// # Memory
///
/// One allocation. Starting maintenance, each connect and each check may allocate; acquiring, waiting and releasing do
/// not, apart from a timer of the runtime, and one small allocation in the life of each thread that ever waits.
///
/// # The end
///
/// When the last handle is dropped the pool is [closed](Self::close): idle connections end, and those in use when they
/// are released. The drop waits for nothing. [`drain`](Self::drain) waits.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, Lifecycle, Manager};
/// use conn_pool::SharedPool;
/// use std::net::{SocketAddr, TcpListener, TcpStream};
/// use std::time::Duration;
///
/// struct Server(SocketAddr);
///
/// impl Lifecycle for Server {
///     type Connection = TcpStream;
///     type Error = std::io::Error;
/// }
///
/// impl Manager for Server {
///     fn connect(&self, within: Option<Duration>) -> std::io::Result<TcpStream> {
///         TcpStream::connect_timeout(&self.0, within.unwrap_or(Duration::from_secs(30)))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let address = listener.local_addr()?;
/// let pool = SharedPool::blocking(Server(address), Config::new().max_size(4))?;
///
/// let worker = std::thread::spawn({
///     let pool = pool.clone();
///     move || pool.get().map(|connection| connection.peer_addr())
/// });
/// # assert_eq!(worker.join().unwrap()??, address);
/// # Ok(())
/// # }
/// ```
pub struct SharedPool<M: Lifecycle> {
    block: NonNull<Block<M>>,
}

// SAFETY: a shared reference to the block, which the handles own together (I12).
unsafe impl<M: Lifecycle> Send for SharedPool<M> where Block<M>: Send + Sync {}
// SAFETY: as for `Send`.
unsafe impl<M: Lifecycle> Sync for SharedPool<M> where Block<M>: Send + Sync {}

// As for `managed::Pool`: a panic of user code loses no slot.
impl<M: Lifecycle> core::panic::RefUnwindSafe for SharedPool<M> {}
impl<M: Lifecycle> core::panic::UnwindSafe for SharedPool<M> {}

impl<M: Lifecycle> SharedPool<M> {
    /// The first handle: `share` is that of all of them.
    pub(super) fn of(share: BlockRef<M>) -> Self {
        Self { block: share.into_block() }
    }

    #[inline(always)]
    pub(super) fn block(&self) -> &Block<M> {
        // SAFETY: the handles own the block together, and this is one of them (I12).
        unsafe { self.block.as_ref() }
    }

    /// One more owner of the block, whatever becomes of this handle.
    pub(crate) fn owner(&self) -> BlockRef<M> {
        BlockRef::of(self.block())
    }
}

impl<M: Lifecycle> Clone for SharedPool<M> {
    /// Another handle of the same pool: one read-modify-write.
    fn clone(&self) -> Self {
        // Relaxed: there is this one.
        self.block().handles.fetch_add(1, Relaxed);
        Self { block: self.block }
    }
}

impl<M: Lifecycle> Drop for SharedPool<M> {
    /// The last one closes the pool: see the type's documentation.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` or a waiter's waker does, after the rest was done all the same.
    fn drop(&mut self) {
        // O14: pairs with itself: what was done by the other handles comes before the end.
        if self.block().handles.fetch_sub(1, ord!(O14, AcqRel)) == 1 {
            // SAFETY: the share of the handles, of which no other is left (I12).
            Block::end(unsafe { BlockRef::from_block(self.block) });
        }
    }
}

impl<M: Lifecycle> fmt::Debug for SharedPool<M> {
    /// Draws the slots as [`Pool`](crate::Pool) does: `.` idle, `#` in use, `_` vacant, `x` above the maximum size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.block().engine().draw(self.block().shared().config().name.as_str(), f)
    }
}
