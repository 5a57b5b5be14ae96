//! Plain values: status, metrics and times of a pool.

#[cfg(feature = "std")]
mod histogram;
#[cfg(not(feature = "std"))]
#[path = "stats/no_histogram.rs"]
mod histogram;
mod metrics;
mod retained;
mod stat;
mod status;

#[cfg(feature = "std")]
pub use histogram::Histogram;
pub(crate) use histogram::Recorder;
pub(crate) use metrics::Counters;
pub use metrics::Metrics;
pub use retained::Retained;
pub(crate) use stat::Stat;
pub use status::Status;
