// knows: bitmap, state, token, wait_queue, wake_batch, slow_path, sync, connects · must not know: who
// connects, what connecting is
//! Connecting apart from waiting. While a pool has a *connector*, vacant slots are the connector's: callers wait for
//! connections only, and are served by whatever comes first. The connector is called when more callers want a
//! connection than connects are under way.

use core::mem::swap;
use core::task::Waker;

use super::bitmap::Bitmap;
use super::connects::Dismissal;
use super::slow_path::ToVacate;
use super::state::{Engine, Locked, MAX_SLOTS, narrow};
use super::token::SlotToken;
use super::wait_queue::WaitQueue;
use super::wake_batch::WakeBatch;
use crate::sync::Relaxed;

impl<'a> Engine<'a> {
    /// From now on vacant slots are the connector's, until [`end_connector`](Self::end_connector). `false` if the pool
    /// has a connector already.
    pub(crate) fn begin_connector(self) -> bool {
        self.hold(|_| {
            let is_new = !self.has_connector();
            self.state().connects.has_connector.store(true, Relaxed);
            is_new
        })
    }

    /// From now on callers connect themselves; waiters are granted the slots that are vacant.
    pub(crate) fn end_connector(self) -> WakeBatch<'a> {
        let (_dropped_without_the_lock, batch) = self.locked(|locked, _| {
            self.state().connects.has_connector.store(false, Relaxed);
            locked.demand.was_asked = false;
            locked.demand.distrusts_connects = false;
            locked.demand.connector.take()
        });
        batch
    }

    /// Whether callers leave connecting to a connector.
    pub(crate) fn has_connector(self) -> bool {
        self.state().connects.has_connector.load(Relaxed)
    }

    /// A vacant slot to connect in, if callers want more connections than are coming, or fewer than `floor` are idle.
    /// It ends with [`fill_for_callers`](Self::fill_for_callers), or is vacated as
    /// [`NotConnected`](super::VacateReason::NotConnected).
    pub(crate) fn claim_wanted(self, floor: usize) -> Option<SlotToken> {
        self.hold(|locked| {
            if self.wanted(locked, floor) == 0 {
                return None;
            }
            locked.demand.was_asked = false;
            self.claim_vacant(Bitmap::emptiest_word)
        })
    }

    /// Sets whether connects that are under way are counted on, to serve as many callers.
    pub(crate) fn distrust_connects(self, distrust: bool) {
        self.hold(|locked| locked.demand.distrusts_connects = distrust);
    }

    /// Has `waker` called as soon as a caller wants a connection to be made; `false` if one does already.
    pub(crate) fn await_demand(self, waker: &Waker, floor: usize) -> bool {
        let mut waker = Some(waker.clone());
        // What is replaced is dropped without the lock: that is user code.
        self.hold(|locked| {
            let is_wanted = self.wanted(locked, floor) > 0;
            if !is_wanted {
                swap(&mut locked.demand.connector, &mut waker);
            }
            !is_wanted
        })
    }

    /// The connector calls for nothing until it [waits](Self::await_demand) again.
    pub(crate) fn ignore_demand(self) {
        let _dropped_without_the_lock = self.hold(|locked| locked.demand.connector.take());
    }

    /// The connector has filled the slot, and releases it, in one step: had the connect ended before the slot was
    /// released, another would be begun for the same waiter. The caller gets a slot to vacate as in
    /// [`release_slow`](Self::release_slow).
    pub(crate) fn fill_for_callers(self, slot: SlotToken) -> (Option<ToVacate>, WakeBatch<'a>) {
        debug_assert!(self.states().get(slot.index()).is_filled());
        self.locked(|locked, batch| {
            self.state().connects.connecting.sub(1);
            // If nobody waits, this is the answer to those who have asked and did not wait.
            locked.demand.was_asked &= self.state().waiting.get() > 0;
            // Settled in any case.
            let _slow = self.map().release(slot);
            self.claim_to_vacate(locked, batch)
        })
    }

    /// Ends the waits of the callers that wait now, or only of those that have no deadline. A caller may wait on, in
    /// its place.
    pub(crate) fn dismiss_waiters(self, only_endless: bool) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            // Those beyond the most are dismissed when the next connect fails.
            let all = || Dismissal::All(narrow(self.state().waiting.get().min(MAX_SLOTS)));
            locked.demand.dismissal = if only_endless { Dismissal::Endless } else { all() };
        })
        .1
    }
}

/// Under the lock.
impl<'a> Engine<'a> {
    /// A caller that does not wait has found nothing.
    pub(super) fn ask_connector(self, locked: &mut Locked) {
        locked.demand.was_asked = self.has_connector();
    }

    /// Calls the connector, if it waits and there is something to connect for.
    pub(super) fn call_connector(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        if locked.demand.connector.is_some() && self.wanted(locked, 0) > 0 && !batch.is_full() {
            batch.wake(locked.demand.begin_call());
        }
    }

    /// Dismisses the waiters whose waits are to end. Of all, as many as there were: a caller that waits on may come
    /// back to the head of the queue meanwhile.
    pub(super) fn dismiss_due(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        match locked.demand.dismissal {
            Dismissal::Nobody => {}
            Dismissal::Endless => self.dismiss_endless(locked, batch),
            Dismissal::All(count) => self.dismiss_all(locked, count, batch),
        }
    }

    fn dismiss_all(self, locked: &mut Locked, mut count: u16, batch: &mut WakeBatch<'a>) {
        while count > 0
            && let Some(waiter) = locked.queue.head()
            && !batch.is_full()
        {
            count -= 1;
            // SAFETY: it is in the queue, and the lock is held (I4).
            unsafe { self.dismiss_one(locked, waiter, batch) };
        }
        let is_over = count == 0 || locked.queue.is_empty();
        locked.demand.dismissal = if is_over { Dismissal::Nobody } else { Dismissal::All(count) };
    }

    fn dismiss_endless(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) {
        let mut next = locked.queue.head();
        while let Some(waiter) = next {
            if batch.is_full() {
                return;
            }
            // SAFETY: it is in the queue, and the lock is held (I4).
            next = unsafe { WaitQueue::behind(waiter) };
            // SAFETY: a queued waiter is alive; the lock is held and no other reference to its node is alive (I4).
            if unsafe { waiter.as_ref() }.waits_forever {
                // SAFETY: it is in the queue, and the lock is held (I4).
                unsafe { self.dismiss_one(locked, waiter, batch) };
            }
        }
        locked.demand.dismissal = Dismissal::Nobody;
    }

    /// How many vacant slots are wanted to connect in.
    fn wanted(self, locked: &mut Locked, floor: usize) -> usize {
        if self.is_closed() {
            return 0;
        }
        let idle = self.map().count_free();
        // What has come back meanwhile will do.
        locked.demand.was_asked &= idle == 0;
        let callers = locked.demand.wanting(self.state().waiting.get()) + usize::from(locked.demand.was_asked);
        let demand = if self.state().is_suspended() { 0 } else { callers };
        let coming = if locked.demand.distrusts_connects { 0 } else { self.state().connects.connecting.get() };
        (demand + floor).saturating_sub(idle + coming).min(self.room_to_connect())
    }
}
