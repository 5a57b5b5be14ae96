//! Layer 6 · part of managed · knows: guard, slots, notes, keeper · must not know: which shape the pool has
//!
//! A pool as its lifecycle sees it.

use core::time::Duration;

use super::clock::Millis;
use super::keeper::Keeper;
use super::manager::Manage;
use super::notes::Notes;
use crate::guard::Handle;
use crate::slots;

/// A pool whose connections are made, checked and parted with.
pub(crate) trait Keep: Handle<Note = Notes> + Copy {
    type Manager: Manage<Connection = Self::Connection>;

    fn manager(&self) -> &Self::Manager;
    fn keeper(&self) -> &Keeper;
    /// The time, precisely.
    fn now(&self) -> Duration;
    /// The time, for nearly nothing.
    fn coarse(&self) -> Millis;

    #[inline(always)]
    fn notes(&self, slot: usize) -> &Notes {
        slots::note(self.slots(), slot)
    }

    /// How long ago that was.
    fn since(&self, earlier: Duration) -> Duration {
        self.now().saturating_sub(earlier)
    }
}

/// What can go wrong, in the manager's words.
pub(super) type ErrorOf<P> = <<P as Keep>::Manager as Manage>::Error;
