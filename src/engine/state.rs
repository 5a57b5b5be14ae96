// knows: bitmap, slot_state, wait_queue, fairness, stats, sync · must not know: connections, N, how a thread sleeps
//! What the engine keeps, and the view through which it is used.

use core::task::Waker;

use super::bitmap::Bitmap;
use super::slot_state::SlotStates;
use super::wait_queue::WaitQueue;
use crate::fairness::Fairness;
use crate::stats::{Counters, Recorder, Stat};
use crate::sync::{AtomicBool, Lock, Relaxed, const_fn};

/// What a pool keeps beside its slots.
pub(crate) struct EngineState {
    pub(super) lock: Lock<Locked>,
    pub(super) fairness: Fairness,
    /// How many connects may run at once, each in a vacant slot that was claimed for it: 0 in a pool that does not
    /// connect.
    pub(super) max_connecting: u16,
    /// How many callers may wait at once; a caller who finds the queue full is refused.
    pub(super) max_waiting: u32,
    // The figures below change under the lock and are read without it.
    pub(super) closed: AtomicBool,
    /// While it is set, no slot is granted.
    pub(super) suspended: AtomicBool,
    /// While it is set, vacant slots are the connector's, and not the callers'.
    pub(super) has_connector: AtomicBool,
    /// How many slots may be in use at once: N, unless resized.
    pub(super) max_size: Stat,
    /// Slots beyond `max_size` that are still in use (or just being released) and will be retired.
    pub(super) surplus: Stat,
    pub(super) vacant: Stat,
    /// Slots that were claimed vacant, and in which a caller or maintenance is connecting.
    pub(super) connecting: Stat,
    pub(super) waiting: Stat,
    /// Of those, how many are threads.
    pub(super) threads: Stat,
    pub(super) counters: Counters,
    pub(super) wait_times: Recorder,
}

/// What only the lock's holder may touch.
pub(super) struct Locked {
    pub(super) queue: WaitQueue,
    /// SLOW is set in every word.
    pub(super) is_fast_path_closed: bool,
    /// Slots whose surplus connection is being dropped; counted neither as retired nor against `max_size`.
    pub(super) dropping_surplus: u16,
    /// Of those, how many become vacant after the drop, because the pool has grown meanwhile.
    pub(super) recalled: u16,
    /// Slots whose connections are set aside.
    pub(super) set_aside: u16,
    /// Which waiters are still to be dismissed, though the pool is open.
    pub(super) dismissal: Dismissal,
    /// A caller that does not wait has found nothing that the connector has not seen to.
    pub(super) was_asked: bool,
    /// Connects that are under way are not counted on: connecting fails, and one of them may hang.
    pub(super) distrusts_connects: bool,
    /// Called when there is something to connect for; `None` while the connector does not wait, or there is none.
    pub(super) connector: Option<Waker>,
}

/// Which waiters are still to be dismissed.
pub(super) enum Dismissal {
    Nobody,
    /// Those without a deadline.
    Endless,
    /// So many at the head.
    All(u16),
}

/// The most slots that a pool can have.
pub(crate) const MAX_SLOTS: usize = 4096;

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
        /// For slots of which `max_size` are vacant, and the rest retired.
        pub(crate) const fn new(max_size: usize) -> Self {
            let locked = Locked {
                queue: WaitQueue::new(),
                is_fast_path_closed: false,
                dropping_surplus: 0,
                recalled: 0,
                set_aside: 0,
                dismissal: Dismissal::Nobody,
                was_asked: false,
                distrusts_connects: false,
                connector: None,
            };
            Self {
                lock: Lock::new(locked),
                fairness: Fairness::Fifo,
                max_connecting: 0,
                max_waiting: u32::MAX,
                closed: AtomicBool::new(false),
                suspended: AtomicBool::new(false),
                has_connector: AtomicBool::new(false),
                max_size: Stat::new(max_size),
                surplus: Stat::new(0),
                vacant: Stat::new(max_size),
                connecting: Stat::new(0),
                waiting: Stat::new(0),
                threads: Stat::new(0),
                counters: Counters::new(),
                wait_times: Recorder::new(),
            }
        }
    }

    const_fn! {
        /// For so many slots, all of them filled.
        pub(crate) const fn full(slots: usize) -> Self {
            let mut full = Self::new(slots);
            full.vacant = Stat::new(0);
            full
        }
    }

    pub(crate) const fn set_fairness(&mut self, fairness: Fairness) {
        self.fairness = fairness;
    }

    pub(crate) const fn fairness(&self) -> Fairness {
        self.fairness
    }

    /// From now on at most `most` callers may wait at once.
    pub(crate) const fn set_max_waiting(&mut self, most: u32) {
        self.max_waiting = most;
    }

    /// From now on up to `most` connects may run at once, each in a vacant slot that was claimed for it.
    pub(crate) const fn set_max_connecting(&mut self, most: usize) {
        self.max_connecting = narrow(most);
    }

    /// Whether callers may claim vacant slots, to connect in them.
    pub(super) const fn connects(&self) -> bool {
        self.max_connecting > 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Relaxed)
    }
}

/// The engine of one pool: its state, and the slots that it manages.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub(super) state: &'a EngineState,
    pub(super) map: Bitmap<'a>,
}

impl<'a> Engine<'a> {
    #[inline(always)]
    pub(crate) const fn new(state: &'a EngineState, map: Bitmap<'a>) -> Self {
        Self { state, map }
    }

    #[cfg(feature = "std")]
    pub(crate) const fn fairness(self) -> Fairness {
        self.state.fairness
    }

    pub(crate) const fn states(self) -> SlotStates<'a> {
        self.map.states()
    }

    pub(crate) fn is_closed(self) -> bool {
        self.state.is_closed()
    }
}

/// A number of slots, which is 4096 at most, in 16 bits.
pub(super) const fn narrow(slots: usize) -> u16 {
    debug_assert!(slots <= MAX_SLOTS);
    #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 4096 slots")]
    let narrow = slots as u16;
    narrow
}
