//! The critical section: interrupts are masked, on the one core that there is.

use critical_section::{Impl, RawRestoreState, set_impl};

use crate::board;
#[cfg(feature = "measured")]
use crate::measured;

struct Masking;
set_impl!(Masking);

// SAFETY: on one core nothing else runs while interrupts are masked.
unsafe impl Impl for Masking {
    unsafe fn acquire() -> RawRestoreState {
        let were_on = board::masked();
        #[cfg(feature = "measured")]
        measured::begin_section(were_on);
        were_on
    }

    unsafe fn release(were_on: RawRestoreState) {
        #[cfg(feature = "measured")]
        measured::end_section(were_on);
        // SAFETY: the caller promises the order.
        unsafe { board::restore(were_on) };
    }
}
