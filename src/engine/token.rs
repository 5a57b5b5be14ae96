// knows: nothing · must not know: who holds a slot, what is in it
//! Ownership of one slot, as a value.

/// Ownership of one slot (I1, I2). Neither `Copy` nor `Clone`: a slot that was handed on cannot be used again.
///
/// The engine makes a token when a slot is claimed and consumes it when the slot is released or vacated. There is no
/// destructor: a token that is dropped loses its slot, which is never unsound.
#[must_use = "a slot whose token is dropped is lost"]
#[derive(Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct SlotToken(usize);

impl SlotToken {
    /// For the claims of the engine.
    #[inline(always)]
    pub(super) const fn new(slot: usize) -> Self {
        Self(slot)
    }

    /// The slot's number, to find its cell and its state.
    #[inline(always)]
    pub(crate) const fn index(&self) -> usize {
        self.0
    }

    /// The slot's number, without the token: the bitmap and the states keep slots as numbers, and so does the lease of
    /// a C program.
    #[inline(always)]
    pub(crate) const fn into_raw(self) -> usize {
        self.0
    }

    /// The token of a slot that its owner knows by number only.
    ///
    /// # Safety
    ///
    /// The caller owns the slot (I2), and there is no other token of it.
    #[inline(always)]
    pub(crate) const unsafe fn from_raw(slot: usize) -> Self {
        Self(slot)
    }

    /// Moves the token out of a field of a value that is being dropped or taken apart.
    ///
    /// # Safety
    ///
    /// `self` is not used again.
    #[inline(always)]
    pub(crate) const unsafe fn take(&mut self) -> Self {
        Self(self.0)
    }
}
