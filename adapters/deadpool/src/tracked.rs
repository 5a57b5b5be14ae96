//! An object, and what deadpool counts beside it.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use deadpool::managed::Metrics;

/// An object of a manager of deadpool in a pool of conn_pool, with the [`Metrics`] that the manager's `recycle` is
/// shown. It stands for the object.
#[derive(Debug)]
pub struct Tracked<T> {
    object: T,
    metrics: Metrics,
}

impl<T> Tracked<T> {
    pub(crate) fn new(object: T) -> Self {
        Self { object, metrics: Metrics::default() }
    }

    /// When it was made, and how often and when last it was recycled. In deadpool that is each time that a caller gets
    /// it, and here each time that it is checked.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The object alone: after [`detach`](conn_pool::managed::SharedConnGuard::detach), for instance.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.object
    }

    pub(crate) const fn parts(&mut self) -> (&mut T, &Metrics) {
        (&mut self.object, &self.metrics)
    }

    pub(crate) fn was_recycled(&mut self) {
        self.metrics.recycle_count += 1;
        self.metrics.recycled = Some(Instant::now());
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.object
    }
}
