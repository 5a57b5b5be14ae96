//! The plain pool: one file for each thing that a user does with it, or that can happen meanwhile.

#[path = "../kit/mod.rs"]
mod kit;

mod accounts;
#[cfg(feature = "statistics")]
mod borrowing;
#[cfg(feature = "statistics")]
mod building;
#[cfg(feature = "statistics")]
mod calling_back;
#[cfg(feature = "statistics")]
mod cancelling;
#[cfg(feature = "statistics")]
mod closing;
mod everywhere;
#[cfg(feature = "statistics")]
mod fairness;
mod handing_on;
#[cfg(feature = "statistics")]
mod inserting;
mod large;
#[cfg(feature = "statistics")]
mod metrics;
mod model;
#[cfg(all(feature = "alloc", feature = "statistics"))]
mod owning;
#[cfg(feature = "statistics")]
mod panicking;
#[cfg(feature = "statistics")]
mod resizing;
#[cfg(feature = "statistics")]
mod retaining;
mod stress;
mod timeouts;
#[cfg(feature = "statistics")]
mod traits;
#[cfg(feature = "statistics")]
mod waiting;
