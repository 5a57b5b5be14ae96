// knows: layout, slow_path, state, token, wake_batch · must not know: waiters
//! Changing how many slots may be in use at once.
//!
//! A resize sets where to go; settling goes there, a few slots a hold of the lock. So the maximum is in force at each
//! moment as far as it has come, and two resizes at once go where the later one leads.

use core::cmp::Ordering;

use super::layout::{SHORT_HOLDS, SLOTS_A_HOLD};
use super::slow_path::SlowPath;
use super::state::{Engine, Locked, Resize, narrow};
use super::token::SlotToken;
use super::wake_batch::WakeBatch;

/// How many slots one hold of the lock retires or brings back.
const CHANGES_A_HOLD: usize = if SHORT_HOLDS { 1 } else { 64 };

impl<'a> Engine<'a> {
    /// Sets how many slots may be in use at once; at most as many as there are.
    ///
    /// Growing brings back what was set aside, connections first. Shrinking retires vacant slots, then idle ones, then
    /// those in use as they are released. A closed pool stays as it is.
    ///
    /// # Safety
    ///
    /// `slow_path` is that of this pool, and settles whatever there is.
    pub(crate) unsafe fn resize(self, max_size: usize, slow_path: &'static SlowPath) -> WakeBatch<'a> {
        debug_assert!(max_size <= self.slots());
        let mut batch = self.batch();
        let section = |locked: &mut Locked| {
            // SAFETY: as the caller promises.
            unsafe { self.settle_all_from_now_on(locked, slow_path) };
            if !self.is_closed() {
                locked.resize = Some(Resize { max_size: narrow(max_size), scanned: 0 });
            }
        };
        // SAFETY: as the caller promises.
        unsafe { self.with_fast_path_closed(slow_path, &mut batch, section) };
        batch
    }
}

/// Under the lock.
impl<'a> Engine<'a> {
    /// Takes a resize that is under way in an open pool some slots further, and answers whether that was enough for a
    /// short hold.
    pub(super) fn go_on_resizing(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) -> bool {
        let was_resizing = self.resize_some(locked, batch);
        let was_surplus = self.retire_surplus(locked, batch);
        was_resizing || was_surplus
    }

    fn resize_some(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) -> bool {
        let Some(mut resize) = locked.resize else { return false };
        let (target, present) = (usize::from(resize.max_size), self.max_size());
        match target.cmp(&present) {
            Ordering::Less => self.shrink(locked, present - target, &mut resize),
            Ordering::Greater => self.grow(locked, target - present, &mut resize),
            Ordering::Equal => {}
        }
        locked.resize = (self.max_size() != target).then_some(resize);
        if locked.resize.is_some() {
            batch.go_on();
        }
        true
    }

    /// Retires free slots as long as there is a surplus, and so sets their connections aside; answers whether it has
    /// retired as many as a hold does.
    fn retire_surplus(self, locked: &mut Locked, batch: &mut WakeBatch<'a>) -> bool {
        for _ in 0..CHANGES_A_HOLD {
            if self.state().surplus.get() == 0 {
                return false;
            }
            let Some(slot) = self.map().claim_locked() else { return false };
            self.state().surplus.sub(1);
            self.states().get(slot.into_raw()).set_retired();
            locked.set_aside += 1;
        }
        batch.go_on();
        true
    }

    fn shrink(self, locked: &mut Locked, fewer: usize, resize: &mut Resize) {
        let not_recalled = fewer.min(locked.recalled.into());
        locked.recalled -= narrow(not_recalled);
        self.state().reduced_by.add(not_recalled);
        let mut changes = CHANGES_A_HOLD.min(fewer - not_recalled);
        // The last slots go first.
        let states = self.states();
        for _ in 0..SLOTS_A_HOLD {
            if changes == 0 {
                return;
            }
            if self.vacant() == 0 {
                let rest = self.max_size() - usize::from(resize.max_size);
                self.state().reduced_by.add(rest);
                self.state().surplus.add(rest);
                return;
            }
            let slot = self.slots() - 1 - usize::from(resize.scanned);
            // Again from the start, should another caller have vacated a slot where it has been looked already.
            resize.scanned = if slot == 0 { 0 } else { resize.scanned + 1 };
            if states.get(slot).is_vacant() {
                states.get(slot).set_retired();
                self.state().occupied.add(1);
                self.state().reduced_by.add(1);
                changes -= 1;
            }
        }
    }

    fn grow(self, locked: &mut Locked, more: usize, resize: &mut Resize) {
        let stays_in_use = more.min(self.state().surplus.get());
        self.state().surplus.sub(stays_in_use);
        self.state().reduced_by.sub(stays_in_use);
        let mut changes = CHANGES_A_HOLD.min(more - stays_in_use);
        for _ in 0..SLOTS_A_HOLD {
            if changes == 0 {
                return;
            }
            let scanned = usize::from(resize.scanned);
            if scanned == 2 * self.slots() {
                self.recall(locked, resize);
                return;
            }
            resize.scanned += 1;
            // Connections first.
            let (slot, filled) = if scanned < self.slots() { (scanned, true) } else { (scanned - self.slots(), false) };
            let state = self.states().get(slot);
            if state.is_retired() && state.is_filled() == filled {
                self.state().reduced_by.sub(1);
                self.bring_back(locked, SlotToken::new(slot));
                changes -= 1;
            }
        }
    }

    /// All slots that are left to bring back are such whose connection is being dropped.
    fn recall(self, locked: &mut Locked, resize: &mut Resize) {
        let rest = usize::from(resize.max_size) - self.max_size();
        let recallable = usize::from(locked.dropping_surplus - locked.recalled);
        let recalled = rest.min(recallable);
        locked.recalled += narrow(recalled);
        self.state().reduced_by.sub(recalled);
        // Should another caller have retired a slot where it has been looked already.
        resize.scanned = 0;
    }

    /// Ends the retirement of a slot.
    fn bring_back(self, locked: &mut Locked, slot: SlotToken) {
        let state = self.states().get(slot.index());
        if state.is_filled() {
            state.set_recalled();
            locked.set_aside -= 1;
            // It is settled in any case.
            let _slow = self.map().release(slot);
        } else {
            self.make_vacant(slot);
        }
    }
}
