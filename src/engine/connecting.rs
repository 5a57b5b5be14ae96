// knows: bitmap, ticket, state, token, wait_queue, wake_batch · must not know: what connecting is
//! Claiming vacant slots: in a pool that connects, a caller who finds no connection gets a slot without one, and
//! connects in it without the lock. Newcomers and waiters get vacant slots by the same rules as other slots. So a
//! failed connect is no special case: the slot is vacated, and goes to the next waiter.

use core::ptr::NonNull;

use super::bitmap::Bitmap;
use super::state::{AcquireError, Engine, Locked};
use super::ticket::Position;
use super::token::SlotToken;
use super::wait_queue::{self, Node, WaitQueue, Waiter};
use super::wake_batch::WakeBatch;

/// Whether pools may connect.
pub(crate) const CONNECTS: bool = true;

/// For the owner of a slot that was vacant.
impl<'a> Engine<'a> {
    /// The owner of a vacant slot has filled it, and uses the connection.
    ///
    /// The caller must have put the slot where a panic does not lose it before it drops the `WakeBatch`.
    pub(crate) fn connected(self, slot: &SlotToken) -> WakeBatch<'a> {
        debug_assert!(self.states().get(slot.index()).is_filled());
        let ((), batch) = self.locked(|_, _| {
            self.count_grant(slot);
            // Other callers may wait for room to connect.
            self.state().connects.connecting.sub(1);
        });
        batch
    }

    /// A vacant slot for maintenance to connect in, within the limit of concurrent connects. It ends with
    /// [`refilled`](Self::refilled), or is vacated as [`NotConnected`](super::VacateReason::NotConnected).
    pub(crate) fn claim_to_refill(self) -> Option<SlotToken> {
        self.hold(|_| if self.is_closed() { None } else { self.claim_vacant(Bitmap::emptiest_word) })
    }

    /// As [`connected`](Self::connected), for a connection that is idle from the start: its slot is released next.
    pub(crate) fn refilled(self, slot: &SlotToken) -> WakeBatch<'a> {
        debug_assert!(self.states().get(slot.index()).is_filled());
        self.locked(|_, _| self.state().connects.connecting.sub(1)).1
    }

    /// Whether the owner of a slot whose unfit connection was dropped may connect in it at once. If not, the slot has
    /// to be vacated as [`Discarded`](super::VacateReason::Discarded), and the caller waits again.
    ///
    /// Not while more slots are in use than the maximum, since this one is to be retired; nor while the pool is
    /// suspended, or has a connector. When a server goes away, all connections to it are found unfit at once, and all
    /// their callers would reconnect here: so the limit of concurrent connects holds here too. No waiter is overtaken:
    /// while there is room to connect and a caller waits, no slot is vacant. Nor is a connection made beside an idle
    /// one, which the caller gets when it asks again.
    #[must_use = "the slot is still to be vacated if it may not"]
    pub(crate) fn reclaim_to_connect(self, slot: &SlotToken) -> bool {
        debug_assert!(!self.states().get(slot.index()).is_filled());
        self.hold(|_| {
            let is_room = self.state().connects.connecting.get() < self.state().connects.max_connecting.into();
            let may = is_room && self.may_grant() && !self.has_connector() && self.map().count_free() == 0;
            if may {
                self.count_past(slot);
                self.state().counters.discarded.add(1);
                self.state().connects.connecting.add(1);
            }
            may
        })
    }
}

/// Under the lock.
impl<'a> Engine<'a> {
    /// A slot for a caller, with a connection if there is one.
    pub(super) fn claim_any_locked(self) -> Option<SlotToken> {
        self.map().claim_locked().or_else(|| self.claim_vacant_to_connect())
    }

    /// A vacant slot, for a caller to connect in.
    pub(super) fn claim_vacant_to_connect(self) -> Option<SlotToken> {
        if self.has_connector() {
            return None;
        }
        let slot = self.claim_vacant(Bitmap::word_of_thread)?;
        // It is in use from now on, whatever comes of it. (A connection's use is counted when it is granted.)
        self.state().counters.peak_in_use.raise(self.in_use());
        Some(slot)
    }

    /// How many vacant slots callers may claim now.
    pub(super) fn room_for_callers(self) -> usize {
        if self.has_connector() { 0 } else { self.room_to_connect() }
    }

    /// How many vacant slots may be claimed now.
    pub(crate) fn room_to_connect(self) -> usize {
        let most = usize::from(self.state().connects.max_connecting).saturating_sub(self.connecting());
        self.vacant().min(most)
    }

    /// A vacant slot, in that word if there is one.
    pub(super) fn claim_vacant(self, word: impl FnOnce(Bitmap<'a>) -> usize) -> Option<SlotToken> {
        if self.room_to_connect() == 0 {
            return None;
        }
        let slot = self.take_vacant(word(self.map()))?;
        self.state().connects.connecting.add(1);
        Some(slot)
    }

    /// A connect has ended.
    pub(super) fn end_connect(self) {
        self.state().connects.connecting.sub(1);
    }

    /// A caller that a connection may be made for is not one too many, also if a connector makes it.
    pub(super) fn is_queue_full(self) -> bool {
        let Some(most) = self.state().connects.max_waiting else { return false };
        let to_be_made = if self.has_connector() { self.vacant() + self.connecting() } else { 0 };
        self.state().waiting.get() >= (most as usize).saturating_add(to_be_made)
    }

    /// Whether callers may claim vacant slots, to connect in them.
    pub(super) fn connects(self) -> bool {
        self.state().connects.max_connecting > 0
    }

    pub(crate) fn connecting(self) -> usize {
        self.state().connects.connecting.get()
    }

    /// A slot for a caller that joins the queue.
    pub(super) fn claim_in_position(self, locked: &mut Locked, position: Position) -> Result<SlotToken, AcquireError> {
        match position {
            Position::Last => self.claim_as_newcomer(locked),
            Position::Again => self.claim_as_head(),
            Position::Pausing => self.claim_as_pausing(),
        }
    }

    /// A slot for a caller with no waiter before it.
    fn claim_as_head(self) -> Result<SlotToken, AcquireError> {
        self.claim_before_all(Self::claim_any_locked)
    }

    /// A connection for a caller with no waiter before it, which does not connect for now.
    fn claim_as_pausing(self) -> Result<SlotToken, AcquireError> {
        self.claim_before_all(|own| own.map().claim_locked())
    }

    fn claim_before_all(self, claim: impl FnOnce(Self) -> Option<SlotToken>) -> Result<SlotToken, AcquireError> {
        if self.is_closed() {
            return Err(AcquireError::Closed);
        }
        let slot = if self.may_grant() { claim(self) } else { None };
        let slot = slot.ok_or(AcquireError::Exhausted)?;
        self.count_grant(&slot);
        Ok(slot)
    }

    pub(super) const fn is_pausing(node: &Node) -> bool {
        node.is_pausing
    }

    /// The first waiter that is not pausing between two attempts to connect.
    pub(super) fn first_to_connect(locked: &Locked) -> Option<NonNull<Waiter>> {
        let mut next = locked.queue.head();
        while let Some(waiter) = next
            // SAFETY: a queued waiter is alive; the lock is held and no other reference to its node is alive (I4).
            && unsafe { wait_queue::node(waiter) }.is_pausing
        {
            // SAFETY: it is in the queue, and the lock is held (I4).
            next = unsafe { WaitQueue::behind(waiter) };
        }
        next
    }
}
