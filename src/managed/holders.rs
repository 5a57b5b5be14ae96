//! Layer 6 · part of managed · knows: keep, notes · must not know: how a connection is made
//!
//! Who holds what, and since when.

use core::fmt;
use core::panic::Location;
use core::time::Duration;

use super::clock::{Millis, duration};
use super::keep::Keep;
use super::notes::{Holding, period};

/// Somebody who holds a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The slot of the connection.
    pub slot: usize,
    /// Where in the source it was borrowed.
    pub site: Option<&'static Location<'static>>,
    /// For how long it has been held, at least. The maintenance looks now and then, and without one the clock is read by
    /// each borrower, if any option of the pool asks for it; else nobody knows.
    pub held_for: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held for {:?}", self.held_for)?;
        match self.site {
            Some(site) => write!(f, ", borrowed at {site}"),
            None => Ok(()),
        }
    }
}

/// Whoever holds the connection of a slot, as far as that can be told without stopping anybody.
pub(super) fn holder<P: Keep>(pool: P, slot: usize, now: Millis) -> Option<Holder> {
    let book = pool.core().books().get(slot);
    if !book.is_filled() || book.is_retired() || pool.core().is_idle(slot) {
        return None;
    }
    let notes = pool.notes(slot);
    let is_same = notes.is_seen(period(book.uses(), true));
    let held_for = if is_same { now.since(notes.seen_at()) } else { 0 };
    Some(Holder { slot, site: pool.holding(slot).and_then(Holding::site), held_for: duration(held_for) })
}

/// Everybody who holds a connection.
pub(super) fn holders<P: Keep>(pool: P) -> impl Iterator<Item = Holder> {
    let now = pool.coarse();
    (0..pool.core().books().len()).filter_map(move |slot| holder(pool, slot, now))
}

/// Who has held theirs the longest.
pub(super) fn longest<P: Keep>(pool: P) -> Option<Holder> {
    holders(pool).max_by_key(|holder| holder.held_for)
}

/// Where the calling thread borrowed what it holds of this pool.
pub(super) fn own<P: Keep>(pool: P, thread: usize) -> Option<Holder> {
    let is_own = |slot| pool.holding(slot).is_some_and(|holding| holding.thread() == thread);
    holders(pool).find(|holder| thread != 0 && is_own(holder.slot))
}
