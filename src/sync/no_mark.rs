// knows: nothing · must not know: what is guarded
//! Stands in where a caller waits for the lock, asleep, or never finds it taken.

/// Takes no room.
pub(crate) struct Mark;

#[expect(clippy::unused_self, reason = "the shape of the twin that is left")]
impl Mark {
    pub(crate) const fn new() -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) const fn is_used(&self) -> bool {
        false
    }

    pub(crate) const fn leave(&self) {}

    pub(crate) const fn take(&self) -> bool {
        false
    }
}
