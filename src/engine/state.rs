// knows: bitmap, connects, layout, slot_state, wait_queue, fairness, stats, sync · must not know: connections, N, how a
// thread sleeps
//! What the engine keeps, and the view through which it is used.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::bitmap::Bitmap;
use super::connects::{Connects, Demand};
use super::layout::Layout;
use super::slot_state::{SlotState, SlotStates};
use super::wait_queue::WaitQueue;
use crate::fairness::Fairness;
use crate::stats::{Counter, Counters, Gauge, SlotCount, WaitTimes};
use crate::sync::{Lock, Mark, PlainBool, PlainPtr, Relaxed, const_fn};

/// What a pool keeps beside its slots. All zeros in an open, empty pool, so that a `static` one needs no initial data.
pub(crate) struct EngineState {
    pub(super) lock: Lock<Locked>,
    pub(super) mark: Mark,
    /// The pool's `SlowPath`, from when the fast path is first closed; null before (I11).
    pub(super) slow_path: PlainPtr<()>,
    /// How often a waiter may be overtaken under `Fairness::Bounded`, and one more; 0 under `Fairness::Fifo`.
    overtake_limit: u32,
    // The figures below change under the lock and are read without it.
    pub(super) closed: PlainBool,
    /// While it is set, no slot is granted.
    pub(super) suspended: PlainBool,
    /// By how many slots the maximum in use at once is below N.
    pub(super) reduced_by: SlotCount,
    /// Slots beyond the maximum that are still in use (or just being released) and will be retired.
    pub(super) surplus: SlotCount,
    /// Slots that are not vacant.
    pub(super) occupied: SlotCount,
    pub(super) waiting: Gauge,
    /// Of those, how many are threads.
    pub(super) threads: Counter,
    /// How often a newcomer has overtaken the waiters.
    pub(super) overtakes: Gauge,
    pub(super) connects: Connects,
    pub(super) counters: Counters,
    pub(super) wait_times: WaitTimes,
}

/// What only the lock's holder may touch.
pub(super) struct Locked {
    pub(super) queue: WaitQueue,
    /// SLOW is set in every word.
    pub(super) is_fast_path_closed: bool,
    /// How many callers have closed the fast path and are about to look for a slot.
    pub(super) closers: u16,
    /// Slots whose surplus connection is being dropped; counted neither as retired nor against the maximum.
    pub(super) dropping_surplus: u16,
    /// Of those, how many become vacant after the drop, because the pool has grown meanwhile.
    pub(super) recalled: u16,
    /// Slots whose connections are set aside.
    pub(super) set_aside: u16,
    /// A resize that is under way.
    pub(super) resize: Option<Resize>,
    pub(super) demand: Demand,
}

/// A resize that is under way.
#[derive(Clone, Copy)]
pub(super) struct Resize {
    pub(super) max_size: u16,
    /// How many slots were looked at; when growing, all of them twice.
    pub(super) scanned: u16,
}

/// The most slots that a pool can have.
pub(crate) const MAX_SLOTS: usize = 4096;

/// A number of slots, which is 4096 at most, in 16 bits.
pub(super) const fn narrow(slots: usize) -> u16 {
    debug_assert!(slots <= MAX_SLOTS);
    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 4096 slots")]
    let narrow = slots as u16;
    narrow
}

/// Why a caller has no slot.
///
/// As large as a slot number, so that an answer (`Result<SlotToken, AcquireError>`) travels in two registers and not in
/// memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum AcquireError {
    /// No slot is free, or what is free is due to a waiter.
    Exhausted,
    /// The wait queue is full: as many callers wait as `max_waiting` allows.
    QueueFull,
    Closed,
    TimedOut,
    /// The wait was ended, since no connection can be made.
    Dismissed,
    /// The pool has no slots at all, so waiting would be in vain.
    NoSlots,
}

impl EngineState {
    const_fn! {
        /// For vacant slots, and as many retired ones as the maximum is below their number.
        pub(crate) const fn new(reduced_by: usize) -> Self {
            let locked = Locked {
                queue: WaitQueue::new(),
                is_fast_path_closed: false,
                closers: 0,
                dropping_surplus: 0,
                recalled: 0,
                set_aside: 0,
                resize: None,
                demand: Demand::new(),
            };
            Self {
                lock: Lock::new(locked),
                mark: Mark::new(),
                slow_path: PlainPtr::new(core::ptr::null_mut()),
                overtake_limit: 0,
                closed: PlainBool::new(false),
                suspended: PlainBool::new(false),
                reduced_by: SlotCount::new(reduced_by),
                surplus: SlotCount::new(0),
                occupied: SlotCount::new(reduced_by),
                waiting: Gauge::new(0),
                threads: Counter::new(0),
                overtakes: Gauge::new(0),
                connects: Connects::new(),
                counters: Counters::new(),
                wait_times: WaitTimes::new(),
            }
        }
    }

    const_fn! {
        /// For slots that are all filled.
        pub(crate) const fn full(slots: usize) -> Self {
            let mut state = Self::new(0);
            state.occupied = SlotCount::new(slots);
            state
        }
    }

    pub(crate) const fn set_fairness(&mut self, fairness: Fairness) {
        self.overtake_limit = match fairness {
            Fairness::Fifo => 0,
            Fairness::Bounded(limit) => limit.saturating_add(1),
        };
    }

    /// How often a waiter may be overtaken, under `Fairness::Bounded`.
    #[inline]
    pub(super) const fn overtake_limit(&self) -> Option<u32> {
        self.overtake_limit.checked_sub(1)
    }

    pub(crate) const fn fairness(&self) -> Fairness {
        match self.overtake_limit() {
            None => Fairness::Fifo,
            Some(limit) => Fairness::Bounded(limit),
        }
    }

    /// From now on the time of each wait is recorded.
    #[cfg(feature = "std")]
    pub(crate) const fn record_wait_times(&mut self) {
        self.wait_times.switch_on();
    }

    /// What is kept for connecting.
    #[cfg(feature = "managed")]
    pub(crate) const fn connects_mut(&mut self) -> &mut Connects {
        &mut self.connects
    }

    pub(super) const fn is_fifo(&self) -> bool {
        self.overtake_limit == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Relaxed)
    }
}

/// The engine of one pool: its state, and the slots that it manages. Two words, so that it travels in registers.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    /// The start of the pool.
    pool: NonNull<()>,
    layout: &'a Layout,
    state: PhantomData<&'a EngineState>,
}

// SAFETY: an `Engine` is a shared borrow of an `EngineState` and of `SlotState`s, which are `Sync`.
unsafe impl Send for Engine<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for Engine<'_> {}

impl<'a> Engine<'a> {
    /// # Safety
    ///
    /// In the memory that `pool` may reach there is, where the layout says, an [`EngineState`] and the [`SlotState`] of
    /// each slot, all shared and alive for `'a`.
    #[inline(always)]
    pub(crate) const unsafe fn new(pool: NonNull<()>, layout: &'a Layout) -> Self {
        Self { pool, layout, state: PhantomData }
    }

    #[inline(always)]
    pub(super) fn state(self) -> &'a EngineState {
        // SAFETY: the place lies in the pool's memory, as `new` was promised.
        let state = unsafe { self.pool.byte_add(self.layout.offsets.engine) };
        // SAFETY: `new` was promised a shared `EngineState` there for 'a.
        unsafe { state.cast::<EngineState>().as_ref() }
    }

    #[inline(always)]
    pub(crate) fn states(self) -> SlotStates<'a> {
        // SAFETY: the place lies in the pool's memory, as `new` was promised; without slots it is not followed.
        let first = unsafe { self.pool.byte_add(self.layout.offsets.first) };
        // SAFETY: `new` was promised the states of the layout's slots there for 'a.
        unsafe { SlotStates::new(first.cast::<SlotState>(), self.layout) }
    }

    #[inline(always)]
    pub(super) fn map(self) -> Bitmap<'a> {
        Bitmap::new(self.states())
    }

    #[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
    pub(crate) fn bitmap(self) -> Bitmap<'a> {
        self.map()
    }

    /// From now on a releaser that finds the lock taken leaves a mark.
    #[cfg(all(test, conn_pool_loom))]
    pub(crate) fn leave_marks(self) {
        self.state().mark.set_used();
    }

    /// The start of the pool, for its slow path.
    pub(super) const fn pool(self) -> NonNull<()> {
        self.pool
    }

    pub(super) const fn slots(self) -> usize {
        self.layout.slots
    }

    #[cfg(feature = "std")]
    pub(crate) fn fairness(self) -> Fairness {
        self.state().fairness()
    }

    pub(crate) fn is_closed(self) -> bool {
        self.state().is_closed()
    }

    pub(crate) fn max_size(self) -> usize {
        self.slots() - self.state().reduced_by.get()
    }

    /// How many slots are vacant.
    pub(super) fn vacant(self) -> usize {
        // Not below zero, if a reader comes between two changes.
        self.slots().saturating_sub(self.state().occupied.get())
    }
}
