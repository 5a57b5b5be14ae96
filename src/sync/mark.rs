// knows: atomics, const_fn, ordering · must not know: what is guarded
//! A mark that a caller leaves who finds the lock taken and does not wait for it: the lock's holder sees to what the
//! caller wanted done. So a handler that interrupts the holder on the same core does not spin.
//!
//! The caller changes the mark and then tries the lock once more; the holder releases the lock and then changes the
//! mark. Both are modifications of one word, so one comes first. If the holder's does, the caller sees that the lock
//! was released, and gets it unless another holder has it, who comes to the mark later. If the caller's does, the
//! holder sees the mark.

#[cfg(not(all(test, not(conn_pool_loom))))]
use super::atomics::AtomicUsize;
use super::const_fn::const_fn;
use super::ordering::ord;
#[cfg(conn_pool_loom)]
use core::sync::atomic::Ordering;
// What the lock costs is not counted, and the mark is part of the lock.
#[cfg(all(test, not(conn_pool_loom)))]
use core::sync::atomic::AtomicUsize;

pub(crate) struct Mark {
    left: AtomicUsize,
    /// Models of pools with marks are a few among many.
    #[cfg(conn_pool_loom)]
    is_used: core::sync::atomic::AtomicBool,
}

impl Mark {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                left: AtomicUsize::new(0),
                #[cfg(conn_pool_loom)]
                is_used: core::sync::atomic::AtomicBool::new(false),
            }
        }
    }

    /// Whether marks are left.
    #[cfg(not(conn_pool_loom))]
    #[inline(always)]
    #[expect(clippy::unused_self, reason = "the shape of the twin of models")]
    pub(crate) const fn is_used(&self) -> bool {
        true
    }

    #[cfg(conn_pool_loom)]
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// From now on marks are left: before the model begins.
    #[cfg(all(test, conn_pool_loom))]
    pub(crate) fn set_used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// Leaves a mark, after the lock was found taken and before it is tried again.
    pub(crate) fn leave(&self) {
        self.change_to(1);
    }

    /// Whether a mark was left, after the lock was released.
    pub(crate) fn take(&self) -> bool {
        self.change_to(0) != 0
    }

    fn change_to(&self, left: usize) -> usize {
        // O12: pairs with itself, both ways; without it the holder may not see what was done before the mark was left,
        // or the caller not that the lock was released.
        self.left.swap(left, ord!(O12, AcqRel))
    }
}
