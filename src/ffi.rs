//! The C library: what C programs call, and what stands behind it. `include/conn_pool.h` is generated from here.
//!
//! As a Rust API this module is outside semantic versioning: it is public for the tests of the C library, and for Rust
//! programs that pass its types on to C. What is kept stable is the header and the soname.
//!
//! A pool for C gets its capacity at run time and lies in one block of memory: a [`conn_pool`] with its slots behind
//! it. It shares the engine of [`Pool`](crate::Pool) and the lifecycle of [`managed::Pool`](crate::managed::Pool), so C
//! callers wait in the same kind of queue as threads and tasks. What is added here: callbacks that create, check and
//! destroy resources; leases, which are checked when they are released; and a border that only plain values cross.
//!
//! The body of each export is `border!` and nothing else: it stops a panic and turns errors into a status.
#![expect(non_camel_case_types, reason = "the types' names in C")]

#[cfg(all(feature = "std", not(unix)))]
compile_error!(
    "the features `ffi` and `std` of conn_pool need Unix together: leave out `std`, for the C library without threads and \
     clocks, or leave out `ffi`"
);

// Lower ones first.
mod counters;
mod stamp;
mod status;
mod version;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/platform/bare.rs"]
mod platform;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/platform/hosted.rs"]
mod platform;

#[cfg(all(not(feature = "std"), conn_pool_archive))]
mod panics;

#[macro_use]
mod border;
mod annotations;
mod config;
mod due_calls;

mod callbacks;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/lease_record/bare.rs"]
mod lease_record;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/lease_record/hosted.rs"]
mod lease_record;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/upkeep/bare.rs"]
mod upkeep;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/upkeep/hosted.rs"]
mod upkeep;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/tickets/bare.rs"]
mod tickets;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/tickets/hosted.rs"]
mod tickets;

mod pool;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/leases/bare.rs"]
mod leases;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/leases/hosted.rs"]
mod leases;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/asking/bare.rs"]
mod asking;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/asking/hosted.rs"]
mod asking;

mod serving;

mod caller;
mod course;
mod stats;

mod lease;

mod acquire;

mod waiter;

#[cfg(not(all(feature = "std", unix)))]
#[path = "ffi/wait/bare.rs"]
mod wait;
#[cfg(all(feature = "std", unix))]
#[path = "ffi/wait/hosted.rs"]
mod wait;

mod exports;
#[cfg(all(feature = "std", unix))]
mod exports_connect;
#[cfg(all(feature = "std", unix))]
mod exports_hosted;
mod exports_upkeep;
#[cfg(all(feature = "std", unix))]
mod upkeep_thread;

pub use config::*;
pub use exports::*;
#[cfg(all(feature = "std", unix))]
pub use exports_connect::*;
#[cfg(all(feature = "std", unix))]
pub use exports_hosted::*;
pub use exports_upkeep::*;
pub use lease::conn_pool_lease;
#[cfg(all(feature = "std", unix))]
pub use leases::conn_pool_lease_info;
pub use pool::{
    CONN_POOL_STORAGE_BASE, CONN_POOL_STORAGE_PER_SLOT, CONN_POOL_STORAGE_WORDS_BARE, CONN_POOL_STORAGE_WORDS_BARE_64,
    CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE, conn_pool,
};
pub use stats::conn_pool_stats;
pub use status::conn_pool_status;
pub use version::*;
pub use waiter::{conn_pool_ready_fn, conn_pool_waiter};
