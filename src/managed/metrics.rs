// knows: event, stats, sync · must not know: what is counted when
//! What a managed pool counts. Each counter is declared once, in the list at the end: its field, its name for exporters
//! and its meaning follow from there.

use super::event::DiscardReason;
use crate::stats::Stat;
use crate::sync::const_fn;

/// From a list of counters: where they are kept, how they are read, and what exporters call them.
macro_rules! counters {
    ($($counter:ident, $exported:literal, $help:literal, $doc:literal;)*) => {
        /// What a managed pool has counted since it was made, each by read-modify-writes off the fast path.
        pub(crate) struct Counters {
            $(pub(crate) $counter: Stat,)*
            discards: [Stat; DiscardReason::ALL.len()],
        }

        impl Counters {
            const_fn! {
                pub(super) const fn new() -> Self {
                    Self { $($counter: Stat::new(0),)* discards: no_discards() }
                }
            }

            /// A snapshot, beside what every pool counts.
            pub(crate) fn read(&self, pool: crate::stats::Metrics) -> Metrics {
                Metrics { pool, $($counter: self.$counter.get(),)* discards: self.discards.each_ref().map(Stat::get) }
            }
        }

        /// What a managed pool has counted since it was made, from [`Pool::metrics`](super::Pool::metrics).
        ///
        /// Reading takes no lock. Counts wrap.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            /// What every pool counts.
            pub pool: crate::stats::Metrics,
            $(#[doc = $doc] pub $counter: usize,)*
            /// Connections that the pool ended, in the order of [`DiscardReason::ALL`]; see
            /// [`discarded_for`](Self::discarded_for).
            pub discards: [usize; DiscardReason::ALL.len()],
        }

        #[cfg(feature = "metrics")]
        impl Metrics {
            /// The counters that only managed pools have: name and meaning for exporters, and the count.
            pub(super) const fn exported(&self) -> [(&'static str, &'static str, usize); [$($help),*].len()] {
                [$(($exported, $help, self.$counter)),*]
            }
        }

        /// The rows of these counters in a table of documentation.
        #[cfg(feature = "metrics")]
        macro_rules! counter_rows {
            () => {
                concat!($("| `", $exported, "` | ", $help, " |\n"),*)
            };
        }
        #[cfg(feature = "metrics")]
        pub(super) use counter_rows;
    };
}

impl Counters {
    pub(crate) fn count_discard(&self, reason: DiscardReason) {
        self.discards[reason as usize].add_shared(1);
    }
}

impl Metrics {
    /// How many connections were ended for this reason.
    #[must_use]
    pub const fn discarded_for(&self, reason: DiscardReason) -> usize {
        self.discards[reason as usize]
    }

    /// How many connections were ended for any reason.
    #[must_use]
    pub fn discarded_in_all(&self) -> usize {
        self.discards.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }
}

const_fn! {
    const fn no_discards() -> [Stat; DiscardReason::ALL.len()] {
        // loom's atomics cannot be made in a constant.
        #[cfg(not(conn_pool_loom))]
        { [const { Stat::new(0) }; DiscardReason::ALL.len()] }
        #[cfg(conn_pool_loom)]
        { core::array::from_fn(|_| Stat::new(0)) }
    }
}

counters! {
    connected, "conn_pool_connects_total", "connections made", "Connections made.";
    connect_failed, "conn_pool_connect_failures_total", "connects that failed",
        "Connects that failed or ran out of time; not those whose caller gave up, or that panicked.";
    checked, "conn_pool_checks_total", "checks of connections", "Checks of connections.";
    check_failed, "conn_pool_check_failures_total", "checks that failed",
        "Of the checks, those that found the connection unfit or ran out of time.";
    refused, "conn_pool_refusals_total", "callers refused because the wait queue was full",
        "Callers refused because the wait queue was full.";
    leaked, "conn_pool_leaks_total", "loans that exceeded the leak threshold", "Loans that exceeded the leak threshold.";
}
