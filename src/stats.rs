//! Plain values: status, metrics and times of a pool.

#[cfg(feature = "std")]
mod histogram;
#[cfg(all(not(feature = "std"), feature = "managed"))]
#[path = "stats/no_histogram.rs"]
mod histogram;
#[cfg(feature = "statistics")]
mod metrics;
#[cfg(not(feature = "statistics"))]
#[path = "stats/no_metrics.rs"]
mod metrics;
mod retained;
mod stat;
mod status;
#[cfg(feature = "std")]
mod total;
#[cfg(feature = "std")]
mod wait_times;
#[cfg(not(feature = "std"))]
#[path = "stats/no_wait_times.rs"]
mod wait_times;

#[cfg(feature = "std")]
pub use histogram::Histogram;
#[cfg(feature = "managed")]
pub(crate) use histogram::Recorder;
#[cfg(feature = "statistics")]
pub use metrics::Metrics;
pub(crate) use metrics::{Counter, Counters};
pub use retained::Retained;
pub(crate) use stat::{Gauge, SlotCount, Stat};
pub use status::Status;
pub(crate) use wait_times::WaitTimes;
