// knows: nothing · must not know: what a pass does
//! The twin of `hosted` in a build without `std`: there is no thread.

/// Takes no room.
pub(crate) struct Upkeep;

impl Upkeep {
    pub(super) const fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the shape of the twin")]
    pub(super) const fn stop(&self) {}
}
