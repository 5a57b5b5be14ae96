#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "ffi")]
#[doc(hidden)]
pub mod ffi;

pub mod managed;

mod plain;

mod slot;

mod engine;

mod error;
mod fairness;
mod stats;

mod sync;

#[cfg(test)]
mod tests;

pub use error::{DrainError, InsertError, PoolError, ResizeError, TryGetError};
pub use fairness::Fairness;
#[cfg(feature = "alloc")]
pub use plain::OwnedConnGuard;
pub use plain::{ConnGuard, Get, Pool};
pub use slot::Drain;
#[cfg(feature = "std")]
pub use stats::Histogram;
pub use stats::{Metrics, Retained, Status};
