// knows: layout, state, token, wait_queue, wake_batch · must not know: how a waiter joined
//! Who gets a free slot: the policies of `Fairness`.

use core::ptr::NonNull;

use super::layout::SHORT_HOLDS;
use super::state::{AcquireError, Engine, Locked};
use super::token::SlotToken;
use super::wait_queue::{self, Node, Outcome, WaitQueue, Waiter};
use super::wake_batch::WakeBatch;

impl<'a> Engine<'a> {
    /// Whether a free slot may be granted. While more slots are in use than the maximum, a slot that is being released
    /// must not be granted again: the slow half of its release retires it.
    pub(super) fn may_grant(self) -> bool {
        !self.is_closed() && !self.state().is_suspended() && self.state().surplus.get() == 0
    }

    /// Grants free slots to the oldest waiters: for callers that know that slots [may be granted](Self::may_grant).
    pub(super) fn grant_free(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        debug_assert!(batch.has_room(), "a waiter that is granted a slot has to be woken");
        loop {
            let Some((waiter, slot)) = self.claim_for_queue(locked) else { return };
            self.grant(locked, waiter, slot, batch);
            if SHORT_HOLDS || !batch.has_room() {
                break;
            }
        }
        if !locked.queue.is_empty() {
            batch.go_on();
        }
    }

    /// A free slot, and the waiter that gets it: a connection goes to the head, a vacant slot to the first waiter that
    /// will connect in it.
    fn claim_for_queue(self, locked: &Locked) -> Option<(NonNull<Waiter>, SlotToken)> {
        let head = locked.queue.head()?;
        if let Some(slot) = self.map().claim_locked() {
            return Some((head, slot));
        }
        if self.room_for_callers() == 0 {
            return None;
        }
        let waiter = Self::first_to_connect(locked)?;
        self.claim_vacant_to_connect().map(|slot| (waiter, slot))
    }

    /// Wakes as many waiters as there are free slots, to compete for them, and grants a slot outright to a waiter that
    /// was overtaken often enough. So each free slot has a waiter on the way to it.
    pub(super) fn call_to_compete(self, locked: &mut Locked, batch: &mut WakeBatch<'a>, limit: u32) {
        let mut next = locked.queue.head();
        let (mut idle, mut vacant) = (self.map().count_free(), self.room_for_callers());
        while let Some(waiter) = next
            && idle + vacant > 0
            && !batch.is_full()
        {
            // SAFETY: it is in the queue, and the lock is held (I4).
            next = unsafe { WaitQueue::behind(waiter) };
            // SAFETY: a queued waiter is alive; the lock is held and no other reference to its node is alive (I4).
            let node = unsafe { wait_queue::node(waiter) };
            match idle {
                0 if Self::is_pausing(node) => continue,
                0 => vacant -= 1,
                _ => idle -= 1,
            }
            // SAFETY: alive, as above (I4), and its kind never changes.
            let competes = unsafe { waiter.as_ref() }.kind.competes_when_woken();
            if competes && self.overtaken(node) < limit as usize {
                batch.wake(node.waker.take());
            } else {
                self.grant_up_to(waiter, locked, batch);
            }
        }
    }

    /// Grants a slot to `last` and to the waiters before it, which were woken a moment ago to compete. If these had to
    /// compete with a newcomer, `last` could be served before them. There is a free slot for each.
    fn grant_up_to(self, last: NonNull<Waiter>, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        while !batch.is_full()
            && let Some((waiter, slot)) = self.claim_for_queue(locked)
        {
            self.grant(locked, waiter, slot, batch);
            if waiter == last {
                return;
            }
        }
    }

    fn grant(self, locked: &mut Locked, waiter: NonNull<Waiter>, slot: SlotToken, batch: &mut WakeBatch<'a>) {
        self.count_grant(&slot);
        // SAFETY: it is in the queue, and the lock is held (I4).
        unsafe { self.end_wait(locked, waiter, Outcome::Granted(slot), batch) };
    }

    /// Takes a waiter out of the queue, tells it how its wait has ended, and has it woken.
    ///
    /// # Safety
    ///
    /// The lock is held and the waiter is in the queue.
    pub(super) unsafe fn end_wait(
        self,
        locked: &mut Locked,
        waiter: NonNull<Waiter>,
        outcome: Outcome,
        batch: &mut WakeBatch<'a>,
    ) {
        // SAFETY: a queued waiter is alive; the lock is held and no other reference to its node is alive (I4).
        batch.wake(unsafe { wait_queue::node(waiter) }.waker.take());
        // SAFETY: as the caller promises.
        unsafe { self.unlink(locked, waiter) };
        // SAFETY: alive until it learns of the outcome (I4), which is the last touch.
        unsafe { waiter.as_ref() }.end(outcome);
    }

    /// A slot for a caller that is not queued.
    pub(super) fn claim_as_newcomer(self, locked: &mut Locked) -> Result<SlotToken, AcquireError> {
        if self.is_closed() {
            return Err(AcquireError::Closed);
        }
        if !self.may_grant() {
            return Err(AcquireError::Exhausted);
        }
        let slot = match locked.queue.head() {
            None => self.claim_any_locked(),
            // All waiters are pausing: they wait for a connection, and leave vacant slots to others.
            Some(_) if self.room_for_callers() > 0 && Self::first_to_connect(locked).is_none() => {
                self.claim_vacant_to_connect()
            }
            Some(head) => self.overtake(head),
        };
        let slot = slot.ok_or(AcquireError::Exhausted)?;
        self.count_grant(&slot);
        Ok(slot)
    }

    /// A slot past the queue, if the policy allows it. The head was overtaken most often, being the oldest.
    fn overtake(self, head: NonNull<Waiter>) -> Option<SlotToken> {
        let limit = self.state().overtake_limit()?;
        // SAFETY: a queued waiter is alive; the lock is held and no other reference to its node is alive (I4).
        let overtaken = self.overtaken(unsafe { wait_queue::node(head) });
        if overtaken >= limit as usize {
            return None;
        }
        let slot = self.claim_any_locked()?;
        self.state().overtakes.add(1);
        self.state().counters.most_overtaken.raise(overtaken + 1);
        Some(slot)
    }

    fn overtaken(self, node: &Node) -> usize {
        self.state().overtakes.get().wrapping_sub(node.joined_at)
    }
}
