//! Maintenance of idle connections: those that are too old, idle for too long, due for a check, or missing.

#[cfg(all(feature = "ffi", feature = "std"))]
pub(super) mod asking;
pub(super) mod connector;
#[cfg(feature = "std")]
pub(super) mod crew;
pub(super) mod due;
pub(super) mod evict;
pub(super) mod marking;
pub(super) mod pass;
pub(super) mod task;
#[cfg(feature = "std")]
pub(super) mod thread;
pub(super) mod work;
pub(super) mod works;
