//! Layer 0 · part of sync · knows: nothing · must not know: threads, clocks
//!
//! No threads, no clock, and panics that end the program, or unwind on a hosted build without `std`.

use core::time::Duration;

/// Without thread identities everybody starts at the same word.
#[inline(always)]
pub(crate) fn home() -> usize {
    0
}

/// Two threads met at one word; without thread identities there is nowhere to move to.
#[inline(always)]
pub(crate) fn collided() {}

/// The moment a wait began, which nobody can tell without a clock.
pub(crate) struct Stamp;

impl Stamp {
    pub(crate) fn now() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the shape of the hosted twin")]
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        None
    }
}

/// Calls `step` until it answers `false`. A panic in one step does not keep the later ones from running; a second one
/// during the same call aborts, as any panic while unwinding does.
pub(crate) fn run_to_end(step: impl FnMut() -> bool) {
    struct Rest<F: FnMut() -> bool>(F);
    impl<F: FnMut() -> bool> Drop for Rest<F> {
        fn drop(&mut self) {
            while (self.0)() {}
        }
    }
    // Dropping it is what runs the steps: at the end of this function, and again when one of them unwinds.
    let mut rest = Rest(step);
    while (rest.0)() {}
    core::mem::forget(rest);
}
