//! Layer 3 · knows: engine, slots · must not know: how a caller waits
//!
//! The pool: an engine, and the slots that it works on.

use core::fmt;

use crate::acquire::{Acquire, try_acquire};
use crate::bitmap::{Bitmap, Layout};
use crate::drain::DrainAsync;
use crate::engine::{Core, Emptied, Engine, Refusal};
use crate::error::{InsertError, PoolError, ResizeError};
use crate::fairness::Fairness;
use crate::future::GetAsync;
use crate::guard::{ConnGuard, Held, attend_to_others, empty};
use crate::line::Kind;
use crate::metrics::{Metrics, Status};
use crate::slots::{self, Slot};
use crate::sync::{const_fn, run_to_end};

/// The most slots that a pool can have.
pub(crate) const MOST_SLOTS: usize = 4096;

/// Up to `N` connections (or any other resource) of type `C`, in a fixed array inside the pool itself.
///
/// Borrowers get a [`ConnGuard`], which gives the connection back when it is dropped. Whoever finds nothing free can
/// wait: threads with [`get`](Self::get) and its kin (feature `std`), tasks with [`get_async`](Self::get_async), all in
/// one line, in the order in which they came.
///
/// The pool does not open connections; they are put in when it is built (`Pool::from`, [`Pool::from_fn`]) or later
/// ([`insert`](Self::insert)).
///
/// `N` may be 0 to 4096; more is a compile error. The pool is `Send` and `Sync` if `C: Send`, so it works in a
/// `static`, in an `Arc` and behind a plain reference.
///
/// # Fairness
///
/// Set when the pool is built: see [`Fairness`].
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
    engine: Engine,
    slots: [Slot<C>; N],
}

/// Building.
impl<C, const N: usize> Pool<C, N> {
    const_fn! {
        /// A pool of `N` vacant slots, to be filled with [`insert`](Self::insert). Usable in a `static`.
        ///
        /// # Examples
        ///
        /// ```
        /// let pool: conn_pool::Pool<&str, 2> = conn_pool::Pool::new();
        /// assert_eq!(pool.status().vacant, 2);
        /// ```
        #[must_use]
        pub const fn new() -> Self {
            const { assert!(N <= MOST_SLOTS, "a conn_pool::Pool has at most 4096 slots: choose a smaller N") };
            Self { engine: Engine::new(N), slots: vacant_slots() }
        }
    }

    /// A pool with a connection in every slot, made by calling `connect` with 0 to `N - 1`.
    ///
    /// # Panics
    ///
    /// If `connect` does; the connections made until then are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::<_, 3>::from_fn(|number| format!("connection {number}"));
    /// assert_eq!(pool.status().idle, 3);
    /// ```
    pub fn from_fn(mut connect: impl FnMut(usize) -> C) -> Self {
        let pool = Self::new();
        for number in 0..N {
            let connection = connect(number);
            if pool.insert(connection).is_err() {
                unreachable!("a new pool has a vacant slot for each connection");
            }
        }
        pool
    }

    /// The same pool with another policy for those who wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Fairness, Pool};
    ///
    /// let pool = Pool::from([1, 2]).with_fairness(Fairness::Bounded(16));
    /// # assert_eq!(pool.fairness(), Fairness::Bounded(16));
    /// ```
    #[must_use]
    pub const fn with_fairness(mut self, fairness: Fairness) -> Self {
        self.engine.set_fairness(fairness);
        self
    }

    /// The policy that the pool was built with.
    #[must_use]
    pub const fn fairness(&self) -> Fairness {
        self.engine.fairness()
    }
}

/// Borrowing.
impl<C, const N: usize> Pool<C, N> {
    /// Borrows a connection if one is free now; never waits.
    ///
    /// "None" is exact: it is said only if there was a moment during the call in which none was free for a newcomer.
    /// What is free but belongs to somebody in line is not free for a newcomer.
    ///
    /// On the fast path it takes one atomic read-modify-write and no lock. With the feature `critical-section` it may be
    /// called, and its guard dropped, in an interrupt handler; without, the lock that it takes when nothing is free is
    /// not made for that.
    ///
    /// # Errors
    ///
    /// [`Exhausted`](PoolError::Exhausted) if nothing is free, [`Closed`](PoolError::Closed), or
    /// [`NoConnections`](PoolError::NoConnections) if `N` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from(["the only one"]);
    /// let held = pool.try_get()?;
    /// assert!(pool.try_get().is_err());
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[inline(always)]
    pub fn try_get(&self) -> Result<ConnGuard<'_, C, N>, PoolError> {
        Held::from_answer(self, try_acquire(self)).map(ConnGuard)
    }

    /// Borrows a connection as soon as one is free: a future for any executor, which allocates nothing.
    ///
    /// # Errors
    ///
    /// The future yields [`Closed`](PoolError::Closed), or [`NoConnections`](PoolError::NoConnections) if `N` is 0. It
    /// has no deadline of its own: wrap it in your executor's timeout, which drops it.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment; see [`GetAsync`].
    ///
    /// # Fairness
    ///
    /// The place in line is taken at the first poll that finds nothing free.
    ///
    /// # Examples
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let pool = conn_pool::Pool::from(["a", "b"]);
    /// let connection = pool.get_async().await?;
    /// # Ok::<(), conn_pool::PoolError>(())
    /// # }).unwrap();
    /// ```
    pub const fn get_async(&self) -> GetAsync<'_, C, N> {
        GetAsync(Acquire::new(self, Kind::Task))
    }
}

/// Filling, emptying, resizing, closing.
impl<C, const N: usize> Pool<C, N> {
    /// Puts a connection into a vacant slot, and so serves the oldest waiter.
    ///
    /// # Errors
    ///
    /// Hands the connection back if every slot within the present maximum has one, or the pool is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool: conn_pool::Pool<&str, 1> = conn_pool::Pool::new();
    /// pool.insert("first").unwrap();
    /// let second = pool.insert("second").unwrap_err();
    /// assert_eq!(second.into_connection(), "second");
    /// ```
    pub fn insert(&self, connection: C) -> Result<(), InsertError<C>> {
        let slot = match self.core().reserve() {
            Ok(slot) => slot,
            Err(Refusal::Closed) => return Err(InsertError::Closed { connection }),
            Err(_) => {
                return Err(InsertError::Full { connection, max_size: self.core().max_size() });
            }
        };
        // SAFETY: the slot was vacant, so it is not filled (I3), and was reserved for this call, so it is nowhere else (I1, I2).
        unsafe { slots::fill(&self.slots, slot, connection) };
        drop(Held::new(self, slot));
        Ok(())
    }

    /// Shows `keep` every idle connection, one after the other, and discards those to which it answers `false`.
    ///
    /// Each is borrowed while it is looked at, without counting as a use; no lock is held, so `keep` may take its time,
    /// call the pool, or panic. Connections that are held, or that become idle behind the visitor's back, are not
    /// visited. While others wait for connections none is idle.
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
        let mut retained = Retained { kept: 0, discarded: 0 };
        for slot in 0..N {
            if !self.core().claim_slot(slot) {
                continue;
            }
            let mut held = Held::new(self, slot);
            if keep(held.connection_mut()) {
                retained.kept += 1;
            } else {
                retained.discarded += 1;
                held.discard();
            }
        }
        retained
    }

    /// Sets how many connections may be out at once, `N` at most.
    ///
    /// Shrinking never touches a connection in use: vacant slots go first, then idle ones, then held ones as they come
    /// back; nobody is given a connection while more than `max_size` are out. The pool cannot reconnect, so a connection
    /// that it has no place for is not dropped but **set aside**: it is lent to nobody until the pool grows again or
    /// [`drop_surplus`](Self::drop_surplus) ends it. `resize(0)` so pauses the pool: callers wait until it grows.
    ///
    /// Growing brings back what was set aside, which serves waiters at once; beyond that the slots are vacant. A closed
    /// pool stays as it is.
    ///
    /// # Errors
    ///
    /// If `max_size` is more than `N`; nothing is changed then.
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
    ///     "cannot resize to 5 connections: the pool was built with 4 slots, so use 0 to 4"
    /// );
    /// # Ok::<(), conn_pool::ResizeError>(())
    /// ```
    pub fn resize(&self, max_size: usize) -> Result<(), ResizeError> {
        if max_size > N {
            return Err(ResizeError { requested: max_size, capacity: N });
        }
        drop(self.core().resize(max_size));
        Ok(())
    }

    /// Drops the connections that a [`resize`](Self::resize) has set aside, and says how many they were.
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
        let mut dropped = 0;
        run_to_end(|| {
            let Some(slot) = self.core().claim_surplus() else { return false };
            dropped += 1;
            empty(&self, slot, Emptied::SetAside);
            true
        });
        dropped
    }

    /// Closes the pool for good: new callers and all who wait get [`PoolError::Closed`]; idle connections are dropped
    /// now, held ones when they come back. Closing it again does nothing.
    ///
    /// Whoever was granted a connection before keeps it.
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
    /// assert!(matches!(pool.try_get(), Err(PoolError::Closed(_))));
    /// ```
    pub fn close(&self) {
        let mut dismissed = None;
        run_to_end(|| {
            // First of all, and even if a waker panics, everybody is sent away; then the connections go.
            if dismissed.is_none() {
                dismissed = Some(());
                drop(self.core().close());
                return true;
            }
            let Some((slot, why)) = self.core().claim_closed() else { return false };
            empty(&self, slot, why);
            true
        });
    }

    /// Whether [`close`](Self::close) was called. A `false` may be out of date by the time it is read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Closes the pool and waits, as a task, until every connection has come back and was dropped.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment, by a timeout for one; [`status`](Self::status) then says how many are
    /// still in use. The pool is closed by the call itself, whether or not the future is polled.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// # pollster::block_on(async {
    /// let pool = conn_pool::Pool::from(["a", "b"]);
    /// pool.drain_async().await;
    /// assert_eq!(pool.status().in_use, 0);
    /// # })
    /// ```
    pub fn drain_async(&self) -> DrainAsync<'_> {
        self.close();
        DrainAsync::new(self.core())
    }
}

/// Looking at it.
impl<C, const N: usize> Pool<C, N> {
    /// How full the pool is. Takes no lock and stops nobody, so it may be read at any rate; see [`Status`] for what a
    /// moving pool shows.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core().status()
    }

    /// What the pool has counted. Takes no lock and stops nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::from(["a"]);
    /// for _ in 0..20 {
    ///     drop(pool.try_get()?);
    /// }
    /// let metrics = pool.metrics();
    /// assert_eq!((metrics.borrowed, metrics.reused), (20, 19));
    /// # Ok::<(), conn_pool::PoolError>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.core().metrics()
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
    pub fn reset_peaks(&self) {
        self.core().reset_peaks();
    }

    #[inline(always)]
    pub(crate) fn core(&self) -> Core<'_> {
        Core::new(&self.engine, Bitmap::new(slots::books(&self.slots), const { Layout::new(N) }))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn look_for_a_peak(&self) {
        self.core().look_for_a_peak();
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn attend_to_others(&self) {
        attend_to_others(&self, |slot, why| empty(&self, slot, why));
    }

    /// Says why there is no connection.
    #[cold]
    #[inline(never)]
    pub(crate) fn explain(&self, refusal: Refusal) -> PoolError {
        match refusal {
            Refusal::NoSlots => PoolError::NoConnections,
            // This pool's line has no limit.
            Refusal::Exhausted | Refusal::QueueFull => PoolError::Exhausted(self.status()),
            Refusal::TimedOut => PoolError::Timeout(self.status()),
            Refusal::Closed => PoolError::Closed(self.status()),
        }
    }

    #[inline(always)]
    pub(crate) fn slots(&self) -> &[Slot<C>] {
        &self.slots
    }
}

const_fn! {
    const fn vacant_slots<C, const N: usize>() -> [Slot<C>; N] {
        // loom's atomics cannot be made in a constant.
        #[cfg(not(conn_pool_loom))]
        { [const { Slot::vacant(()) }; N] }
        #[cfg(conn_pool_loom)]
        { core::array::from_fn(|_| Slot::vacant(())) }
    }
}

impl<C, const N: usize> Default for Pool<C, N> {
    /// [`Pool::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl<C, const N: usize> From<[C; N]> for Pool<C, N> {
    /// A pool with these connections.
    fn from(connections: [C; N]) -> Self {
        let mut connections = connections.into_iter();
        Self::from_fn(|_| connections.next().unwrap_or_else(|| unreachable!("one connection for each of N slots")))
    }
}

impl<C, const N: usize> Drop for Pool<C, N> {
    /// Drops every connection in the pool, those of leaked guards included.
    fn drop(&mut self) {
        let mut slots = 0..N;
        run_to_end(|| {
            let Some(slot) = slots.next() else { return false };
            if slots::books(&self.slots).get(slot).is_filled() {
                // SAFETY: the pool is borrowed exclusively, so no guard is alive: all slots are its own (I2); and this
                // one is filled (I3).
                unsafe { slots::empty(&self.slots, slot) };
            }
            true
        });
    }
}

impl<C, const N: usize> fmt::Debug for Pool<C, N> {
    /// Draws the slots: `.` idle, `#` in use, `_` vacant, `x` set aside or above the maximum size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        draw(self.core(), "", f)
    }
}

/// Draws a pool, after its name if it has one.
pub(crate) fn draw(core: Core<'_>, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let status = core.status();
    f.write_str("Pool ")?;
    if !name.is_empty() {
        write!(f, "{name:?} ")?;
    }
    write!(f, "{{ {}/{} free [", status.idle, status.max_size)?;
    for slot in 0..core.books().len() {
        let book = core.books().get(slot);
        f.write_str(match () {
            () if book.is_retired() => "x",
            () if book.is_vacant() => "_",
            () if core.is_idle(slot) => ".",
            () => "#",
        })?;
    }
    write!(f, "] waiting: {}", status.waiting)?;
    if status.waiting > 0 {
        let threads = core.threads_waiting().min(status.waiting);
        write!(f, " (tasks: {}, threads: {threads})", status.waiting - threads)?;
    }
    f.write_str(if status.suspended { ", suspended" } else { "" })?;
    f.write_str(if status.closed { ", closed }" } else { " }" })
}

/// What became of the connections that a [`retain`](Pool::retain) visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Retained {
    /// Connections that are still in the pool.
    pub kept: usize,
    /// Connections that were dropped.
    pub discarded: usize,
}
