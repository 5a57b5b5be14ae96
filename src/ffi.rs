//! What C programs call: `include/conn_pool.h` is generated from here and is where it is explained to them.
//!
//! A pool for C has its capacity chosen at run time and lies in one block of memory: a [`conn_pool`], and its slots
//! behind it. EngineState, line and acquiring are those of [`Pool`](crate::Pool), so C callers stand in the same kind of line
//! as threads and tasks do. What is added here: callbacks that make, check and end resources, leases that are checked
//! when they come back, and a border that nothing crosses but plain values.
//!
//! Each export is `border!` and nothing else: NULL is answered there, and a panic ends there.
#![expect(non_camel_case_types, reason = "the types' names in C")]

#[cfg(all(feature = "std", not(unix)))]
compile_error!(
    "the features `ffi` and `std` of conn_pool need Unix together: leave out `std`, for the C library without threads and \
     clocks, or leave out `ffi`"
);

#[macro_use]
mod border;
mod callbacks;
mod config;
mod counters;
mod course;
mod exports;
mod lease;
mod pool;
mod stats;
mod status;
mod version;
mod waiter;

#[cfg(not(all(feature = "std", unix)))]
mod bare;
#[cfg(all(feature = "std", unix))]
mod hosted;
#[cfg(all(not(feature = "std"), conn_pool_archive))]
mod panics;

#[cfg(not(all(feature = "std", unix)))]
use bare as platform;
#[cfg(all(feature = "std", unix))]
use hosted as platform;

pub use config::*;
pub use exports::*;
#[cfg(all(feature = "std", unix))]
pub use hosted::{conn_pool_acquire_until, conn_pool_create};
pub use lease::conn_pool_lease;
pub use pool::{CONN_POOL_STORAGE_BASE, CONN_POOL_STORAGE_BASE_BARE, CONN_POOL_STORAGE_PER_SLOT, conn_pool};
pub use stats::conn_pool_figures;
pub use status::conn_pool_status;
pub use version::*;
pub use waiter::{conn_pool_ready_fn, conn_pool_waiter};
