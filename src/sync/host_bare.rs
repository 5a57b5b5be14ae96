// knows: nothing · must not know: threads, clocks
//! No threads, and panics that end the program, or unwind on a hosted build without `std`.

/// Without thread identities each claim starts at the same word.
#[inline(always)]
pub(crate) fn home() -> usize {
    0
}

/// Two threads met at one word; without thread identities there is nowhere to move to.
#[inline(always)]
pub(crate) fn collided() {}

/// Without thread identities every thread stays where it is.
pub(crate) fn move_home(_word: usize) {}

/// Calls `step` until it answers `false`. A panic in one step does not keep the later ones from running; a second panic
/// during the same call aborts, as any panic while unwinding does.
pub(crate) fn run_to_end(step: impl FnMut() -> bool) {
    struct Rest<F: FnMut() -> bool>(F);
    impl<F: FnMut() -> bool> Drop for Rest<F> {
        fn drop(&mut self) {
            while (self.0)() {}
        }
    }
    // Dropping it runs the remaining steps when one of them unwinds.
    let mut rest = Rest(step);
    while (rest.0)() {}
    core::mem::forget(rest);
}
