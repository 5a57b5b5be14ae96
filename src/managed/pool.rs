// knows: clock, config, config_error, loan, manager, meeting, metrics, operations, parts, reconfigure, record, report,
// shared, shared_error, slots, times, upkeep, engine, error, slot, stats, sync · must not know: how a caller waits
//! The managed pool: an engine, the slots that it manages, and a manager that fills them.

use core::fmt;
use core::mem::{forget, offset_of};
use core::ptr::NonNull;
use core::time::Duration;

use super::clock::{Clock, Millis, SystemClock};
use super::config::Config;
use super::config_error::ConfigError;
use super::loan::current::{self, loans};
use super::loan::insert::insert;
use super::loan::prepare;
use super::loan::release::{reason_of, release};
use super::loan::tokens::discard;
use super::manager::Lifecycle;
use super::meeting::Meeting;
use super::metrics::Metrics;
use super::operations;
use super::parts::ManagedParts;
#[cfg(feature = "std")]
use super::reconfigure;
use super::record::{ConnRecord, LoanRecord};
use super::report::{IdleInfo, Loan, PoolReport};
use super::shared::Shared;
use super::shared_error::SharedError;
use super::slots::{SlotExtra, engine, vacant_slots};
use super::times::TimeRecorders;
#[cfg(feature = "std")]
use super::upkeep::crew;
use crate::engine::{Engine, EngineState, Layout, MAX_SLOTS, SlotToken, SlowPath, VacateReason};
use crate::error::{InsertError, ResizeError};
use crate::slot::{Drain, PoolParts, Releases, Slot, storage, waiting_path};
use crate::stats::{Retained, Status};
use crate::sync::const_fn;

/// Up to `N` connections in a fixed array, which a manager makes, checks, resets and ends.
///
/// Slots, wait queue and guards are those of the plain [`Pool`](crate::Pool): waiters are served in the order of
/// arrival, acquire and release allocate nothing, and releasing a connection needs no runtime. In addition, a
/// connection is assessed at each acquire and release, and [maintenance](Self::maintain) keeps the idle ones in order.
/// A caller that finds no idle connection waits while `health_check` or [`run_maintenance`](Self::run_maintenance)
/// runs, which connects for all callers; otherwise it connects itself, in a vacant slot.
///
/// `M` is a [`Manager`](super::Manager), for threads, or an [`AsyncManager`](super::AsyncManager), for tasks, or both:
/// see [`AsyncFromBlocking`](super::AsyncFromBlocking) and [`BlockingFromAsync`](super::BlockingFromAsync). `K` is the
/// clock.
///
/// The pool is `Sync` if the manager and the clock are, and connections can be sent.
///
/// # Nothing is lost
///
/// Whatever the manager does, and whenever a caller gives up, no slot is lost: a connect that fails, panics or is
/// dropped makes its slot vacant again, for the next connect; a connection whose check did not end is discarded. No
/// function of the manager is called under a lock.
///
/// # Fairness
///
/// See [`Config::fairness`]. A caller whose connection turned out unfit keeps its place before callers that arrived
/// later.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, Lifecycle, Manager, Pool};
/// use std::time::Duration;
///
/// struct Server;
///
/// impl Lifecycle for Server {
///     type Connection = String;
///     type Error = std::io::Error;
/// }
///
/// impl Manager for Server {
///     fn connect(&self, _within: Option<Duration>) -> std::io::Result<String> {
///         Ok(String::from("connected"))
///     }
/// }
///
/// static POOL: Pool<Server, 8> = Pool::const_new(Server, Config::new().max_size(4).name("example"));
///
/// let connection = POOL.get()?;
/// assert_eq!(*connection, "connected");
/// # Ok::<(), conn_pool::managed::GetError<std::io::Error>>(())
/// ```
pub struct Pool<M: Lifecycle, const N: usize, K = SystemClock> {
    engine: EngineState,
    shared: Shared,
    times: TimeRecorders,
    clock: K,
    manager: M,
    slots: [Slot<M::Connection, SlotExtra>; N],
}

// A panic of user code loses no slot, and a connection that a panicking caller held is discarded or reset
// (`Config::on_panic`): so a pool that was seen by code that panicked is as good as before.
impl<M: Lifecycle, const N: usize, K> core::panic::RefUnwindSafe for Pool<M, N, K> {}

impl<M: Lifecycle, const N: usize, K> Pool<M, N, K> {
    const LAYOUT: Layout =
        Layout::new(N, storage::offsets::<M::Connection, SlotExtra>(offset_of!(Self, engine), offset_of!(Self, slots)));
}

/// Building.
impl<M: Lifecycle, const N: usize> Pool<M, N> {
    /// A pool without connections yet, on the system's clock.
    ///
    /// Connections are made when callers want them, and by maintenance up to `min_idle`.
    ///
    /// # Errors
    ///
    /// If something is wrong with the configuration: see [`Config::check`].
    pub fn new(manager: M, config: Config) -> Result<Self, ConfigError> {
        Self::with_clock(manager, config, SystemClock)
    }

    const_fn! {
        /// As [`new`](Self::new), for a `static`.
        ///
        /// # Panics
        ///
        /// If something is wrong with the configuration: at compile time, in a constant.
        #[must_use]
        pub const fn const_new(manager: M, config: Config) -> Self {
            Self::const_with_clock(manager, config, SystemClock)
        }
    }
}

/// Building, with a clock of your own.
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// As [`new`](Pool::new), with a clock of your own.
    ///
    /// # Errors
    ///
    /// As [`new`](Pool::new).
    pub fn with_clock(manager: M, config: Config, clock: K) -> Result<Self, ConfigError> {
        config.check_with_clock(N, K::CAN_SLEEP)?;
        Ok(Self::const_with_clock(manager, config, clock))
    }

    const_fn! {
        /// As [`const_new`](Pool::const_new), with a clock of your own.
        ///
        /// # Panics
        ///
        /// As [`const_new`](Pool::const_new).
        #[must_use]
        pub const fn const_with_clock(manager: M, config: Config, clock: K) -> Self {
            const { assert!(N <= MAX_SLOTS, "a conn_pool::managed::Pool has at most 4096 slots: choose a smaller N") };
            if let Err(error) = config.check_with_clock(N, K::CAN_SLEEP) {
                error.refuse();
            }
            Self {
                engine: engine(&config, N),
                shared: Shared::new(config),
                times: TimeRecorders::new(),
                clock,
                manager,
                slots: vacant_slots(config.size(N)),
            }
        }
    }
}

/// Filling, emptying, resizing, suspending, closing.
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// Puts in a connection that was made elsewhere. It is the pool's from then on, as if it had connected.
    ///
    /// # Errors
    ///
    /// Hands the connection back if no slot is vacant, or the pool is closed.
    ///
    /// # Panics
    ///
    /// If a waiter's waker does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{self, Config, Pool};
    /// let pool = Pool::<_, 1>::new(managed::from_fn(|| Ok::<_, std::io::Error>(7)), Config::new())?;
    /// pool.insert(8)?;
    /// assert_eq!(*pool.get()?, 8);
    /// assert_eq!(pool.insert(9).unwrap_err().into_connection(), 9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert(&self, connection: M::Connection) -> Result<(), InsertError<M::Connection>> {
        insert(self, connection)
    }

    /// Shows `keep` every idle connection, one after the other, and discards those for which it answers `false`.
    ///
    /// As [`Pool::retain`](crate::Pool::retain): no lock is held, so `keep` may take its time, call the pool, or panic.
    ///
    /// # Panics
    ///
    /// If `keep` does (that connection is discarded, the rest is not visited), or the manager's `on_discard`.
    pub fn retain(&self, mut keep: impl FnMut(&mut M::Connection) -> bool) -> Retained {
        operations::retain(self, |connection, _| keep(connection))
    }

    /// As [`retain`](Self::retain), and tells `keep` of each connection's age, uses and idle time.
    ///
    /// # Panics
    ///
    /// As [`retain`](Self::retain).
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{self, Config, Pool};
    /// let pool = Pool::<_, 4>::new(managed::from_fn(|| Ok::<_, std::io::Error>(7)), Config::new())?;
    /// drop(pool.get()?);
    /// let retained = pool.retain_with(|_, idle| idle.uses < 100);
    /// assert_eq!((retained.kept, retained.discarded), (1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain_with(&self, keep: impl FnMut(&mut M::Connection, IdleInfo) -> bool) -> Retained {
        operations::retain(self, keep)
    }

    /// Shows `pick` every idle connection, one after the other, and takes those out of the pool for which it answers
    /// `true`: they are the caller's, and their slots are vacant. The manager neither resets nor ends them; they are
    /// counted as [`DiscardReason::Detached`](super::DiscardReason::Detached).
    ///
    /// # Panics
    ///
    /// If `pick` does: that connection is discarded, the rest is not visited, and what was taken out is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{self, Config, Pool};
    /// let pool = Pool::<_, 4>::new(managed::from_fn(|| Ok::<_, std::io::Error>(7)), Config::new())?;
    /// drop(pool.get()?);
    /// assert_eq!(pool.extract_if(|_, idle| idle.uses > 0), [7]);
    /// assert_eq!(pool.status().vacant, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub fn extract_if(&self, pick: impl FnMut(&mut M::Connection, IdleInfo) -> bool) -> alloc::vec::Vec<M::Connection> {
        operations::extract_if(self, pick)
    }

    /// Discards every connection that was made, or whose connect began, before this call: idle ones now, those in use
    /// when they are released. Answers how many were discarded at once.
    ///
    /// For a server that was replaced, or credentials that were changed. Callers that hold a connection keep it. What
    /// maintenance, or another caller, discards meanwhile is not counted. What a `health_check` ends is counted when it
    /// is handed over to its threads.
    ///
    /// If this is called faster than connections are made, callers are not starved: a caller that has met two evicted
    /// connections gets the third, if its connect began after the last eviction before the caller's request. It is
    /// discarded when it is released.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` does, after the rest was done all the same.
    pub fn evict_all(&self) -> usize {
        operations::evict_all(self)
    }

    /// Sets how many connections there may be, `N` at most, at any time.
    ///
    /// Shrinking discards idle connections at once, and those in use as they are released. While more than `max_size`
    /// are in use, no caller gets a connection. Growing serves waiters at once. A closed pool stays as it is.
    ///
    /// # Errors
    ///
    /// If `max_size` is more than `N`; nothing is changed then.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` does, after the rest was done all the same.
    pub fn resize(&self, max_size: usize) -> Result<(), ResizeError> {
        operations::resize(self, max_size)
    }

    /// Suspends the pool until [`resume`](Self::resume): callers wait, within their deadlines, and `try_get` finds
    /// nothing. A caller that holds a connection keeps it. Idle connections are kept.
    ///
    /// For a database that is being switched over.
    pub fn suspend(&self) {
        operations::suspend(self);
    }

    /// Ends [`suspend`](Self::suspend): callers get connections again, waiters first.
    ///
    /// # Panics
    ///
    /// If a waiter's waker does.
    pub fn resume(&self) {
        operations::resume(self);
    }

    /// Closes the pool for good: new callers and all waiters get [`GetError::Closed`](super::GetError::Closed). Idle
    /// connections are discarded now, those in use when they are released. Closing it again does nothing.
    ///
    /// # Blocking
    ///
    /// As long as the manager takes to end the connections. While a `health_check` runs, its threads end them: then the
    /// call waits for that, but for no longer than 40 ms, and a [`drain`](Self::drain_async) waits for the rest.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` or a waiter's waker does, after the rest was done all the same.
    pub fn close(&self) {
        operations::close(self);
        #[cfg(feature = "std")]
        crew::await_discards(self);
    }

    /// Forgets the pool and its connections, in a fork's child: nothing is dropped, so that no connection of the
    /// parent's is ended. A child that just drops its copy does no harm either; this says so.
    ///
    /// In a child every call that acquires a connection fails with [`GetError::Forked`](super::GetError::Forked),
    /// guards leave their connections alone when they are dropped, and what an operator does has no effect. That a
    /// process is a child is known (on Unix, with `std`) if the pool had made a connection before the fork, or was
    /// being maintained.
    pub fn abandon(self) {
        forget(self);
    }

    /// Whether [`close`](Self::close) was called. A `false` may be out of date by the time it is read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Closes the pool and waits, as a task, until every connection was released and discarded.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment, for instance by a timeout; [`loans`](Self::loans) then lists the
    /// connections that are still in use. The call itself closes the pool.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    pub fn drain_async(&self) -> Drain<'_> {
        self.close();
        Drain::in_process(self.engine(), self.shared.process())
    }
}

/// Changing options.
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// The pool's options, as they are now: a copy.
    #[must_use]
    pub fn config(&self) -> Config {
        operations::config(self)
    }

    /// Changes options while the pool runs (feature `std`): `change` gets the present ones and answers the new ones.
    ///
    /// | option | what it holds for |
    /// |---|---|
    /// | `max_size` | at once: as [`resize`](Self::resize) |
    /// | `wait_timeout` | callers that begin to wait |
    /// | `connect_timeout`, `validation_timeout` | connects and checks that begin |
    /// | `max_lifetime` | all connections; their lives are shortened at random anew |
    /// | `max_uses` | all connections, those in use as they are released |
    /// | `max_idle` | at once: what is too much is discarded |
    /// | `min_idle`, `idle_timeout`, `keepalive`, `leak_threshold` | at once, if the pool is maintained |
    ///
    /// The others are what the pool is built of, and cannot be changed. Times are kept in whole milliseconds, rounded
    /// up. `usize::MAX` lifts the limits of `max_uses` and `max_idle`.
    ///
    /// Of two calls at the same time one follows the other: then `change` is called once more, with what the first one
    /// has left.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Fixed`] with the name of an option that cannot be changed, and whatever [`Config::check`] finds.
    /// Nothing is changed then.
    ///
    /// # Panics
    ///
    /// If `change` does: nothing is changed then. If a waker or the manager's `on_discard` does, after the rest was
    /// done all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use conn_pool::managed::{self, Config, Pool};
    /// # use std::time::Duration;
    /// let pool = Pool::<_, 8>::new(managed::from_fn(|| Ok::<_, std::io::Error>(7)), Config::new())?;
    /// pool.reconfigure(|config| config.max_size(4).max_lifetime(Some(Duration::from_secs(60))))?;
    /// assert_eq!(pool.config().get_max_size(), Some(4));
    /// assert_eq!(
    ///     pool.reconfigure(|config| config.name("orders")).unwrap_err().to_string(),
    ///     "name cannot be changed while a pool runs: set it when the pool is built"
    /// );
    /// # Ok::<(), managed::ConfigError>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn reconfigure(&self, change: impl Fn(Config) -> Config) -> Result<(), ConfigError> {
        reconfigure::reconfigure(self, K::CAN_SLEEP, change)
    }
}

/// Looking at it.
impl<M: Lifecycle, const N: usize, K: Clock> Pool<M, N, K> {
    /// How full the pool is. Takes no lock and stops no caller; see [`Status`] for what a pool in motion shows. A slot
    /// whose connection is being made or checked counts as in use.
    #[must_use]
    pub fn status(&self) -> Status {
        self.engine().status()
    }

    /// What the pool has counted, what every pool counts included. Takes no lock.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.counters().read(self.engine().metrics())
    }

    /// Starts the high-water marks anew; see [`Pool::reset_peaks`](crate::Pool::reset_peaks).
    pub fn reset_peaks(&self) {
        self.engine().reset_peaks();
    }

    /// The connections in use: where each was acquired, and for how long it has been held.
    ///
    /// Takes no lock and stops no caller, so a connection that is acquired or released meanwhile may be missed.
    pub fn loans(&self) -> impl Iterator<Item = Loan> {
        loans(self)
    }

    /// The pool's name, its status and the longest loan, as an error has them.
    #[must_use]
    pub fn report(&self) -> PoolReport {
        current::report(self)
    }

    /// Why no connection can be made, if the last connect has failed: what the manager says of the error
    /// ([`describe`](Lifecycle::describe)). Takes a lock for a moment. A connect of a caller's own is noted while
    /// others wait.
    ///
    /// `None` again when that is longer ago than twice the longest pause between connects, 10 s by default, and none is
    /// under way: no caller has asked for a connection since, and the next one has another attempt made.
    #[must_use]
    pub fn connect_error(&self) -> Option<SharedError> {
        prepare::connect_error(self)
    }

    /// The manager.
    pub const fn manager(&self) -> &M {
        &self.manager
    }

    /// The clock.
    pub const fn clock(&self) -> &K {
        &self.clock
    }

    #[cfg(feature = "std")]
    pub(super) const fn time_recorders(&self) -> &TimeRecorders {
        &self.times
    }
}

impl<M: Lifecycle, const N: usize, K: Clock> Releases for Pool<M, N, K> {
    #[inline(always)]
    fn release(&self, slot: SlotToken) {
        release(self, slot);
    }
}

impl<M: Lifecycle, const N: usize, K: Clock> PoolParts for Pool<M, N, K> {
    type Connection = M::Connection;
    type Extra = SlotExtra;
    // A guard reads the clock for its connection's age.
    type Shown = K;

    #[inline(always)]
    fn counts_callers(&self) -> bool {
        true
    }

    #[inline(always)]
    fn engine(&self) -> Engine<'_> {
        // SAFETY: the layout says where the engine and the slots lie in this pool, which is shared for the borrow (I5).
        unsafe { Engine::new(NonNull::from(self).cast(), const { &Self::LAYOUT }) }
    }

    #[inline(always)]
    fn slots(&self) -> &[Slot<M::Connection, SlotExtra>] {
        &self.slots
    }

    fn waiting_path(&self) -> &'static SlowPath {
        waiting_path::<Self>()
    }

    fn dispose(&self, slot: SlotToken, why: VacateReason) {
        discard(self, slot, reason_of(why));
    }
}

impl<M: Lifecycle, const N: usize, K: Clock> ManagedParts for Pool<M, N, K> {
    type Manager = M;

    #[inline(always)]
    fn manager(&self) -> &M {
        &self.manager
    }

    #[inline(always)]
    fn shared(&self) -> &Shared {
        &self.shared
    }

    #[inline(always)]
    fn record(&self, slot: usize) -> &ConnRecord {
        &storage::extra(&self.slots, slot).record
    }

    #[inline(always)]
    fn loan_record(&self, slot: usize) -> Option<&LoanRecord> {
        Some(&storage::extra(&self.slots, slot).loan_record)
    }

    fn meeting(&self, slot: usize) -> Option<&Meeting> {
        Some(&storage::extra(&self.slots, slot).meeting)
    }

    fn times(&self) -> Option<&TimeRecorders> {
        Some(&self.times)
    }

    fn note_room(&self) {
        if self.shared.settings().min_idle() > 0 {
            self.shared.wake();
        }
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn coarse(&self) -> Millis {
        Millis::at(self.clock.coarse())
    }

    fn suspended(&self) -> Duration {
        self.clock.suspended()
    }
}

impl<M: Lifecycle, const N: usize, K> Drop for Pool<M, N, K> {
    /// Ends every connection in the pool, those of leaked guards included.
    fn drop(&mut self) {
        let (manager, shared) = (&self.manager, &self.shared);
        operations::drop_all(manager, shared, &mut self.slots);
    }
}

#[cfg(feature = "defmt")]
impl<M: Lifecycle, const N: usize, K: Clock> defmt::Format for Pool<M, N, K> {
    /// How many connections are free, and how many callers wait.
    fn format(&self, f: defmt::Formatter<'_>) {
        self.engine().draw_for_defmt(self.shared.config().name.as_str(), f);
    }
}

impl<M: Lifecycle, const N: usize, K: Clock> fmt::Debug for Pool<M, N, K> {
    /// Draws the slots as [`Pool`](crate::Pool) does: `.` idle, `#` in use, `_` vacant, `x` above the maximum size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine().draw(self.shared.config().name.as_str(), f)
    }
}
