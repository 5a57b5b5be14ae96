//! Layer 2 · knows: bitmap, line, metrics · must not know: connections, N, how a thread sleeps
//!
//! The protocol: who gets which slot. It deals in slot numbers and is not generic, so a program has one copy of it
//! however many kinds of pool it has.
//!
//! The fast path is the bitmap's alone: claim a slot, give it back. Everything rare happens under the line's lock, with
//! ATTEND set in every word, so that givers come here too and no slot is claimed elsewhere (invariants I6, I7).
//! Whoever has changed anything under the lock then *settles* it: hands free slots to the head of the line, retires
//! surplus slots, lets drainers go, and opens the fast path again when nobody needs attention.
//!
//! No user code runs under the lock. Wakers are collected into an [`Aftermath`] and called when it is dropped, after
//! unlocking; destructors are run by the face, which is handed the number of the slot to empty.
//!
//! # No lost wake-up
//!
//! A waiter sets ATTEND in every word and then looks for a free slot. A giver adds its bit and looks at the old word.
//! Both are modifications of one word, so one comes first: if the giver's, the waiter finds the bit; if the waiter's,
//! the giver sees ATTEND, takes the lock after the waiter has queued, and serves it. Had the waiter read the word and
//! set the flag in two steps, the giver could come between them, see no flag, and leave the waiter asleep beside a free
//! slot.

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Poll, Waker};

use heapless::Deque;

use crate::bitmap::{Bitmap, Missed};
use crate::books::Books;
use crate::fairness::Fairness;
use crate::line::{Kind, Line, Node, Stage, Waiter};
#[cfg(feature = "std")]
use crate::metrics::WaitRecorder;
use crate::metrics::{Counters, Metrics, Status, Tally};
use crate::sync::{AtomicBool, Lock, Relaxed, Stamp, const_fn, home, run_to_end};

/// Wakers called per hold of the lock; a larger crowd is woken in several goes.
const BATCH: usize = 8;

/// What a pool keeps beside its slots.
pub(crate) struct Engine {
    lock: Lock<Shared>,
    fairness: Fairness,
    // The gauges and counters below change under the lock and are read without it.
    closed: AtomicBool,
    /// How many slots may be out at once: N, unless resized.
    max_size: Tally,
    /// Slots beyond `max_size` that are still out (or just coming back) and will be retired.
    surplus: Tally,
    vacant: Tally,
    waiting: Tally,
    /// Of those, how many are threads.
    threads: Tally,
    counters: Counters,
    #[cfg(feature = "std")]
    wait_times: WaitRecorder,
}

/// What only the lock's holder may touch.
struct Shared {
    line: Line,
    /// Those who wait for the last connection to come back to a closed pool.
    drainers: Line,
    /// ATTEND is set in every word.
    attending: bool,
}

/// A slot claimed on the fast path.
pub(crate) struct Claimed {
    pub(crate) slot: usize,
    /// More connections may be in use than ever before: the slot is used for the first time since it was
    /// filled or the metrics were read.
    pub(crate) is_news: bool,
}

/// Why a caller has to go without.
///
/// As large as a slot number, so that an answer (`Result<usize, Refusal>`) travels in two registers and not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Refusal {
    /// Nothing is free, or what is free belongs to somebody in line.
    Exhausted,
    Closed,
    TimedOut,
    /// There is not a single slot, so waiting would be in vain.
    NoSlots,
}

/// What came of joining the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// There was a free slot after all; it is the caller's.
    Granted(usize),
    Queued,
    Closed,
}

impl Engine {
    const_fn! {
        pub(crate) const fn new(slots: usize) -> Self {
            Self {
                lock: Lock::new(Shared { line: Line::new(), drainers: Line::new(), attending: false }),
                fairness: Fairness::Fifo,
                closed: AtomicBool::new(false),
                max_size: Tally::new(slots),
                surplus: Tally::new(0),
                vacant: Tally::new(slots),
                waiting: Tally::new(0),
                threads: Tally::new(0),
                counters: Counters::new(),
                #[cfg(feature = "std")]
                wait_times: WaitRecorder::new(),
            }
        }
    }

    pub(crate) const fn set_fairness(&mut self, fairness: Fairness) {
        self.fairness = fairness;
    }

    pub(crate) const fn fairness(&self) -> Fairness {
        self.fairness
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }
}

/// An engine and the slots that it works on.
#[derive(Clone, Copy)]
pub(crate) struct Core<'a> {
    engine: &'a Engine,
    map: Bitmap<'a>,
}

/// Borrowing and giving back.
impl<'a> Core<'a> {
    #[inline(always)]
    pub(crate) const fn new(engine: &'a Engine, map: Bitmap<'a>) -> Self {
        Self { engine, map }
    }

    /// Claims the first slot of the thread's home, without the lock; the caller owns it then. One read-modify-write.
    ///
    /// If that one is not to be had, [`claim_any`](Self::claim_any) has to follow. A claim that `is_news` should be
    /// followed by [`look_for_a_peak`](Self::look_for_a_peak).
    #[inline(always)]
    pub(crate) fn claim_first(self) -> Option<Claimed> {
        self.map.claim_first(home).map(|slot| self.count_claim(slot))
    }

    /// Claims a free slot without the lock, wherever it is; as [`claim_first`](Self::claim_first) otherwise.
    #[inline(always)]
    pub(crate) fn claim_any(self) -> Result<Claimed, Missed> {
        self.map.claim_any(home).map(|slot| self.count_claim(slot))
    }

    #[inline(always)]
    fn count_claim(self, slot: usize) -> Claimed {
        Claimed { slot, is_news: self.books().get(slot).count_use() }
    }

    /// Gives a slot back; `true` means that [`attend_to_others`](Self::attend_to_others) has to follow. One
    /// read-modify-write.
    #[inline(always)]
    #[must_use = "somebody may be waiting for this slot"]
    pub(crate) fn give_back(self, slot: usize) -> bool {
        self.map.give_back(slot)
    }

    /// The rest of giving back while somebody must be attended to. The slot is free already: whoever holds the lock
    /// next, this caller or another, finds it there. In a closed pool the caller gets a slot to empty.
    #[must_use = "a slot that is returned has to be emptied"]
    pub(crate) fn attend_to_others(self) -> (Option<usize>, Aftermath<'a>) {
        self.locked(|_, _| if self.engine.is_closed() { self.map.claim_attended() } else { None })
    }

    /// Claims a slot, or says for certain that there is none for a newcomer: the rest of `try_get`.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim_or_refuse(self, missed: Missed) -> (Result<usize, Refusal>, Option<Aftermath<'a>>) {
        if missed == Missed::NoneSeen && self.map.has_one_word() {
            // The only word was without a free slot: that was a moment when none was free.
            return (Err(Refusal::Exhausted), None);
        }
        if self.engine.fairness == Fairness::Fifo && self.engine.waiting.get() > 0 && !self.engine.is_closed() {
            // Somebody stands in line, and whatever comes free is theirs.
            return (Err(Refusal::Exhausted), None);
        }
        let (result, aftermath) = self.locked(|shared, aftermath| {
            self.attend(shared);
            self.settle(shared, aftermath);
            self.claim_as_newcomer(shared)
        });
        (result, Some(aftermath))
    }

    /// Takes a free slot, or stands in line for one.
    ///
    /// # Safety
    ///
    /// The waiter is in no line. If it is queued, it stays alive until [`check`](Self::check) has answered `Ready` or
    /// [`leave`](Self::leave) has returned.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn join(self, waiter: Pin<&Waiter>, waker: Waker) -> (Joined, Aftermath<'a>) {
        let since = Stamp::now();
        // Outside the section, which must not drop it: that is user code.
        let mut waker = Some(waker);
        let (joined, mut aftermath) = self.locked(|shared, aftermath| {
            self.attend(shared);
            self.settle(shared, aftermath);
            match self.claim_as_newcomer(shared) {
                Ok(slot) => Joined::Granted(slot),
                Err(Refusal::Closed) => Joined::Closed,
                Err(_) => {
                    // SAFETY: the lock is held, and the caller promises the rest.
                    unsafe { self.enqueue(shared, waiter, waker.take(), since) };
                    Joined::Queued
                }
            }
        });
        aftermath.leftover = waker;
        (joined, aftermath)
    }

    /// Looks at how a waiter stands. `Ready` is the end of its wait: with a slot, which is then the caller's, or without
    /// one, because the pool closed. Otherwise `waker` is the one to be called.
    #[cold]
    #[inline(never)]
    pub(crate) fn check(self, waiter: Pin<&Waiter>, waker: &Waker) -> (Poll<Option<usize>>, Aftermath<'a>) {
        let mut known: Option<Waker> = None;
        loop {
            let (seen, mut aftermath) = self.locked(|shared, aftermath| {
                // SAFETY: the lock is held and no other reference to the node is alive (I4).
                known = known.take().or(unsafe { waiter.node() }.waker.take());
                // A waiter that was called to compete (`Fairness::Bounded`) and finds a free slot has the line served
                // in order, so that it cannot overtake the waiters before it.
                self.serve(shared, aftermath);
                // SAFETY: as above; `serve` keeps no reference.
                let node = unsafe { waiter.node() };
                match node.stage {
                    Stage::Granted(slot) => {
                        self.end_wait(node);
                        Seen::Granted(slot)
                    }
                    Stage::Dismissed | Stage::Outside => {
                        node.stage = Stage::Outside;
                        Seen::Dismissed
                    }
                    Stage::Queued if known.as_ref().is_some_and(|known| known.will_wake(waker)) => {
                        node.waker = known.take();
                        Seen::Queued
                    }
                    Stage::Queued => Seen::NeedsWaker,
                }
            });
            aftermath.leftover = known.take();
            match seen {
                // Cloning a waker is user code: done here, without the lock. Until it is registered in the next round
                // the waiter looks as if it had been called, and that is how it behaves: it comes and looks.
                Seen::NeedsWaker => known = Some(waker.clone()),
                Seen::Granted(slot) => return (Poll::Ready(Some(slot)), aftermath),
                Seen::Dismissed => return (Poll::Ready(None), aftermath),
                Seen::Queued => return (Poll::Pending, aftermath),
            }
        }
    }

    /// Ends a wait early. A slot that had been granted is not lost: it is the caller's.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave(self, waiter: Pin<&Waiter>, gave_up: GaveUp) -> (Result<usize, Refusal>, Aftermath<'a>) {
        let mut waker = None;
        let (left, mut aftermath) = self.locked(|shared, _| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            match node.stage {
                Stage::Granted(slot) => {
                    self.end_wait(node);
                    Ok(slot)
                }
                Stage::Dismissed | Stage::Outside => {
                    node.stage = Stage::Outside;
                    Err(Refusal::Closed)
                }
                Stage::Queued => {
                    waker = node.waker.take();
                    self.record_wait(node);
                    // SAFETY: it is in the line, and the lock is held.
                    unsafe { self.unlink(shared, NonNull::from(waiter.get_ref()), Stage::Outside) };
                    if gave_up == GaveUp::TimedOut {
                        self.engine.counters.timed_out.add(1);
                    }
                    Err(Refusal::TimedOut)
                }
            }
        });
        aftermath.leftover = waker;
        (left, aftermath)
    }

    /// Counts a caller whose deadline was up before it could join the line.
    pub(crate) fn count_timeout(self) {
        self.engine.lock.with(|_| self.engine.counters.timed_out.add(1));
    }
}

/// Why a waiter leaves the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GaveUp {
    TimedOut,
    /// Its future was dropped.
    Cancelled,
}

/// Why a slot was emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emptied {
    /// Its holder found the connection unfit.
    Discarded,
    /// The pool has no more use for it: it is closed, or too large.
    Retired,
}

enum Seen {
    Granted(usize),
    Dismissed,
    Queued,
    NeedsWaker,
}

/// Filling, emptying, resizing, closing.
impl<'a> Core<'a> {
    /// Reserves a vacant slot for a connection; it is given back with [`give_back`](Self::give_back) when filled.
    pub(crate) fn reserve(self) -> Result<usize, Refusal> {
        self.engine.lock.with(|_| {
            if self.engine.is_closed() {
                return Err(Refusal::Closed);
            }
            if self.engine.vacant.get() == 0 {
                return Err(Refusal::Exhausted);
            }
            let slot = (0..self.books().len()).find(|slot| self.books().get(*slot).is_vacant());
            let slot = slot.ok_or(Refusal::Exhausted)?;
            self.books().get(slot).set_vacant(false);
            self.engine.vacant.sub(1);
            Ok(slot)
        })
    }

    /// Takes back a slot whose connection was dropped, from its owner.
    pub(crate) fn vacate(self, slot: usize, why: Emptied) -> Aftermath<'a> {
        self.locked(|_, _| {
            let (counters, uses) = (&self.engine.counters, self.books().get(slot).uses());
            counters.past_uses.add(uses);
            counters.past_reuses.add(uses.saturating_sub(1));
            if why == Emptied::Discarded {
                counters.discarded.add(1);
            }
            self.put_down_empty(slot);
        })
        .1
    }

    /// Claims one particular slot if it is idle and nobody waits.
    pub(crate) fn claim_slot(self, slot: usize) -> bool {
        match self.map.claim_slot(slot) {
            Ok(claimed) => claimed,
            Err(_) => self.engine.lock.with(|shared| {
                shared.line.is_empty() && !self.engine.is_closed() && self.map.claim_slot_attended(slot)
            }),
        }
    }

    /// Sets how many connections may be out at once; at most as many as there are slots.
    ///
    /// Growing brings back what was set aside, connections first. Shrinking retires vacant slots, then idle ones, then
    /// held ones as they come back. A closed pool stays as it is.
    pub(crate) fn resize(self, max_size: usize) -> Aftermath<'a> {
        debug_assert!(max_size <= self.books().len());
        self.locked(|shared, _| {
            if self.engine.is_closed() {
                return;
            }
            self.attend(shared);
            let before = self.engine.max_size.get();
            self.engine.max_size.set(max_size);
            if max_size > before { self.grow_by(max_size - before) } else { self.shrink_by(before - max_size) }
        })
        .1
    }

    /// Closes the pool: nobody gets a connection from now on, and all who wait are sent away.
    pub(crate) fn close(self) -> Aftermath<'a> {
        self.locked(|shared, _| {
            self.attend(shared);
            self.engine.closed.store(true, Relaxed);
        })
        .1
    }

    /// Claims a connection of a closed pool that nobody holds, for the caller to drop.
    pub(crate) fn claim_closed(self) -> Option<usize> {
        debug_assert!(self.engine.is_closed());
        self.engine.lock.with(|shared| self.map.claim_attended().or_else(|| self.claim_set_aside(shared)))
    }

    /// Claims a connection that a resize set aside, for the caller to drop.
    pub(crate) fn claim_surplus(self) -> Option<usize> {
        self.engine.lock.with(|shared| self.claim_set_aside(shared))
    }

    /// Waits for the last connection of a closed pool to come back: `true` if that has happened, else the waiter is
    /// queued.
    ///
    /// # Safety
    ///
    /// As for [`join`](Self::join).
    pub(crate) unsafe fn join_drainers(self, waiter: Pin<&Waiter>, waker: Waker) -> bool {
        let mut waker = Some(waker);
        self.engine.lock.with(|shared| {
            if self.is_drained() {
                return true;
            }
            // SAFETY: the lock is held (I4), and the node is in no line.
            unsafe { waiter.node() }.waker = waker.take();
            // SAFETY: the lock is held, and the caller promises the rest.
            unsafe { shared.drainers.push(NonNull::from(waiter.get_ref())) };
            false
        })
    }

    /// As [`check`](Self::check), for one who waits for the drain.
    pub(crate) fn check_drainer(self, waiter: Pin<&Waiter>, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.engine.lock.with(|_| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.stage == Stage::Queued {
                core::mem::swap(&mut node.waker, &mut waker);
                return false;
            }
            node.stage = Stage::Outside;
            true
        })
    }

    /// As [`leave`](Self::leave), for one who waits for the drain.
    pub(crate) fn leave_drainers(self, waiter: Pin<&Waiter>) {
        let mut waker = None;
        self.engine.lock.with(|shared| {
            // SAFETY: the lock is held and no other reference to the node is alive (I4).
            let node = unsafe { waiter.node() };
            if node.stage == Stage::Queued {
                waker = node.waker.take();
                // SAFETY: it is in the line, and the lock is held.
                unsafe { shared.drainers.remove(NonNull::from(waiter.get_ref()), Stage::Outside) };
            }
        });
    }
}

/// Figures.
impl<'a> Core<'a> {
    pub(crate) const fn books(self) -> Books<'a> {
        self.map.books()
    }

    pub(crate) fn is_closed(self) -> bool {
        self.engine.is_closed()
    }

    pub(crate) fn is_idle(self, slot: usize) -> bool {
        self.map.is_free(slot)
    }

    pub(crate) fn in_use(self) -> usize {
        // Each figure is read on its own, so the sum may be out by what moves meanwhile, but never below zero.
        let engine = self.engine;
        (engine.max_size.get() + engine.surplus.get()).saturating_sub(engine.vacant.get() + self.map.count_free())
    }

    pub(crate) fn max_size(self) -> usize {
        self.engine.max_size.get()
    }

    pub(crate) fn threads_waiting(self) -> usize {
        self.engine.threads.get()
    }

    pub(crate) fn status(self) -> Status {
        Status {
            capacity: self.books().len(),
            max_size: self.max_size(),
            in_use: self.in_use(),
            idle: self.map.count_free(),
            vacant: self.engine.vacant.get(),
            waiting: self.engine.waiting.get(),
            closed: self.is_closed(),
        }
    }

    pub(crate) fn metrics(self) -> Metrics {
        let counters = &self.engine.counters;
        self.want_news();
        let present = || self.books().iter().filter(|book| book.is_filled()).map(crate::books::Book::uses);
        let borrowed = present().fold(counters.past_uses.get(), usize::wrapping_add);
        Metrics {
            borrowed,
            reused: present().map(|uses| uses.saturating_sub(1)).fold(counters.past_reuses.get(), usize::wrapping_add),
            waited: counters.waited.get(),
            timed_out: counters.timed_out.get(),
            discarded: counters.discarded.get(),
            overtakes: counters.overtakes.get(),
            most_overtaken: counters.most_overtaken.get(),
            peak_in_use: counters.peak_in_use.get().max(self.in_use()),
            peak_waiting: counters.peak_waiting.get(),
        }
    }

    #[cfg(feature = "std")]
    pub(crate) fn wait_times(self) -> crate::metrics::WaitTimes {
        self.engine.wait_times.read()
    }

    pub(crate) fn reset_peaks(self) {
        self.engine.lock.with(|_| {
            self.want_news();
            self.engine.counters.peak_in_use.set(self.in_use());
            self.engine.counters.peak_waiting.set(self.engine.waiting.get());
        });
    }

    /// Lets the next use of each slot count as news, in which a peak may show.
    fn want_news(self) {
        self.books().iter().for_each(crate::books::Book::want_news);
    }

    /// Takes note if more connections are in use than ever before.
    pub(crate) fn look_for_a_peak(self) {
        self.engine.counters.peak_in_use.raise(self.in_use());
    }
}

/// Under the lock.
impl<'a> Core<'a> {
    /// Runs `section` under the lock and settles what it changed. What is left to do without the lock is done when the
    /// `Aftermath` is dropped: by then the caller must have put a slot that it was given into safe hands, because
    /// wakers may panic.
    fn locked<R>(self, section: impl FnOnce(&mut Shared, &mut Aftermath<'a>) -> R) -> (R, Aftermath<'a>) {
        let mut aftermath = Aftermath { core: self, wakers: Deque::new(), leftover: None, more: false };
        let result = self.engine.lock.with(|shared| {
            let result = section(shared, &mut aftermath);
            self.settle(shared, &mut aftermath);
            result
        });
        (result, aftermath)
    }

    fn attend(self, shared: &mut Shared) {
        if !shared.attending {
            shared.attending = true;
            self.map.attend();
        }
    }

    /// Brings everything in order after a change; see the module's first page.
    fn settle(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        if !shared.attending {
            return;
        }
        if self.engine.is_closed() {
            self.dismiss(shared, aftermath);
            return;
        }
        self.retire_surplus();
        match self.engine.fairness {
            Fairness::Fifo => self.serve(shared, aftermath),
            Fairness::Bounded(limit) => self.call(shared, aftermath, limit),
        }
        if shared.line.is_empty() && self.engine.surplus.get() == 0 {
            shared.attending = false;
            self.map.unattend();
        }
    }

    /// Gives free slots to the oldest waiters.
    fn serve(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        if self.engine.is_closed() || self.engine.surplus.get() > 0 {
            return;
        }
        while let Some(head) = shared.line.head() {
            if aftermath.is_full() {
                return;
            }
            let Some(slot) = self.map.claim_attended() else { return };
            self.grant(shared, head, slot, aftermath);
        }
    }

    /// Calls as many waiters as there are free slots to come and compete for them, and gives a slot outright to one
    /// who has been overtaken often enough. A free slot so always has somebody on the way to it.
    fn call(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>, limit: u32) {
        let mut next = shared.line.head();
        let mut free = self.map.count_free();
        while let Some(waiter) = next
            && free > 0
            && !aftermath.is_full()
        {
            // SAFETY: it is in the line, and the lock is held.
            next = unsafe { shared.line.behind(waiter) };
            free -= 1;
            // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
            let node = unsafe { waiter.as_ref().node() };
            if self.overtaken(node) < limit as usize {
                aftermath.wake(node.waker.take());
            } else if let Some(slot) = self.map.claim_attended() {
                self.grant(shared, waiter, slot, aftermath);
            }
        }
    }

    fn grant(self, shared: &mut Shared, waiter: NonNull<Waiter>, slot: usize, aftermath: &mut Aftermath<'a>) {
        self.books().get(slot).count_use();
        // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
        let node = unsafe { waiter.as_ref().node() };
        aftermath.wake(node.waker.take());
        // SAFETY: it is in the line, and the lock is held.
        unsafe { self.unlink(shared, waiter, Stage::Granted(slot)) };
    }

    /// Sends everybody in line away, and the drainers too once everything has come back.
    fn dismiss(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        while let Some(waiter) = shared.line.head()
            && !aftermath.is_full()
        {
            // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
            aftermath.wake(unsafe { waiter.as_ref().node() }.waker.take());
            // SAFETY: it is in the line, and the lock is held.
            unsafe { self.unlink(shared, waiter, Stage::Dismissed) };
        }
        while let Some(drainer) = shared.drainers.head()
            && self.is_drained()
            && !aftermath.is_full()
        {
            // SAFETY: as above.
            aftermath.wake(unsafe { drainer.as_ref().node() }.waker.take());
            // SAFETY: it is in the line of drainers, and the lock is held.
            unsafe { shared.drainers.remove(drainer, Stage::Dismissed) };
        }
    }

    /// # Safety
    ///
    /// The lock is held, the waiter is in no line, and it stays alive until it has left this one.
    unsafe fn enqueue(self, shared: &mut Shared, waiter: Pin<&Waiter>, waker: Option<Waker>, since: Stamp) {
        let counters = &self.engine.counters;
        // SAFETY: the lock is held and no other reference to the node is alive (I4).
        let node = unsafe { waiter.node() };
        node.waker = waker;
        node.since = Some(since);
        node.joined_at = counters.overtakes.get();
        if node.kind == Kind::Thread {
            self.engine.threads.add(1);
        }
        // SAFETY: as the caller promises.
        unsafe { shared.line.push(NonNull::from(waiter.get_ref())) };
        self.engine.waiting.add(1);
        counters.waited.add(1);
        counters.peak_waiting.raise(self.engine.waiting.get());
        counters.peak_in_use.raise(self.in_use());
    }

    /// # Safety
    ///
    /// The lock is held and the waiter is in the line.
    unsafe fn unlink(self, shared: &mut Shared, waiter: NonNull<Waiter>, stage: Stage) {
        self.engine.waiting.sub(1);
        // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
        if unsafe { waiter.as_ref().node() }.kind == Kind::Thread {
            self.engine.threads.sub(1);
        }
        // SAFETY: as the caller promises.
        unsafe { shared.line.remove(waiter, stage) };
    }

    /// A slot for somebody who is not in line.
    fn claim_as_newcomer(self, shared: &Shared) -> Result<usize, Refusal> {
        if self.engine.is_closed() {
            return Err(Refusal::Closed);
        }
        let slot = match shared.line.head() {
            None => self.map.claim_attended(),
            Some(head) => self.overtake(head),
        };
        let slot = slot.ok_or(Refusal::Exhausted)?;
        self.books().get(slot).count_use();
        Ok(slot)
    }

    /// A slot past the line, if the policy has one to spare. The head has been overtaken most, being the oldest.
    fn overtake(self, head: NonNull<Waiter>) -> Option<usize> {
        let Fairness::Bounded(limit) = self.engine.fairness else { return None };
        // SAFETY: a waiter in the line is alive; the lock is held and no other reference to its node is alive (I4).
        let overtaken = self.overtaken(unsafe { head.as_ref().node() });
        if overtaken >= limit as usize {
            return None;
        }
        let slot = self.map.claim_attended()?;
        self.engine.counters.overtakes.add(1);
        self.engine.counters.most_overtaken.raise(overtaken + 1);
        Some(slot)
    }

    fn overtaken(self, node: &Node) -> usize {
        self.engine.counters.overtakes.get().wrapping_sub(node.joined_at)
    }

    /// The wait of a granted waiter is over.
    fn end_wait(self, node: &mut Node) {
        node.stage = Stage::Outside;
        self.record_wait(node);
    }

    fn record_wait(self, node: &mut Node) {
        let waited = node.since.take().and_then(|since| since.elapsed());
        #[cfg(feature = "std")]
        if let Some(waited) = waited {
            self.engine.wait_times.record(waited);
        }
        #[cfg(not(feature = "std"))]
        let _ = waited;
    }

    /// Everything that is out beyond the maximum and has come back is set aside.
    fn retire_surplus(self) {
        while self.engine.surplus.get() > 0
            && let Some(slot) = self.map.claim_attended()
        {
            self.engine.surplus.sub(1);
            self.books().get(slot).set_retired(true);
        }
    }

    fn put_down_empty(self, slot: usize) {
        if self.engine.surplus.get() > 0 {
            self.engine.surplus.sub(1);
            self.books().get(slot).set_retired(true);
        } else {
            self.books().get(slot).set_vacant(true);
            self.engine.vacant.add(1);
        }
    }

    fn grow_by(self, mut more: usize) {
        let kept_out = more.min(self.engine.surplus.get());
        self.engine.surplus.sub(kept_out);
        more -= kept_out;
        let retired = |filled: bool| {
            let books = self.books();
            (0..books.len()).filter(move |slot| books.get(*slot).is_retired() && books.get(*slot).is_filled() == filled)
        };
        for slot in retired(true).chain(retired(false)).take(more) {
            self.books().get(slot).set_retired(false);
            if self.books().get(slot).is_filled() {
                // Whoever must be attended to is: the caller settles.
                let _attended = self.map.give_back(slot);
            } else {
                self.books().get(slot).set_vacant(true);
                self.engine.vacant.add(1);
            }
        }
    }

    fn shrink_by(self, fewer: usize) {
        let vacant = fewer.min(self.engine.vacant.get());
        let books = self.books();
        for slot in (0..books.len()).rev().filter(|slot| books.get(*slot).is_vacant()).take(vacant) {
            books.get(slot).set_vacant(false);
            books.get(slot).set_retired(true);
        }
        self.engine.vacant.sub(vacant);
        self.engine.surplus.add(fewer - vacant);
    }

    /// The slot counts as surplus that is out, so that it is retired again when it comes back empty.
    fn claim_set_aside(self, shared: &mut Shared) -> Option<usize> {
        let slot = self.set_aside()?;
        self.attend(shared);
        self.engine.surplus.add(1);
        self.books().get(slot).set_retired(false);
        Some(slot)
    }

    /// Whether a closed pool has no connection left anywhere.
    fn is_drained(self) -> bool {
        let engine = self.engine;
        engine.is_closed()
            && engine.max_size.get() + engine.surplus.get() == engine.vacant.get()
            && self.set_aside().is_none()
    }

    fn set_aside(self) -> Option<usize> {
        let books = self.books();
        (0..books.len()).find(|slot| books.get(*slot).is_retired() && books.get(*slot).is_filled())
    }
}

/// What is left to do when the lock has been released: calling wakers, and looking again if there were more of them
/// than fit into one batch. Done on drop, whatever panics.
#[must_use = "waiters are woken when it is dropped"]
pub(crate) struct Aftermath<'a> {
    core: Core<'a>,
    wakers: Deque<Waker, BATCH>,
    /// A waker that was not needed; to be dropped, which is user code too.
    leftover: Option<Waker>,
    /// The batch was full, so somebody may still be waiting to be served.
    more: bool,
}

impl Aftermath<'_> {
    /// Whether no more may be woken in this go; asking is what remembers to go on.
    fn is_full(&mut self) -> bool {
        self.more |= self.wakers.is_full();
        self.wakers.is_full()
    }

    fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            let pushed = self.wakers.push_back(waker);
            debug_assert!(pushed.is_ok(), "the batch was full");
        }
    }

    fn next(&mut self) -> Option<Waker> {
        while self.wakers.is_empty() && self.more {
            self.more = false;
            let core = self.core;
            core.engine.lock.with(|shared| core.settle(shared, self));
        }
        self.wakers.pop_front()
    }
}

impl Drop for Aftermath<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.wakers.is_empty() && !self.more {
            return;
        }
        run_to_end(|| self.next().map(Waker::wake).is_some());
    }
}
