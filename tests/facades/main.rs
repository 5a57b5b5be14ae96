//! What a managed pool tells the facades `tracing` and `metrics`.
//!
//! A program of its own, since `tracing` remembers for the whole process whether a place in the code has a listener.

#[cfg(any(feature = "tracing", feature = "metrics"))]
#[path = "../kit/mod.rs"]
mod kit;

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(all(feature = "tracing", feature = "std"))]
mod tracing;
