// knows: nothing · must not know: what is in a slot, who claims it
//! How the slots of a pool lie in its memory, and how they are spread over the words of the bitmap.

/// The bits of a word that say which slots are free: all but the top one, and those that `slot_state` keeps for the
/// slot itself.
pub(super) const FREE_BITS: u32 = usize::BITS - 1 - FLAG_BITS;
/// How many bits at the bottom of a slot's word tell the slot's own state; none where that has a word of its own.
pub(super) const FLAG_BITS: u32 = if cfg!(feature = "statistics") { 0 } else { 3 };
/// The most slots in a word if there are several: the largest power of two that has room.
const MAX_PER_WORD: usize = usize::BITS as usize / 2;
/// The fewest slots in a word. Models take fewer, to have several words in a few slots.
const MIN_PER_WORD: usize = if cfg!(any(conn_pool_loom, conn_pool_shuttle)) { 2 } else { 4 };
/// Whether threads can be told apart. Without that each claim starts at the same word, so more words than are needed
/// would only be in the way.
pub(crate) const HAS_HOMES: bool = cfg!(any(feature = "std", conn_pool_loom, conn_pool_shuttle));

/// Whether a hold of the lock is to be as short as can be: where it masks interrupts, or threads spin meanwhile.
pub(super) const SHORT_HOLDS: bool = !cfg!(feature = "std");

/// How many slots one hold of the lock looks at, so that a hold is short in a large pool too.
pub(super) const SLOTS_A_HOLD: usize = if SHORT_HOLDS { 8 } else { 64 };

/// Where the parts of a pool lie in it, in bytes from its start.
#[derive(Clone, Copy)]
pub(crate) struct Offsets {
    pub(crate) engine: usize,
    /// The state of the first slot.
    pub(crate) first: usize,
    /// From one slot to the next.
    pub(crate) stride: usize,
}

/// How the slots lie in memory and are spread over words.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(super) offsets: Offsets,
    pub(super) slots: usize,
    pub(super) words: usize,
    slots_per_word_log2: u32,
    /// Which bits of a slot's number tell its place in its group. Firmware, with little memory, computes them.
    #[cfg(feature = "std")]
    index_mask: usize,
}

impl Layout {
    /// One word where it is enough and threads cannot be told apart. Else up to eight words of at least four slots:
    /// enough homes for the threads that such a pool serves at once, and few words to search when hardly anything is
    /// free. A larger pool has full words, as many as it needs.
    pub(crate) const fn new(slots: usize, offsets: Offsets) -> Self {
        let wanted = slots.div_ceil(8).next_power_of_two();
        let slots_per_word = if !HAS_HOMES && slots <= FREE_BITS as usize {
            FREE_BITS as usize
        } else if !HAS_HOMES || wanted > MAX_PER_WORD {
            MAX_PER_WORD
        } else if wanted < MIN_PER_WORD {
            MIN_PER_WORD
        } else {
            wanted
        };
        let slots_per_word_log2 = slots_per_word.ilog2();
        Self {
            offsets,
            slots,
            words: slots.div_ceil(slots_per_word),
            slots_per_word_log2,
            #[cfg(feature = "std")]
            index_mask: (1 << slots_per_word_log2) - 1,
        }
    }

    /// For a pool that knows them too, and lets the compiler know.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) const fn offsets(&self) -> Offsets {
        self.offsets
    }

    /// The word that a slot keeps in a pool whose slots are all free: zero if it leads no group.
    pub(super) const fn full_word(&self, slot: usize) -> usize {
        if slot != self.first_slot(self.word_of(slot)) {
            return 0;
        }
        let (rest, group) = (self.slots - slot, 1 << self.slots_per_word_log2);
        let free = if self.words == 1 || rest < group { rest } else { group };
        ((1 << free) - 1) << FLAG_BITS
    }

    #[inline(always)]
    pub(super) const fn word_of(&self, slot: usize) -> usize {
        if self.words == 1 { 0 } else { slot >> self.slots_per_word_log2 }
    }

    #[inline(always)]
    pub(super) const fn bit_of(&self, slot: usize) -> usize {
        1 << (FLAG_BITS as usize + if self.words == 1 { slot } else { slot & self.index_mask() })
    }

    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) const fn index_mask(&self) -> usize {
        self.index_mask
    }

    #[cfg(not(feature = "std"))]
    #[inline(always)]
    pub(super) const fn index_mask(&self) -> usize {
        (1 << self.slots_per_word_log2) - 1
    }

    /// From the first slot of a group to that of the next, in bytes.
    #[inline(always)]
    pub(super) const fn group_stride(&self) -> usize {
        self.offsets.stride << self.slots_per_word_log2
    }

    /// The slot behind the lowest free bit of a word, which has one.
    #[inline(always)]
    pub(super) const fn lowest_slot(&self, word: usize, free: usize) -> usize {
        let index = lowest_bit(free >> FLAG_BITS);
        if self.words == 1 { index } else { self.first_slot(word) + index }
    }

    #[inline(always)]
    pub(super) const fn first_slot(&self, word: usize) -> usize {
        if self.words == 1 { 0 } else { self.leader(word) }
    }

    /// As [`first_slot`](Self::first_slot), without a look whether there is one word, which is word 0. Slow paths look:
    /// most pools that they serve have one.
    #[inline(always)]
    pub(super) const fn leader(&self, word: usize) -> usize {
        word << self.slots_per_word_log2
    }
}

/// The lowest set bit of a word, which has one.
#[inline(always)]
const fn lowest_bit(bits: usize) -> usize {
    // A target without compare-and-swap has no instruction for it either, and what stands for it is longer than a loop.
    if cfg!(target_has_atomic = "ptr") { bits.trailing_zeros() as usize } else { lowest_bit_in_a_loop(bits) }
}

#[inline]
pub(crate) const fn lowest_bit_in_a_loop(mut bits: usize) -> usize {
    let mut lowest = 0;
    while bits & 1 == 0 {
        bits >>= 1;
        lowest += 1;
    }
    lowest
}
