//! Layer 6 · part of managed · knows: guard, notes, keeper · must not know: which shape the pool has
//!
//! A pool as its lifecycle sees it.

use core::time::Duration;

use super::clock::Millis;
use super::keeper::{Keeper, Times};
use super::manager::Manage;
use super::notes::{Holding, Notes};
use crate::guard::Handle;

/// A pool whose connections are made, checked and parted with.
pub(crate) trait Keep: Handle + Copy {
    type Manager: Manage<Connection = Self::Connection>;

    fn manager(&self) -> &Self::Manager;
    fn keeper(&self) -> &Keeper;
    fn notes(&self, slot: usize) -> &Notes;
    /// Who holds a connection, if the pool writes that down.
    fn holding(&self, slot: usize) -> Option<&Holding>;
    /// How long things take, if the pool writes that down.
    fn times(&self) -> Option<&Times>;
    /// The time, precisely.
    fn now(&self) -> Duration;
    /// The time, for nearly nothing.
    fn coarse(&self) -> Millis;

    /// Whether anything is written about a connection that keeps it from coming and going without a closer look.
    #[inline(always)]
    fn has_remarks(&self, slot: usize) -> bool {
        self.notes(slot).marks() != 0 || self.holding(slot).is_some_and(Holding::is_timed)
    }

    /// There may be room to connect. Nothing to do for a pool for C: with its last slot it may be gone.
    fn note_room(&self) {}

    /// How long ago that was.
    fn since(&self, earlier: Duration) -> Duration {
        self.now().saturating_sub(earlier)
    }
}

/// What can go wrong, in the manager's words.
pub(super) type ErrorOf<P> = <<P as Keep>::Manager as Manage>::Error;
