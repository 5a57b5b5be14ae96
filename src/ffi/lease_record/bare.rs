// knows: nothing · must not know: pools, leases
//! The twin of `hosted` in a build without `std`: nothing is recorded.

use core::ffi::c_char;

/// Takes no room.
pub(crate) struct LeaseRecord;

impl LeaseRecord {
    pub(super) const fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the shape of the twin")]
    pub(super) const fn begin(&self, _: usize, _: *const c_char, _: u64) {}
}
