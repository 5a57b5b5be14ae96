//! Layer 1 · knows: sync · must not know: slots, waiters, connections
//!
//! What the pool counts, and what a reader gets to see of it.
//!
//! Nothing here costs the fast path an atomic read-modify-write. Uses are counted in each slot's books by its holder;
//! everything else changes on the slow path, under the line's lock, and is only read without it.

use crate::sync::{AtomicUsize, Relaxed, const_fn};

#[cfg(feature = "std")]
mod histogram;
#[cfg(not(feature = "std"))]
#[path = "metrics/no_histogram.rs"]
mod histogram;

#[cfg(feature = "std")]
pub use histogram::Histogram;
pub(crate) use histogram::Recorder;

/// A number that is written under the line's lock and read by anybody at any time.
///
/// Relaxed throughout: writers are ordered by the lock, and a reader gets a figure, not a view of other memory.
pub(crate) struct Tally(AtomicUsize);

impl Tally {
    const_fn! {
        pub(crate) const fn new(value: usize) -> Self {
            Self(AtomicUsize::new(value))
        }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn add(&self, more: usize) {
        self.set(self.get().wrapping_add(more));
    }

    pub(crate) fn sub(&self, less: usize) {
        self.set(self.get().wrapping_sub(less));
    }

    /// Raises a mark, with or without the lock: a read-modify-write, but only for a record.
    pub(crate) fn raise(&self, value: usize) {
        if value > self.get() {
            self.0.fetch_max(value, Relaxed);
        }
    }
}

/// What a pool has counted since it was made.
pub(crate) struct Counters {
    pub(crate) waited: Tally,
    pub(crate) timed_out: Tally,
    pub(crate) discarded: Tally,
    pub(crate) overtakes: Tally,
    pub(crate) most_overtaken: Tally,
    pub(crate) peak_in_use: Tally,
    pub(crate) peak_waiting: Tally,
    /// Uses of connections that are gone, the present ones' being in the slots' books.
    pub(crate) past_uses: Tally,
    /// Of those, the ones beyond a connection's first.
    pub(crate) past_reuses: Tally,
}

impl Counters {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                waited: Tally::new(0),
                timed_out: Tally::new(0),
                discarded: Tally::new(0),
                overtakes: Tally::new(0),
                most_overtaken: Tally::new(0),
                peak_in_use: Tally::new(0),
                peak_waiting: Tally::new(0),
                past_uses: Tally::new(0),
                past_reuses: Tally::new(0),
            }
        }
    }
}

/// How full a pool is, from [`Pool::status`](crate::Pool::status) or in a [`PoolError`](crate::PoolError).
///
/// The figures are read one by one while others go on borrowing, so under load they may be apart by whatever moved in
/// between; they settle as soon as the pool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Status {
    /// Slots that the pool was built with: its `N`.
    pub capacity: usize,
    /// Connections that may be out at once: `capacity`, unless it was resized.
    pub max_size: usize,
    /// Connections that are lent out. A guard that was leaked with `mem::forget` counts here for good.
    pub in_use: usize,
    /// Connections that are ready to be lent.
    pub idle: usize,
    /// Slots within the maximum that have no connection: room for `insert`.
    pub vacant: usize,
    /// Slots in which somebody is connecting: they count as in use. Managed pools only.
    pub connecting: usize,
    /// Callers in the waiting line, threads and tasks.
    pub waiting: usize,
    /// Whether lending is suspended. Managed pools only.
    pub suspended: bool,
    /// Whether the pool is closed.
    pub closed: bool,
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { max_size, in_use, idle, vacant, waiting, .. } = self;
        write!(f, "in use: {in_use} of {max_size}, idle: {idle}, vacant: {vacant}, waiting: {waiting}")?;
        f.write_str(if self.suspended { ", suspended" } else { "" })
    }
}

/// What a pool has counted, from [`Pool::metrics`](crate::Pool::metrics).
///
/// Counts are of the pool's whole life and wrap at `usize::MAX`, the uses of one connection already at an eighth of
/// that (in 32 bits: 536,870,912). The marks (`peak_…`) start anew at
/// [`Pool::reset_peaks`](crate::Pool::reset_peaks). As with [`Status`], figures that move meanwhile may be apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Metrics {
    /// Connections lent, all in all.
    pub borrowed: usize,
    /// Of those, the ones that had been lent before: what the pool saved its users from opening.
    pub reused: usize,
    /// Callers who had to wait in line.
    pub waited: usize,
    /// Callers who gave up at their deadline, those with a deadline of zero included.
    pub timed_out: usize,
    /// Connections dropped by `discard` or by a `retain` that said no.
    pub discarded: usize,
    /// Newcomers who took a connection past a waiting line: 0 under [`Fairness::Fifo`](crate::Fairness::Fifo).
    pub overtakes: usize,
    /// The most newcomers that any one waiter was overtaken by: at most `k` under `Fairness::Bounded(k)`.
    pub most_overtaken: usize,
    /// The most connections in use at once.
    ///
    /// Exact for pools of up to four slots, and whenever the pool ran full. In a larger one it is taken when a slot is
    /// used for the first time since it was filled or the metrics were read, so a short peak that is spread over several
    /// groups of slots can be missed.
    pub peak_in_use: usize,
    /// The most callers in line at once.
    pub peak_waiting: usize,
}
