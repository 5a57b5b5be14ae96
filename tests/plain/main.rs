//! The plain pool: one file for each thing that a user does with it, or that can happen meanwhile.

#[path = "../kit/mod.rs"]
mod kit;

mod accounts;
mod borrowing;
mod building;
mod calling_back;
mod cancelling;
mod closing;
mod fairness;
mod inserting;
mod large;
mod metrics;
mod model;
#[cfg(feature = "alloc")]
mod owning;
mod panicking;
mod resizing;
mod retaining;
mod stress;
mod timeouts;
mod traits;
mod waiting;
