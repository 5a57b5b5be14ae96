// knows: nothing · must not know: who connects
//! What callers want of a pool's connector.

use core::task::Waker;

/// Read and written under the lock.
pub(super) struct Demand {
    /// Called when there is something to connect for; `None` while the connector does not wait.
    pub(super) waker: Option<Waker>,
    /// A caller that does not wait has found nothing.
    pub(super) was_asked: bool,
    /// How many of the waiters at the head are still to be dismissed.
    pub(super) to_dismiss: usize,
}

impl Demand {
    pub(super) const fn new() -> Self {
        Self { waker: None, was_asked: false, to_dismiss: 0 }
    }
}
