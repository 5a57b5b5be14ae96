// knows: bitmap, state, token, sync · must not know: the lock, waiters
//! Claiming and releasing without the lock.

use core::cell::Cell;

use super::bitmap::ClaimError;
#[cfg(any(feature = "ffi", test))]
use super::bitmap::Released;
use super::state::Engine;
use super::token::SlotToken;
use crate::sync::{collided, home};

/// A slot claimed on the fast path.
pub(crate) struct Claimed {
    pub(crate) slot: SlotToken,
    /// More connections may be in use than ever before: this is the slot's first use since it was filled or the metrics
    /// were read. [`record_peak`](Engine::record_peak) should follow.
    pub(crate) is_peak_due: bool,
}

impl Engine<'_> {
    /// Whether one look at the bitmap is a snapshot, and homes make no difference.
    #[cfg(any(feature = "ffi", not(feature = "managed")))]
    #[inline(always)]
    pub(crate) fn has_one_word(self) -> bool {
        self.map().has_one_word()
    }

    /// Claims the first slot of the thread's home, without the lock. One read-modify-write.
    ///
    /// If that slot is not free, [`claim_any`](Self::claim_any) has to follow.
    #[inline(always)]
    pub(crate) fn claim_first(self) -> Option<Claimed> {
        self.claim_first_from(home, collided)
    }

    /// As [`claim_first`](Self::claim_first), from any home.
    #[inline(always)]
    pub(crate) fn claim_first_from(self, home: impl FnOnce() -> usize, met: impl FnOnce()) -> Option<Claimed> {
        let is_peak_due = Cell::new(false);
        let slot = self.map().claim_first(home, met, |state| is_peak_due.set(self.count_claim_of(state)))?;
        Some(Claimed { slot, is_peak_due: is_peak_due.get() })
    }

    /// Claims any free slot, without the lock.
    #[inline(always)]
    pub(crate) fn claim_any(self) -> Result<Claimed, ClaimError> {
        let is_peak_due = Cell::new(false);
        let slot = self.map().claim_any(home, |slot| is_peak_due.set(self.count_claim(slot)))?;
        Ok(Claimed { slot, is_peak_due: is_peak_due.get() })
    }

    /// As [`claim_any`](Self::claim_any), looking at the slots behind `last` first.
    pub(crate) fn claim_after(self, last: usize) -> Result<Claimed, ClaimError> {
        let is_peak_due = Cell::new(false);
        let slot = self.map().claim_after(last, |slot| is_peak_due.set(self.count_claim(slot)))?;
        Ok(Claimed { slot, is_peak_due: is_peak_due.get() })
    }

    /// Releases a slot; `true` means that [`release_slow`](Self::release_slow) has to follow. One read-modify-write.
    #[inline(always)]
    #[must_use = "a waiter may be due for this slot"]
    pub(crate) fn release(self, slot: SlotToken) -> bool {
        self.map().release(slot)
    }

    /// As [`release`](Self::release), for a pool that may be gone once the slot is released. Hands the slot back if the
    /// fast path is closed.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn release_unless_slow(self, slot: SlotToken) -> Result<(), SlotToken> {
        self.map().release_unless_slow(slot)
    }

    /// As [`release`](Self::release), for callers who may not own the slot and therefore have no token of it.
    /// [`NotYet`](Released::NotYet) means that [`release_once_locked`](Self::release_once_locked) has to follow.
    #[cfg(any(feature = "ffi", test))]
    #[inline(always)]
    pub(crate) fn release_once(self, slot: usize) -> Released {
        self.map().release_once(slot)
    }
}
