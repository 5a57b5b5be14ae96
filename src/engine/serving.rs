//! Layer 2 · part of the engine · knows: line, bitmap · must not know: how a waiter joined
//!
//! Who gets a free slot: the policies of [`Fairness`].

use core::ptr::NonNull;

use super::{Aftermath, Core, Refusal, Shared};
use crate::fairness::Fairness;
use crate::line::{self, Line, Node, Stage, Waiter};

impl<'a> Core<'a> {
    /// Whether what is free may be lent. While more are out than may be, a slot that comes back in this very moment is
    /// not to be lent again: whoever brings it settles that.
    pub(super) fn lends(self) -> bool {
        !self.engine.is_closed() && !self.engine.is_suspended() && self.engine.surplus.get() == 0
    }

    /// Gives free slots to the oldest waiters.
    pub(super) fn serve(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        if !self.lends() {
            return;
        }
        while !shared.line.is_empty() && !aftermath.is_full() {
            let Some((waiter, slot)) = self.claim_for_line(shared) else { return };
            self.grant(shared, waiter, slot, aftermath);
        }
    }

    /// A free slot, and whose it is: a connection is the head's, a vacant slot goes to the first who will connect in it.
    fn claim_for_line(self, shared: &Shared) -> Option<(NonNull<Waiter>, usize)> {
        let head = shared.line.head()?;
        if let Some(slot) = self.map.claim_attended() {
            return Some((head, slot));
        }
        if self.room_to_connect() == 0 {
            return None;
        }
        let waiter = Self::first_to_connect(shared)?;
        self.lend_vacant().map(|slot| (waiter, slot))
    }

    /// The first in line who is not pausing between two attempts to connect.
    fn first_to_connect(shared: &Shared) -> Option<NonNull<Waiter>> {
        let mut next = shared.line.head();
        while let Some(waiter) = next
            // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
            && unsafe { line::node(waiter) }.is_pausing
        {
            // SAFETY: it is in the line, and the lock is held (I4).
            next = unsafe { Line::behind(waiter) };
        }
        next
    }

    /// Calls as many waiters as there are free slots to come and compete for them, and gives a slot outright to one
    /// who has been overtaken often enough. A free slot so always has somebody on the way to it.
    pub(super) fn call(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>, limit: u32) {
        if !self.lends() {
            return;
        }
        let mut next = shared.line.head();
        let (mut idle, mut vacant) = (self.map.count_free(), self.room_to_connect());
        while let Some(waiter) = next
            && idle + vacant > 0
            && !aftermath.is_full()
        {
            // SAFETY: it is in the line, and the lock is held (I4).
            next = unsafe { Line::behind(waiter) };
            // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
            let node = unsafe { line::node(waiter) };
            match idle {
                0 if node.is_pausing => continue,
                0 => vacant -= 1,
                _ => idle -= 1,
            }
            if node.kind.comes_when_called() && self.overtaken(node) < limit as usize {
                aftermath.wake(node.waker.take());
            } else {
                self.serve_up_to(waiter, shared, aftermath);
            }
        }
    }

    /// Gives a slot to a waiter and to those before it, who were called a moment ago: if a newcomer took what they were
    /// called for, it would have been served before them. There are as many free slots.
    fn serve_up_to(self, last: NonNull<Waiter>, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        // One who pauses was not called, but is served if another slot comes free in this very moment: so the batch may fill.
        while !aftermath.is_full()
            && let Some((waiter, slot)) = self.claim_for_line(shared)
        {
            self.grant(shared, waiter, slot, aftermath);
            if waiter == last {
                return;
            }
        }
    }

    fn grant(self, shared: &mut Shared, waiter: NonNull<Waiter>, slot: usize, aftermath: &mut Aftermath<'a>) {
        self.count_lending(slot);
        // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
        let node = unsafe { line::node(waiter) };
        aftermath.wake(node.waker.take());
        // SAFETY: it is in the line, and the lock is held (I4).
        unsafe { self.unlink(shared, waiter, Stage::Granted(slot)) };
    }

    /// A slot for somebody who is not in line.
    pub(super) fn claim_as_newcomer(self, shared: &mut Shared) -> Result<usize, Refusal> {
        if self.engine.is_closed() {
            return Err(Refusal::Closed);
        }
        if !self.lends() {
            return Err(Refusal::Exhausted);
        }
        let slot = match shared.line.head() {
            None => return self.claim_as_head(),
            // All who wait do so for a connection, and leave vacant slots to others.
            Some(_) if self.room_to_connect() > 0 && Self::first_to_connect(shared).is_none() => self.lend_vacant(),
            Some(head) => self.overtake(head),
        };
        let slot = slot.ok_or(Refusal::Exhausted)?;
        self.count_lending(slot);
        Ok(slot)
    }

    /// A slot for somebody who has nobody before them.
    pub(super) fn claim_as_head(self) -> Result<usize, Refusal> {
        self.claim_before_all(Self::claim_to_lend)
    }

    /// A connection for somebody who has nobody before them, and does not connect for now.
    pub(super) fn claim_as_pausing(self) -> Result<usize, Refusal> {
        self.claim_before_all(|own| own.map.claim_attended())
    }

    fn claim_before_all(self, claim: impl FnOnce(Self) -> Option<usize>) -> Result<usize, Refusal> {
        if self.engine.is_closed() {
            return Err(Refusal::Closed);
        }
        let slot = if self.lends() { claim(self) } else { None };
        let slot = slot.ok_or(Refusal::Exhausted)?;
        self.count_lending(slot);
        Ok(slot)
    }

    /// A slot past the line, if the policy has one to spare. The head has been overtaken most, being the oldest.
    fn overtake(self, head: NonNull<Waiter>) -> Option<usize> {
        let Fairness::Bounded(limit) = self.engine.fairness else { return None };
        // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
        let overtaken = self.overtaken(unsafe { line::node(head) });
        if overtaken >= limit as usize {
            return None;
        }
        let slot = self.claim_to_lend()?;
        self.engine.counters.overtakes.add(1);
        self.engine.counters.most_overtaken.raise(overtaken + 1);
        Some(slot)
    }

    fn overtaken(self, node: &Node) -> usize {
        self.engine.counters.overtakes.get().wrapping_sub(node.joined_at)
    }
}
