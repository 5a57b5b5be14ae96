// knows: engine, error, slot, stats · must not know: how a caller waits
//! The plain pool: an engine, and the slots that it manages.

use core::fmt;
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::engine::{AcquireError, Engine, EngineState, Layout, SlotToken, SlowPath, VacateReason};
use crate::error::{PoolError, ResizeError};
use crate::slot::{PoolParts, RawGuard, Releases, Slot, release, slow_path, storage, teardown, waiting_path};
#[cfg(feature = "statistics")]
use crate::stats::Metrics;
use crate::stats::{Retained, Status};

/// Up to `N` connections (or any other resource) of type `C`, in a fixed array inside the pool itself.
///
/// A caller that acquires a connection gets a [`ConnGuard`](crate::ConnGuard), which releases the connection when it is
/// dropped. A caller that finds nothing free can wait: a thread with [`get`](Self::get), `get_timeout` or
/// `get_deadline` (feature `std`), a task with [`get_async`](Self::get_async), all in one queue, in the order of
/// arrival.
///
/// The pool does not open connections. They are put in when it is built (`Pool::from`, [`Pool::from_array`],
/// [`Pool::from_fn`]) or later ([`insert`](Self::insert)). Connections that are too large for the stack are made in
/// place: with `Pool::new_boxed` and `Pool::new_arc` (feature `alloc`), [`insert_with`](Self::insert_with),
/// [`init`](Self::init).
///
/// `N` may be 0 to 4096; more is a compile error. The pool is `Send` and `Sync` if `C: Send`, so it works in a
/// `static`, in an `Arc` and behind a plain reference.
///
/// # Fairness
///
/// Set when the pool is built: see [`Fairness`](crate::Fairness).
///
/// # Examples
///
/// ```
/// use conn_pool::Pool;
///
/// static POOL: Pool<u32, 4> = Pool::new();
///
/// POOL.insert(7).unwrap();
/// let mut connection = POOL.try_get()?;
/// *connection += 1;
/// println!("{POOL:?}");
/// # assert_eq!(format!("{POOL:?}"), "Pool { 0/4 free [#___] waiting: 0 }");
/// # Ok::<(), conn_pool::PoolError>(())
/// ```
///
/// A connection that cannot be sent to another thread makes a pool that cannot be shared:
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>(_: &T) {}
/// shared(&conn_pool::Pool::from([std::rc::Rc::new(1)]));
/// ```
///
/// and too many slots are refused:
///
/// ```compile_fail,E0080
/// let pool: conn_pool::Pool<u8, 5000> = conn_pool::Pool::new();
/// ```
pub struct Pool<C, const N: usize> {
    pub(super) engine: EngineState,
    pub(super) slots: [Slot<C>; N],
}

// A panic of user code loses no slot, so a pool that was seen by code that panicked is as good as before. (The panic
// may have left a connection in the middle of something: `ConnGuard::discard` is for that.)
impl<C, const N: usize> core::panic::RefUnwindSafe for Pool<C, N> {}

impl<C, const N: usize> Pool<C, N> {
    pub(super) const LAYOUT: Layout =
        Layout::new(N, storage::offsets::<C, ()>(offset_of!(Self, engine), offset_of!(Self, slots)));
}

/// Emptying, resizing, closing.
impl<C, const N: usize> Pool<C, N> {
    /// Shows `keep` every idle connection, one after the other, and discards those for which it answers `false`.
    ///
    /// Each is claimed while `keep` looks at it, and counts as in use, but not as acquired. No lock is held, so `keep`
    /// may take its time, call the pool, or panic. Connections that are in use, or that become idle in a slot that was
    /// visited, are not visited. While callers wait for connections, none is idle, so none is visited.
    ///
    /// # Panics
    ///
    /// If `keep` does (that connection goes back to the pool, the rest is not visited), or if a discarded connection's
    /// destructor does.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from([1, 2, 3, 4]);
    /// let retained = pool.retain(|connection| *connection % 2 == 0);
    /// assert_eq!((retained.kept, retained.discarded), (2, 2));
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&mut C) -> bool) -> Retained {
        teardown::retain(self, |slot| {
            let mut guard = RawGuard::new(self, slot);
            let is_kept = keep(guard.connection_mut());
            if !is_kept {
                guard.discard();
            }
            is_kept
        })
    }

    /// Sets how many connections may be in use at once, `N` at most.
    ///
    /// Shrinking never touches a connection in use: vacant slots go first, then idle ones, then those in use as they
    /// are released. While more than `max_size` are in use, no caller gets a connection. The pool cannot reconnect, so
    /// a surplus connection is not dropped but **set aside**: no caller gets it until the pool grows again, unless
    /// [`drop_surplus`](Self::drop_surplus) drops it first. So `resize(0)` pauses the pool: callers wait until it
    /// grows.
    ///
    /// Growing brings back what was set aside, and waiters get it at once; the other new slots are vacant. A closed
    /// pool stays as it is.
    ///
    /// # Errors
    ///
    /// If `max_size` is more than `N`; nothing is changed then.
    ///
    /// # Panics
    ///
    /// If a waiter's waker does; the pool is resized by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from(["a", "b", "c", "d"]);
    /// pool.resize(1)?;
    /// assert_eq!(pool.status().idle, 1);
    /// pool.resize(4)?;
    /// assert_eq!(pool.status().idle, 4);
    /// assert_eq!(
    ///     pool.resize(5).unwrap_err().to_string(),
    ///     "cannot resize to 5: the pool was built with N = 4, so use 0 to 4"
    /// );
    /// # Ok::<(), conn_pool::ResizeError>(())
    /// ```
    pub fn resize(&self, max_size: usize) -> Result<(), ResizeError> {
        if max_size > N {
            return Err(ResizeError { requested: max_size, capacity: N });
        }
        // SAFETY: it is this pool's slow path (I11).
        drop(unsafe { self.engine().resize(max_size, slow_path::<Self>()) });
        Ok(())
    }

    /// Drops the connections that a [`resize`](Self::resize) has set aside, and answers how many they were.
    ///
    /// # Panics
    ///
    /// If a connection's destructor does, after the others were dropped too.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from(["a", "b", "c", "d"]);
    /// pool.resize(1).unwrap();
    /// assert_eq!(pool.drop_surplus(), 3);
    /// ```
    pub fn drop_surplus(&self) -> usize {
        teardown::drop_surplus(self)
    }

    /// Closes the pool for good: new callers and all waiters get [`PoolError::Closed`]. Idle connections are dropped
    /// now, those in use when they are released. Closing it again does nothing.
    ///
    /// A caller that was granted a connection before keeps it.
    ///
    /// # Panics
    ///
    /// If a connection's destructor or a waiter's waker does, after the rest was done all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Pool, PoolError};
    ///
    /// let pool = Pool::from(["a"]);
    /// pool.close();
    /// assert!(pool.try_get().is_err_and(|error| PoolError::from(error) == PoolError::Closed));
    /// ```
    pub fn close(&self) {
        teardown::close(self, || {});
    }

    /// Whether [`close`](Self::close) was called. A `false` may be out of date by the time it is read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }
}

/// Looking at it.
impl<C, const N: usize> Pool<C, N> {
    /// How full the pool is. Takes no lock and stops no caller, so it may be read at any rate; see [`Status`] for what
    /// a pool in motion shows.
    #[must_use]
    pub fn status(&self) -> Status {
        self.engine().status()
    }

    /// What the pool has counted. Takes no lock and stops no caller.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from(["a"]);
    /// for _ in 0..20 {
    ///     drop(pool.try_get()?);
    /// }
    /// let metrics = pool.metrics();
    /// assert_eq!((metrics.acquired, metrics.reused), (20, 19));
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[cfg(feature = "statistics")]
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.engine().metrics()
    }

    /// Starts the high-water marks (`peak_in_use`, `peak_waiting`) anew from what they are now.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from(["a", "b"]);
    /// drop((pool.try_get()?, pool.try_get()?));
    /// assert_eq!(pool.metrics().peak_in_use, 2);
    /// pool.reset_peaks();
    /// assert_eq!(pool.metrics().peak_in_use, 0);
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[cfg(feature = "statistics")]
    pub fn reset_peaks(&self) {
        self.engine().reset_peaks();
    }

    #[inline(always)]
    pub(super) fn engine(&self) -> Engine<'_> {
        // SAFETY: the layout says where the engine and the slots lie in this pool, which is shared for the borrow (I5).
        unsafe { Engine::new(NonNull::from(self).cast(), const { &Self::LAYOUT }) }
    }

    /// The error that tells a caller why it has no connection.
    #[cold]
    #[inline(never)]
    #[cfg_attr(not(feature = "std"), expect(clippy::unused_self, reason = "with a clock it is asked how full it is"))]
    pub(super) fn explain(&self, error: AcquireError) -> PoolError {
        match error {
            AcquireError::NoSlots => PoolError::NoConnections,
            // This pool has no limit of waiters.
            AcquireError::Exhausted | AcquireError::QueueFull => PoolError::Exhausted,
            #[cfg(feature = "std")]
            AcquireError::TimedOut => PoolError::Timeout(self.status()),
            // Only threads wait with a deadline.
            #[cfg(not(feature = "std"))]
            AcquireError::TimedOut => PoolError::Exhausted,
            // Waits are ended in managed pools only.
            AcquireError::Closed | AcquireError::Dismissed => PoolError::Closed,
        }
    }
}

impl<C, const N: usize> Releases for Pool<C, N> {
    #[inline(always)]
    fn release(&self, slot: SlotToken) {
        release(self, slot);
    }
}

impl<C, const N: usize> PoolParts for Pool<C, N> {
    type Connection = C;
    type Extra = ();
    type Shown = ();

    #[inline(always)]
    fn engine(&self) -> Engine<'_> {
        Pool::engine(self)
    }

    #[inline(always)]
    fn slots(&self) -> &[Slot<C>] {
        &self.slots
    }

    fn waiting_path(&self) -> &'static SlowPath {
        waiting_path::<Self>()
    }

    fn dispose(&self, slot: SlotToken, why: VacateReason) {
        teardown::drop_in_place(self, slot, why);
    }
}

impl<C, const N: usize> Drop for Pool<C, N> {
    /// Drops every connection in the pool, those of leaked guards included.
    fn drop(&mut self) {
        teardown::drop_all(&mut self.slots, |slots, slot| {
            // SAFETY: only filled slots are handed over (I3).
            unsafe { storage::empty(slots, slot) };
        });
    }
}

#[cfg(feature = "defmt")]
impl<C, const N: usize> defmt::Format for Pool<C, N> {
    /// How many are free, and how many callers wait.
    fn format(&self, f: defmt::Formatter<'_>) {
        self.engine().draw_for_defmt("", f);
    }
}

impl<C, const N: usize> fmt::Debug for Pool<C, N> {
    /// Draws the slots: `.` idle, `#` in use, `_` vacant, `x` set aside or above the maximum size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine().draw("", f)
    }
}
