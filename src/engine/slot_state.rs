// knows: sync · must not know: connections, waiters, which slots share a word
//! What the pool records about each slot: two words, kept beside the connection so that an acquire touches one cache
//! line. [`SlotStates`] finds them by stride, so the engine does not know what they stand beside.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::sync::{AtomicUsize, Relaxed, cold_path, const_fn};

/// The slot holds a connection: its cell is initialised (I3).
const FILLED: usize = 1 << 0;
/// The slot has no connection and may be given one.
const VACANT: usize = 1 << 1;
/// The slot is above the present maximum size; with [`FILLED`], its connection is set aside.
const RETIRED: usize = 1 << 2;
/// One use of the present connection; the count fills the rest of the word and wraps.
const USE: usize = 1 << 3;
/// The next use is the first since the slot was filled or the metrics were read: a peak may be due. Any thread may set
/// it; a set that comes between the owner's load and store is lost, and a peak is missed. At the top, where the
/// addition that counts the use shows it in the sign.
const PEAK_DUE: usize = 1 << (usize::BITS - 1);

/// The state of one slot.
pub(crate) struct SlotState {
    /// A word of the bitmap if the slot leads a group, else unused: see `bitmap::Layout`.
    pub(super) word: AtomicUsize,
    /// `{ PEAK_DUE, uses, RETIRED, VACANT, FILLED }`. Apart from `PEAK_DUE`, it is written only by the slot's owner
    /// (I2), so plain loads and stores are enough: they are ordered by what passes the slot on. Any thread may read it,
    /// and sees a past state.
    state: AtomicUsize,
}

impl SlotState {
    const_fn! {
        /// A vacant slot, in a word without a free slot.
        pub(crate) const fn vacant() -> Self {
            Self { word: AtomicUsize::new(0), state: AtomicUsize::new(VACANT) }
        }
    }

    const_fn! {
        /// A slot above the maximum size, in a word without a free slot.
        pub(crate) const fn retired() -> Self {
            Self { word: AtomicUsize::new(0), state: AtomicUsize::new(RETIRED) }
        }
    }

    const_fn! {
        /// A filled slot, never used. `word` is its word of the bitmap: see `Layout::full_word`.
        pub(crate) const fn filled(word: usize) -> Self {
            Self { word: AtomicUsize::new(word), state: AtomicUsize::new(FILLED | PEAK_DUE) }
        }
    }

    /// Counts one use, by the slot's owner; `true` if a peak may be due.
    #[inline(always)]
    pub(crate) fn count_use(&self) -> bool {
        // Relaxed: the owner wrote it last or got it with the slot (I2).
        let counted = self.state.load(Relaxed).wrapping_add(USE);
        let is_peak_due = counted & PEAK_DUE != 0;
        // Two stores, so that the usual claim does not wait for a choice between two values.
        if is_peak_due {
            cold_path();
            self.state.store(counted & !PEAK_DUE, Relaxed);
        } else {
            self.state.store(counted, Relaxed);
        }
        is_peak_due
    }

    /// Takes back a use that came to nothing: by the slot's owner, who has counted it.
    pub(crate) fn uncount_use(&self) {
        // Relaxed: as in `count_use`.
        self.state.store(self.state.load(Relaxed).wrapping_sub(USE), Relaxed);
    }

    /// Makes the next use report that a peak may be due.
    pub(super) fn arm_peak(&self) {
        if !self.is_peak_due() {
            // One modification, so that it cannot undo a use that the owner counts meanwhile.
            self.state.fetch_or(PEAK_DUE, Relaxed);
        }
    }

    /// Whether the slot has not been used since it was filled, or since `arm_peak`.
    pub(super) fn is_peak_due(&self) -> bool {
        self.has(PEAK_DUE)
    }

    /// How often the present connection has been acquired.
    pub(crate) fn uses(&self) -> usize {
        (self.state.load(Relaxed) & !PEAK_DUE) / USE
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.has(FILLED)
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.has(VACANT)
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.has(RETIRED)
    }

    /// The slot has a connection from now on, never used.
    pub(crate) fn set_filled(&self) {
        self.state.store(FILLED | PEAK_DUE, Relaxed);
    }

    /// The slot's connection is gone; its owner has yet to put the slot down.
    pub(crate) fn set_empty(&self) {
        self.put(FILLED, false);
    }

    pub(super) fn set_vacant(&self, vacant: bool) {
        self.put(VACANT, vacant);
    }

    pub(super) fn set_retired(&self, retired: bool) {
        self.put(RETIRED, retired);
    }

    fn has(&self, flag: usize) -> bool {
        self.state.load(Relaxed) & flag != 0
    }

    fn put(&self, flag: usize, on: bool) {
        let before = self.state.load(Relaxed);
        let after = if on { before | flag } else { before & !flag };
        debug_assert!(after & (FILLED | VACANT) != FILLED | VACANT, "vacant and filled at once");
        self.state.store(after, Relaxed);
    }
}

/// The states of all slots of a pool, one every `stride` bytes.
#[derive(Clone, Copy)]
pub(crate) struct SlotStates<'a> {
    first: NonNull<SlotState>,
    stride: usize,
    len: usize,
    pool: PhantomData<&'a [SlotState]>,
}

// SAFETY: a `SlotStates` is a shared borrow of `SlotState`s, which are `Sync`: other threads do no more with it than
// this one.
unsafe impl Send for SlotStates<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for SlotStates<'_> {}

impl<'a> SlotStates<'a> {
    /// # Safety
    ///
    /// For each `i < len` there must be a `SlotState` at `first + i * stride` bytes, all in one allocation that `first`
    /// may reach, shared and alive for `'a`.
    #[inline(always)]
    pub(crate) const unsafe fn new(first: NonNull<SlotState>, stride: usize, len: usize) -> Self {
        Self { first, stride, len, pool: PhantomData }
    }

    pub(crate) const fn len(self) -> usize {
        self.len
    }

    /// The state of a slot. Slot numbers come from the bitmap or from a loop up to [`len`](Self::len), never from
    /// outside (I5), so a wrong one is a bug of this crate, caught by the assertion in debug builds.
    #[inline(always)]
    pub(crate) fn get(self, slot: usize) -> &'a SlotState {
        debug_assert!(slot < self.len);
        // SAFETY: `slot < len` by I5, so the address lies in the allocation that `new` was promised.
        let state = unsafe { self.first.byte_add(slot * self.stride) };
        // SAFETY: `new` was promised a shared `SlotState` there for 'a.
        unsafe { state.as_ref() }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a SlotState> {
        (0..self.len).map(move |slot| self.get(slot))
    }
}
