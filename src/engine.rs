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

mod aftermath;
mod capacity;
mod closing;
mod connecting;
mod figures;
mod serving;
mod waiting;

pub(crate) use aftermath::Aftermath;
pub(crate) use capacity::Emptied;
pub(crate) use waiting::{GaveUp, Joined, Turn};

#[cfg(any(feature = "ffi", test))]
use crate::bitmap::GivenBack;
use crate::bitmap::{Bitmap, Missed};
use crate::books::Books;
use crate::fairness::Fairness;
use crate::line::Line;
use crate::metrics::{Counters, Recorder, Tally};
use crate::sync::{AtomicBool, Lock, Relaxed, collided, const_fn, home};

/// What a pool keeps beside its slots.
pub(crate) struct Engine {
    lock: Lock<Shared>,
    fairness: Fairness,
    /// How many vacant slots may be lent at once, each for its holder to connect in it: 0 in a pool that lends
    /// connections only.
    max_connecting: u16,
    /// How many may stand in line; whoever comes when it is full is refused.
    max_waiting: u32,
    // The gauges and counters below change under the lock and are read without it.
    closed: AtomicBool,
    /// Nothing is lent for the time being.
    suspended: AtomicBool,
    /// How many slots may be out at once: N, unless resized.
    max_size: Tally,
    /// Slots beyond `max_size` that are still out (or just coming back) and will be retired.
    surplus: Tally,
    vacant: Tally,
    /// Vacant slots that are lent, to be connected in.
    connecting: Tally,
    waiting: Tally,
    /// Of those, how many are threads.
    threads: Tally,
    counters: Counters,
    wait_times: Recorder,
}

/// What only the lock's holder may touch.
struct Shared {
    line: Line,
    /// ATTEND is set in every word.
    attending: bool,
    /// Slots whose set-aside connections are being dropped. They are neither retired nor within the maximum until then.
    shedding: u16,
    /// Of those, how many will be vacant then, because the pool has grown and needs them.
    recalled: u16,
    /// Slots whose connections are set aside.
    set_aside: u16,
}

/// A slot claimed on the fast path.
pub(crate) struct Claimed {
    pub(crate) slot: usize,
    /// More connections may be in use than ever before: the slot is used for the first time since it was
    /// filled or the metrics were read.
    pub(crate) is_news: bool,
}

/// A slot that was to be given back is free already.
#[cfg(any(feature = "ffi", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WasFree;

/// Why a caller has to go without.
///
/// As large as a slot number, so that an answer (`Result<usize, Refusal>`) travels in two registers and not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Refusal {
    /// Nothing is free, or what is free belongs to somebody in line.
    Exhausted,
    /// As many wait already as may.
    QueueFull,
    Closed,
    TimedOut,
    /// There is not a single slot, so waiting would be in vain.
    NoSlots,
}

impl Engine {
    const_fn! {
        /// For slots of which `max_size` are vacant, and the rest retired.
        pub(crate) const fn new(max_size: usize) -> Self {
            Self {
                lock: Lock::new(Shared { line: Line::new(), attending: false, shedding: 0, recalled: 0, set_aside: 0 }),
                fairness: Fairness::Fifo,
                max_connecting: 0,
                max_waiting: u32::MAX,
                closed: AtomicBool::new(false),
                suspended: AtomicBool::new(false),
                max_size: Tally::new(max_size),
                surplus: Tally::new(0),
                vacant: Tally::new(max_size),
                connecting: Tally::new(0),
                waiting: Tally::new(0),
                threads: Tally::new(0),
                counters: Counters::new(),
                wait_times: Recorder::new(),
            }
        }
    }

    pub(crate) const fn set_fairness(&mut self, fairness: Fairness) {
        self.fairness = fairness;
    }

    pub(crate) const fn fairness(&self) -> Fairness {
        self.fairness
    }

    /// From now on at most `most` may stand in line.
    pub(crate) const fn limit_line(&mut self, most: u32) {
        self.max_waiting = most;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Relaxed)
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
        self.claim_first_from(home, collided)
    }

    /// As [`claim_first`](Self::claim_first), from any home.
    #[inline(always)]
    pub(crate) fn claim_first_from(self, home: impl FnOnce() -> usize, met: impl FnOnce()) -> Option<Claimed> {
        self.map.claim_first(home, met).map(|slot| self.count_claim(slot))
    }

    /// Claims a free slot without the lock, wherever it is; as [`claim_first`](Self::claim_first) otherwise.
    #[inline(always)]
    pub(crate) fn claim_any(self) -> Result<Claimed, Missed> {
        self.map.claim_any(home).map(|slot| self.count_claim(slot))
    }

    /// As [`claim_any`](Self::claim_any), looking at the slots behind `last` first.
    pub(crate) fn claim_after(self, last: usize) -> Result<Claimed, Missed> {
        self.map.claim_after(last).map(|slot| self.count_claim(slot))
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

    /// As [`give_back`](Self::give_back), for callers who may be wrong about owning the slot.
    /// [`NotYet`](GivenBack::NotYet) means that [`give_back_attended`](Self::give_back_attended) has to follow.
    #[cfg(any(feature = "ffi", test))]
    #[inline(always)]
    pub(crate) fn give_back_once(self, slot: usize) -> GivenBack {
        self.map.give_back_once(slot)
    }

    /// Gives a slot back while somebody must be attended to, unless it is free already. In a closed pool, and in one
    /// with more than the maximum, the caller gets a slot to empty.
    ///
    /// All of it under the lock: whoever waits for the last slot, to end the pool then, comes after this caller. So the
    /// pool may be gone when this returns, unless there is a slot to empty.
    #[cfg(any(feature = "ffi", test))]
    #[must_use = "a slot that is returned has to be emptied"]
    pub(crate) fn give_back_attended(self, slot: usize) -> (Result<Option<(usize, Emptied)>, WasFree>, Aftermath<'a>) {
        self.locked(|shared, aftermath| {
            if self.map.is_free(slot) {
                return Err(WasFree);
            }
            if self.engine.is_closed() {
                return Ok(Some((slot, Emptied::Closed)));
            }
            let _attended = self.map.give_back(slot);
            Ok(self.claim_to_empty(shared, aftermath))
        })
    }

    /// Whether nothing is out, nobody waits, and nobody is at work on a slot.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) fn is_unused(self) -> bool {
        self.engine.lock.with(|shared| {
            self.in_use() == 0 && shared.shedding == 0 && self.engine.waiting.get() == 0 && shared.line.is_empty()
        })
    }

    /// The rest of giving back while somebody must be attended to. The slot is free already: whoever holds the lock
    /// next, this caller or another, finds it there. In a closed pool, and in one with more than the maximum, the caller
    /// gets a slot to empty.
    #[must_use = "a slot that is returned has to be emptied"]
    pub(crate) fn attend_to_others(self) -> (Option<(usize, Emptied)>, Aftermath<'a>) {
        self.locked(|shared, aftermath| self.claim_to_empty(shared, aftermath))
    }

    /// Claims a slot, or says for certain that there is none for a newcomer: the rest of `try_get`.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim_or_refuse(self, missed: Missed) -> (Result<usize, Refusal>, Option<Aftermath<'a>>) {
        if missed == Missed::NoneSeen && self.map.has_one_word() && !self.engine.connects() {
            // The only word was without a free slot: that was a moment when none was free.
            return (Err(Refusal::Exhausted), None);
        }
        let is_line_first = self.engine.fairness == Fairness::Fifo && !self.engine.connects();
        if is_line_first && self.engine.waiting.get() > 0 && !self.engine.is_closed() {
            // Somebody stands in line, and whatever comes free is theirs. (Not a vacant slot, if they do not connect.)
            return (Err(Refusal::Exhausted), None);
        }
        let (result, aftermath) = self.locked(|shared, aftermath| {
            self.attend(shared);
            self.settle(shared, aftermath);
            self.claim_as_newcomer(shared)
        });
        (result, Some(aftermath))
    }

    #[cfg(feature = "std")]
    pub(crate) const fn fairness(self) -> Fairness {
        self.engine.fairness
    }

    pub(crate) const fn books(self) -> Books<'a> {
        self.map.books()
    }
}

/// Under the lock.
impl<'a> Core<'a> {
    /// Runs `section` under the lock and settles what it changed. What is left to do without the lock is done when the
    /// `Aftermath` is dropped: by then the caller must have put a slot that it was given into safe hands, because
    /// wakers may panic.
    fn locked<R>(self, section: impl FnOnce(&mut Shared, &mut Aftermath<'a>) -> R) -> (R, Aftermath<'a>) {
        let mut aftermath = Aftermath::new(self);
        let result = self.engine.lock.with(|shared| {
            let result = section(shared, &mut aftermath);
            self.settle_and_leave(shared, &mut aftermath);
            result
        });
        (result, aftermath)
    }

    /// Closes the fast path. It stays closed until the lock is released, and longer while anybody needs attention.
    fn attend(self, shared: &mut Shared) {
        if !shared.attending {
            shared.attending = true;
            self.map.attend();
        }
    }

    /// A slot for the caller to empty, who has brought one back. A pool that connects has no use for what is set aside;
    /// another one keeps it.
    fn claim_to_empty(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) -> Option<(usize, Emptied)> {
        if self.engine.is_closed() {
            return self.map.claim_attended().map(|slot| (slot, Emptied::Closed));
        }
        if !self.engine.connects() || self.engine.surplus.get() == 0 && shared.set_aside == 0 {
            return None;
        }
        self.settle(shared, aftermath);
        self.claim_set_aside(shared).map(|slot| (slot, Emptied::SetAside))
    }

    /// Brings everything in order after a change; see the module's first page.
    fn settle(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        if self.engine.is_closed() {
            self.dismiss(shared, aftermath);
            return;
        }
        self.retire_surplus(shared);
        match self.engine.fairness {
            Fairness::Fifo => self.serve(shared, aftermath),
            Fairness::Bounded(limit) => self.call(shared, aftermath, limit),
        }
    }

    /// The last thing to do before the lock is released (invariant I6).
    fn settle_and_leave(self, shared: &mut Shared, aftermath: &mut Aftermath<'a>) {
        if !shared.attending {
            return;
        }
        self.settle(shared, aftermath);
        let is_open = !self.engine.is_closed() && !self.engine.is_suspended();
        if is_open && shared.line.is_empty() && self.engine.surplus.get() == 0 {
            shared.attending = false;
            self.map.unattend();
        }
    }
}
