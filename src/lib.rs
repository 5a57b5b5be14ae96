#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "ffi")]
pub mod ffi;

#[cfg(feature = "alloc")]
mod owned;

pub mod managed;

#[cfg(feature = "std")]
mod blocking;
mod future;

mod acquire;
mod drain;

mod guard;
mod pool;

mod engine;

mod bitmap;
mod books;
mod line;
mod metrics;
mod slots;

mod error;
mod fairness;
mod sync;

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
mod cost_card;
#[cfg(test)]
mod lender;
#[cfg(all(test, conn_pool_loom))]
mod models;
#[cfg(all(test, conn_pool_shuttle))]
mod schedules;
#[cfg(all(test, conn_pool_loom))]
mod why_not;

pub use drain::DrainAsync;
pub use error::{DrainError, InsertError, PoolError, ResizeError};
pub use fairness::Fairness;
pub use future::GetAsync;
#[cfg(feature = "alloc")]
pub use future::GetAsyncOwned;
pub use guard::ConnGuard;
#[cfg(feature = "alloc")]
pub use guard::OwnedConnGuard;
#[cfg(feature = "std")]
pub use metrics::Histogram;
pub use metrics::{Metrics, Status};
pub use pool::{Pool, Retained};
