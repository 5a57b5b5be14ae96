//! Layer 6 · part of managed · knows: engine, keeper, slots · must not know: how a caller waits
//!
//! The managed pool: an engine, the slots that it works on, and a manager who fills them.

use core::fmt;
use core::panic::Location;

use super::clock::{Clock, Millis, SystemClock};
use super::config::{Config, ConfigError};
use super::emptying::{close, drop_surplus, part_with_idle};
use super::error::Situation;
use super::figures::Figures;
use super::holders::{self, Holder};
use super::keep::Keep;
use super::keeper::{Keeper, Times};
use super::manager::{Manage, Reason};
use super::notes::{EVICTED, Holding, Notes};
use super::observe::{self, log};
use super::slot::{Lent, Suspect};
use super::{acquire, give_back};
use crate::bitmap::{Bitmap, Layout};
use crate::drain::DrainAsync;
use crate::engine::{Core, Engine, Refusal};
use crate::error::{PoolError, ResizeError};
use crate::guard::Handle;
use crate::metrics::{Metrics, Status};
use crate::pool::{MOST_SLOTS, Retained};
use crate::slots::{self, Slot};
use crate::sync::{const_fn, run_once, run_to_end};

/// Up to `N` connections in a fixed array, which a manager makes, checks, resets and parts with.
///
/// Slots, line and guards are those of the plain [`Pool`](crate::Pool): waiters are served in the order in which they
/// came, nothing is allocated, and giving back needs no runtime. What is added is that a caller who finds no idle
/// connection makes one in a vacant slot, that a connection is looked at before it is lent and when it comes back, and that
/// [maintenance](Self::maintain) keeps the idle ones in order.
///
/// `M` is a [`Manager`](super::Manager), for threads, or an [`AsyncManager`](super::AsyncManager), for tasks, or both: see
/// [`Blocking`](super::Blocking) and [`BlockOn`](super::BlockOn). `K` tells the time.
///
/// The pool is `Sync` if the manager and the clock are, and connections can be sent.
///
/// # Nothing is lost
///
/// Whatever the manager does, and whenever a caller gives up, the slot comes back and is whole: a connect that fails,
/// panics or is dropped gives the slot to the next in line; a connection whose check was not ended is discarded. No function
/// of the manager's is called under a lock.
///
/// # Fairness
///
/// As [`Config::fairness`] says. A caller whose connection turned out unfit keeps its place before those who came later.
///
/// # Examples
///
/// ```
/// use conn_pool::managed::{Config, Manage, Manager, Pool};
/// use std::time::Duration;
///
/// struct Server;
///
/// impl Manage for Server {
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
/// static POOL: Pool<Server, 8> = Pool::fixed(Server, Config::new().max_size(4).name("example"));
///
/// let connection = POOL.get()?;
/// assert_eq!(*connection, "connected");
/// # Ok::<(), conn_pool::managed::GetError<std::io::Error>>(())
/// ```
pub struct Pool<M: Manage, const N: usize, K = SystemClock> {
    engine: Engine,
    keeper: Keeper,
    pub(super) times: Times,
    clock: K,
    manager: M,
    slots: [Slot<M::Connection, Entry>; N],
}

/// What is written down about each slot.
#[repr(C)]
pub(crate) struct Entry {
    // The words of the fast path first, beside each other.
    holding: Holding,
    notes: Notes,
}

impl Entry {
    const_fn! {
        const fn new() -> Self {
            Self { holding: Holding::new(), notes: Notes::new() }
        }
    }
}

/// Building.
impl<M: Manage, const N: usize> Pool<M, N> {
    /// A pool without connections yet, on the system's clock.
    ///
    /// Connections are made when callers want them, and by the maintenance up to `min_idle`.
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
        pub const fn fixed(manager: M, config: Config) -> Self {
            Self::fixed_with_clock(manager, config, SystemClock)
        }
    }
}

/// Building, with a clock of your own.
impl<M: Manage, const N: usize, K> Pool<M, N, K> {
    /// As [`new`](Pool::new), with a clock of your own.
    ///
    /// # Errors
    ///
    /// As [`new`](Pool::new).
    pub fn with_clock(manager: M, config: Config, clock: K) -> Result<Self, ConfigError> {
        config.check(N)?;
        Ok(Self::fixed_with_clock(manager, config, clock))
    }

    const_fn! {
        /// As [`fixed`](Pool::fixed), with a clock of your own.
        ///
        /// # Panics
        ///
        /// As [`fixed`](Pool::fixed).
        #[must_use]
        pub const fn fixed_with_clock(manager: M, config: Config, clock: K) -> Self {
            const { assert!(N <= MOST_SLOTS, "a conn_pool::managed::Pool has at most 4096 slots: choose a smaller N") };
            assert!(config.check(N).is_ok(), "the configuration contradicts itself: Config::check says how");
            Self { engine: engine(&config, N), keeper: Keeper::new(config), times: Times::new(), clock, manager, slots: vacant_slots(config.size(N)) }
        }
    }
}

const_fn! {
    const fn engine(config: &Config, slots: usize) -> Engine {
        let mut engine = Engine::new(config.size(slots));
        engine.set_fairness(config.fairness);
        engine.lend_vacant(match config.max_connecting {
            Some(most) if most < slots => most,
            _ => slots,
        });
        if let Some(most) = config.max_waiting {
            engine.limit_line(most);
        }
        engine
    }
}

const_fn! {
    /// Vacant ones, and behind them those above the maximum size.
    const fn vacant_slots<C, const N: usize>(max_size: usize) -> [Slot<C, Entry>; N] {
        // loom's atomics cannot be made in a constant.
        #[cfg(not(conn_pool_loom))]
        let mut slots = [const { Slot::vacant(Entry::new()) }; N];
        #[cfg(conn_pool_loom)]
        let mut slots: [_; N] = core::array::from_fn(|_| Slot::vacant(Entry::new()));
        let mut slot = max_size;
        while slot < N {
            slots[slot] = Slot::retired(Entry::new());
            slot += 1;
        }
        slots
    }
}

/// Emptying, resizing, suspending, closing.
impl<M: Manage, const N: usize, K: Clock> Pool<M, N, K> {
    /// Shows `keep` every idle connection, one after the other, and parts with those to which it answers `false`.
    ///
    /// As [`Pool::retain`](crate::Pool::retain): no lock is held, so `keep` may take its time, call the pool, or panic.
    ///
    /// # Panics
    ///
    /// If `keep` does (that connection is discarded, the rest is not visited), or the manager's `on_discard`.
    pub fn retain(&self, mut keep: impl FnMut(&mut M::Connection) -> bool) -> Retained {
        let mut retained = Retained { kept: 0, discarded: 0 };
        for slot in (0..N).filter(|slot| self.core().claim_slot(*slot)) {
            let mut suspect = Suspect::new(self, slot);
            if keep(suspect.connection()) {
                retained.kept += 1;
                drop(Lent::new(self, suspect.into_slot()));
            } else {
                retained.discarded += 1;
                suspect.discard(Reason::Evicted);
            }
        }
        retained
    }

    /// Parts with every connection that was made, or whose making began, before this call: idle ones now, held ones when
    /// they come back. Says how many were parted with at once.
    ///
    /// For a server that was replaced, or credentials that were changed. Nobody who holds a connection notices. What the
    /// maintenance, or a borrower, parts with meanwhile is not in the count.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` does, after the rest was done all the same.
    pub fn evict_all(&self) -> usize {
        self.keeper.begin_epoch();
        // From here on, whoever fills a slot sees the new epoch; whoever did so before is found below.
        self.core().synchronize();
        for slot in 0..N {
            self.notes(slot).mark(EVICTED);
        }
        let at_once = part_with_idle(self, |notes| notes.is_marked(EVICTED), Reason::Evicted);
        log::evicted(self.config().name, at_once);
        at_once
    }

    /// Sets how many connections there may be, `N` at most, at any time.
    ///
    /// Shrinking parts with idle connections at once, and with held ones as they come back; nobody is given a connection
    /// while more than `max_size` are out. Growing serves waiters at once. A closed pool stays as it is.
    ///
    /// # Errors
    ///
    /// If `max_size` is more than `N`; nothing is changed then.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` does, after the rest was done all the same.
    pub fn resize(&self, max_size: usize) -> Result<(), ResizeError> {
        if max_size > N {
            return Err(ResizeError { requested: max_size, capacity: N });
        }
        let mut is_resized = false;
        run_to_end(|| {
            // First of all, and even if a waker panics; then what is too much goes.
            if !core::mem::replace(&mut is_resized, true) {
                drop(self.core().resize(max_size));
                return true;
            }
            drop_surplus(self);
            false
        });
        self.keeper.wake();
        log::resized(self.config().name, max_size);
        Ok(())
    }

    /// Lends nothing from now on, until [`resume`](Self::resume): callers wait in line, within their deadlines, and
    /// `try_get` finds nothing. Who holds a connection keeps it. Connections are kept.
    ///
    /// For a database that is being switched over.
    pub fn suspend(&self) {
        self.core().suspend();
        log::suspended(self.config().name);
    }

    /// Lends again, to those in line first.
    ///
    /// # Panics
    ///
    /// If a waiter's waker does.
    pub fn resume(&self) {
        drop(self.core().resume());
        log::resumed(self.config().name);
    }

    /// Closes the pool for good: new callers and all who wait get [`GetError::Closed`](super::GetError::Closed); idle
    /// connections are parted with now, held ones when they come back. Closing it again does nothing.
    ///
    /// # Panics
    ///
    /// If the manager's `on_discard` or a waiter's waker does, after the rest was done all the same.
    pub fn close(&self) {
        close(self);
    }

    /// Whether [`close`](Self::close) was called. A `false` may be out of date by the time it is read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Closes the pool and waits, as a task, until every connection has come back and was parted with.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any moment, by a timeout for one; [`holders`](Self::holders) then says who still holds.
    /// The pool is closed by the call itself.
    ///
    /// # Panics
    ///
    /// As [`close`](Self::close).
    pub fn drain_async(&self) -> DrainAsync<'_> {
        self.close();
        DrainAsync::new(self.core())
    }
}

/// Looking at it.
impl<M: Manage, const N: usize, K: Clock> Pool<M, N, K> {
    /// How full the pool is. Takes no lock and stops nobody; see [`Status`] for what a moving pool shows. A connection that
    /// is being made or checked counts as in use.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core().status()
    }

    /// What the pool has counted, as every pool does. Takes no lock.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.core().metrics()
    }

    /// What the pool has counted of its connections' lives. Takes no lock.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.keeper.figures()
    }

    /// Starts the high-water marks anew; see [`Pool::reset_peaks`](crate::Pool::reset_peaks).
    pub fn reset_peaks(&self) {
        self.core().reset_peaks();
    }

    /// Everybody who holds a connection: where it was borrowed, and for how long it has been held.
    ///
    /// Takes no lock and stops nobody, so who comes or goes meanwhile may be missed.
    pub fn holders(&self) -> impl Iterator<Item = Holder> {
        holders::holders(self)
    }

    /// How the pool stands, with its name and the longest holder: as in an error.
    #[must_use]
    pub fn situation(&self) -> Situation {
        acquire::situation(self)
    }

    /// The configuration that the pool was built with. What [`resize`](Self::resize) has changed since is in
    /// [`status`](Self::status).
    pub const fn config(&self) -> &Config {
        self.keeper.config()
    }

    /// The manager.
    pub const fn manager(&self) -> &M {
        &self.manager
    }

    /// The clock.
    pub const fn clock(&self) -> &K {
        &self.clock
    }

    #[inline(always)]
    pub(super) fn core(&self) -> Core<'_> {
        Core::new(&self.engine, Bitmap::new(slots::books(&self.slots), const { Layout::new(N) }))
    }

    #[cold]
    #[inline(never)]
    fn look_for_a_peak(&self) {
        self.core().look_for_a_peak();
    }

    #[cold]
    #[inline(never)]
    fn attend_to_others(&self) {
        give_back::attend_to_others(self);
    }
}

macro_rules! handle {
    ($handle:ty) => {
        impl<M: Manage, const N: usize, K: Clock> Handle for $handle {
            type Connection = M::Connection;
            type Note = Entry;
            // It tells a guard its connection's age.
            type Shared = K;

            #[inline(always)]
            fn core(&self) -> Core<'_> {
                Pool::core(self)
            }

            #[inline(always)]
            fn slots(&self) -> &[Slot<M::Connection, Entry>] {
                &self.slots
            }

            #[inline(always)]
            fn give_back(&self, slot: usize) {
                give_back::give_back::<&Pool<M, N, K>>(self, slot);
            }

            #[inline(always)]
            fn look_for_a_peak(&self) {
                Pool::look_for_a_peak(self);
            }

            #[inline(always)]
            fn attend_to_others(&self) {
                Pool::attend_to_others(self);
            }

            fn explain(&self, refusal: Refusal) -> PoolError {
                unreachable!("managed pools have their own words for {refusal:?}")
            }
        }
    };
}

handle!(&Pool<M, N, K>);
#[cfg(feature = "alloc")]
handle!(crate::sync::Arc<Pool<M, N, K>>);

impl<M: Manage, const N: usize, K: Clock> Keep for &Pool<M, N, K> {
    type Manager = M;

    #[inline(always)]
    fn manager(&self) -> &M {
        &self.manager
    }

    #[inline(always)]
    fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    #[inline(always)]
    fn notes(&self, slot: usize) -> &Notes {
        &slots::note(&self.slots, slot).notes
    }

    #[inline(always)]
    fn holding(&self, slot: usize) -> Option<&Holding> {
        Some(&slots::note(&self.slots, slot).holding)
    }

    fn times(&self) -> Option<&Times> {
        Some(&self.times)
    }

    fn note_room(&self) {
        if self.config().min_idle > 0 {
            self.keeper.wake();
        }
    }

    fn now(&self) -> core::time::Duration {
        self.clock.now()
    }

    fn coarse(&self) -> Millis {
        Millis::at(self.clock.coarse())
    }
}

impl<M: Manage, const N: usize, K> Drop for Pool<M, N, K> {
    /// Parts with every connection in the pool, those of leaked guards included.
    fn drop(&mut self) {
        let mut slots = 0..N;
        run_to_end(|| {
            let Some(slot) = slots.next() else { return false };
            if slots::books(&self.slots).get(slot).is_filled() {
                // SAFETY: the pool is borrowed exclusively, so no guard is alive: all slots are its own (I2); and this
                // one is filled (I3).
                let connection = unsafe { slots::take(&self.slots, slot) };
                self.manager.on_discard(connection, Reason::Closed);
                observe::discarded(&self.keeper, Reason::Closed);
            }
            true
        });
        // Whoever looked after it need not sleep on.
        run_once(|| self.keeper.wake());
    }
}

impl<M: Manage, const N: usize, K: Clock> fmt::Debug for Pool<M, N, K> {
    /// Draws the slots as [`Pool`](crate::Pool) does: `.` idle, `#` in use, `_` vacant, `x` above the maximum size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::pool::draw(self.core(), self.keeper.config().name, f)
    }
}

/// A place in the source.
pub(super) type Site = &'static Location<'static>;
