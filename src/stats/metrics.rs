// knows: stat, sync · must not know: slots, waiters, connections
//! What a pool has counted, and what a reader sees of it.
//!
//! Nothing here costs the fast path an atomic read-modify-write. Uses are counted in each slot's state by its owner;
//! everything else changes on the slow path, under the engine's lock, and is only read without it.

/// A number that is counted.
pub(crate) use super::stat::Stat as Counter;
use super::stat::Stat;
use crate::sync::const_fn;

/// What a pool has counted since it was made.
pub(crate) struct Counters {
    pub(crate) waited: Stat,
    pub(crate) timed_out: Stat,
    pub(crate) cancelled: Stat,
    pub(crate) discarded: Stat,
    pub(crate) most_overtaken: Stat,
    pub(crate) peak_in_use: Stat,
    pub(crate) peak_waiting: Stat,
    /// Uses of connections that are gone; the uses of present ones are in the states of their slots.
    pub(crate) past_uses: Stat,
    /// Of those, the ones beyond a connection's first.
    pub(crate) past_reuses: Stat,
}

impl Counters {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                waited: Stat::new(0),
                timed_out: Stat::new(0),
                cancelled: Stat::new(0),
                discarded: Stat::new(0),
                most_overtaken: Stat::new(0),
                peak_in_use: Stat::new(0),
                peak_waiting: Stat::new(0),
                past_uses: Stat::new(0),
                past_reuses: Stat::new(0),
            }
        }
    }
}

/// What a pool has counted, from [`Pool::metrics`](crate::Pool::metrics).
///
/// Counts are of the pool's whole life and wrap at `usize::MAX`, the uses of one connection already at an eighth of
/// that (in 32 bits: 536,870,912). The high-water marks (`peak_…`) start anew at
/// [`Pool::reset_peaks`](crate::Pool::reset_peaks). As with [`Status`](crate::Status), the figures are read one by one,
/// so under load they may not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Metrics {
    /// How often a connection was acquired.
    pub acquired: usize,
    /// Of those, how often the connection had been acquired before: connects that the pool has saved.
    pub reused: usize,
    /// Callers who had to wait.
    pub waited: usize,
    /// Callers whose deadline passed, those with a deadline of zero included.
    pub timed_out: usize,
    /// Callers that gave up: their future was dropped while they waited, and in a managed pool also while a connection
    /// was made or checked for them. Where a limit is set around `get_async` by the runtime's timer, these are those
    /// whose time was up.
    pub cancelled: usize,
    /// Connections discarded by a caller, by `retain`, or by a managed pool itself, because they were unfit, too old,
    /// idle for too long or evicted; not those that ended by a close or a resize. A managed pool counts every
    /// connection that it ends by the reason too: see
    /// [`managed::Metrics::discarded_for`](crate::managed::Metrics::discarded_for).
    pub discarded: usize,
    /// Newcomers that took a connection past waiters: 0 under [`Fairness::Fifo`](crate::Fairness::Fifo).
    pub overtakes: usize,
    /// The most newcomers by which any one waiter was overtaken: at most `k` under `Fairness::Bounded(k)`.
    pub most_overtaken: usize,
    /// The most connections in use at once.
    ///
    /// Exact for pools of up to four slots, and whenever all connections were in use. In a larger pool it is measured
    /// when a slot is used for the first time since it was filled or the metrics were read, so a short peak that is
    /// spread over several groups of slots can be missed.
    pub peak_in_use: usize,
    /// The most callers that waited at once.
    pub peak_waiting: usize,
}
