//! Layer 1 · knows: sync, books · must not know: connections, waiters, why somebody must be looked after
//!
//! The bitmap of free slots: claiming a slot and giving it back take one atomic read-modify-write each.
//!
//! Slots are grouped; the first slot of a group keeps the group's word, so the words lie as far apart as the slots do
//! and threads that start at different words (their homes) share no cache line.
//!
//! A word is `{ ATTEND, free }`:
//!
//! | field | bits | meaning |
//! |---|---|---|
//! | `free` | the rest | bit i: slot i of the group is idle and anybody may claim it |
//! | `ATTEND` | top | somebody must be looked after: claim only under the line's lock, and look there after giving back |
//!
//! | word | a claim | `give_back` | `attend` | `unattend` |
//! |---|---|---|---|---|
//! | ATTEND clear, some free | takes the lowest | done | sets it | – |
//! | ATTEND clear, none free | goes to the next word | done | sets it | – |
//! | ATTEND set | refuses | reports it | – | clears it |
//!
//! # Memory ordering
//!
//! A claim is Acquire and `give_back` is Release on the same word, so a holder sees all that earlier holders of the
//! slot wrote; everything between them on that word is a read-modify-write and so keeps the release sequence whole.
//! Setting and clearing ATTEND orders nothing by itself: what matters is only that it is *one* modification of the
//! word, which comes before or after each claim and each return, and shows which.

use crate::books::Books;
#[cfg(any(feature = "ffi", test))]
use crate::sync::cold_path;
use crate::sync::{AtomicUsize, Relaxed, collided, ord};

const ATTEND: usize = 1 << (usize::BITS - 1);
/// The most slots a word can hold: the largest power of two that leaves room for ATTEND.
const MOST_PER_WORD: usize = usize::BITS as usize / 2;
/// Groups are not made smaller than this. Models take smaller ones, to have several words in a few slots.
const FEWEST_PER_WORD: usize = if cfg!(any(conn_pool_loom, conn_pool_shuttle)) { 2 } else { 4 };
/// With more words than this, a hint says which one to look at when the home word has nothing.
const MOST_WORDS_WITHOUT_HINT: usize = 8;

/// How the slots are spread over words.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    words: usize,
    slots_per_word_log2: u32,
}

impl Layout {
    /// Up to eight words of at least four slots: enough homes for the threads that such a pool serves at once, and few
    /// words to look through when hardly anything is free. Beyond that the words are full ones.
    pub(crate) const fn new(slots: usize) -> Self {
        let wanted = slots.div_ceil(8).next_power_of_two();
        let slots_per_word = if wanted < FEWEST_PER_WORD {
            FEWEST_PER_WORD
        } else if wanted > MOST_PER_WORD {
            MOST_PER_WORD
        } else {
            wanted
        };
        Self { words: slots.div_ceil(slots_per_word), slots_per_word_log2: slots_per_word.ilog2() }
    }

    #[inline(always)]
    const fn word_of(self, slot: usize) -> usize {
        if self.words == 1 { 0 } else { slot >> self.slots_per_word_log2 }
    }

    #[inline(always)]
    const fn bit_of(self, slot: usize) -> usize {
        1 << if self.words == 1 { slot } else { slot & self.index_mask() }
    }

    #[inline(always)]
    const fn index_mask(self) -> usize {
        (1 << self.slots_per_word_log2) - 1
    }

    /// The slot behind the lowest set bit of a word, which has one.
    #[inline(always)]
    const fn lowest_slot(self, word: usize, bits: usize) -> usize {
        let index = bits.trailing_zeros() as usize;
        if self.words == 1 { index } else { self.first_slot(word) + index }
    }

    #[inline(always)]
    const fn first_slot(self, word: usize) -> usize {
        word << self.slots_per_word_log2
    }
}

/// Why a claim came back without a slot.
///
/// As large as a slot number, so that an answer (`Result<usize, Missed>`) travels in two registers and not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Missed {
    /// Each word was without a free slot when it was looked at; with more than one word that is not a snapshot.
    NoneSeen,
    /// A word has its attention bit set.
    Attend,
}

/// What became of a slot that was to be given back once.
#[cfg(any(feature = "ffi", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the slot may not be back yet"]
pub(crate) enum GivenBack {
    Now,
    /// It was free already.
    Already,
    /// Somebody must be attended to, so it is to be given back under the lock.
    NotYet,
}

#[derive(Clone, Copy)]
pub(crate) struct Bitmap<'a> {
    books: Books<'a>,
    layout: Layout,
}

impl<'a> Bitmap<'a> {
    #[inline(always)]
    pub(crate) const fn new(books: Books<'a>, layout: Layout) -> Self {
        Self { books, layout }
    }

    pub(crate) const fn books(self) -> Books<'a> {
        self.books
    }

    /// Claims the first slot of the home word, if it is free and nobody must be attended to: the fast path.
    ///
    /// That is the slot which [`claim_any`](Self::claim_any) would find, since it is the lowest. Asking for it by name
    /// makes its number known before the word has been read: the processor predicts the branch and need not wait for
    /// the number to be worked out from the word, neither here nor where the slot is given back.
    ///
    /// `met` is called if another thread was in the way.
    #[inline(always)]
    pub(crate) fn claim_first(self, home: impl FnOnce() -> usize, met: impl FnOnce()) -> Option<usize> {
        if self.layout.words == 0 {
            return None;
        }
        let word = self.home_word(home);
        let cell = self.word(word);
        // Relaxed: only a guess, which the exchange confirms.
        let seen = cell.load(Relaxed);
        if seen & 1 == 0 || seen & ATTEND != 0 {
            return None;
        }
        // O1: pairs with O5, the Release of `give_back`; without it the new holder may read the connection half-written.
        // An exchange, and not a blind clearing of the bit, because it fails if ATTEND came up in between: a claim that
        // still went through would overtake whoever had just joined the line.
        if cell.compare_exchange_weak(seen, seen - 1, ord!(O1, Acquire), Relaxed).is_err() {
            met();
            return None;
        }
        Some(self.layout.first_slot(word))
    }

    /// Claims any free slot unless somebody must be attended to, looking at the home word first.
    #[inline(always)]
    pub(crate) fn claim_any(self, home: impl FnOnce() -> usize) -> Result<usize, Missed> {
        if self.layout.words == 0 {
            return Err(Missed::NoneSeen);
        }
        let start = self.home_word(home);
        match self.claim_in(start) {
            Err(Missed::NoneSeen) => self.claim_elsewhere(start),
            answer => answer,
        }
    }

    #[inline(always)]
    fn claim_elsewhere(self, start: usize) -> Result<usize, Missed> {
        if let Some(hint) = self.hint() {
            match self.claim_in(hint.load(Relaxed)) {
                Err(Missed::NoneSeen) => {}
                answer => return answer,
            }
        }
        let words = self.layout.words;
        let mut word = start;
        for _ in 1..words {
            word = if word + 1 == words { 0 } else { word + 1 };
            match self.claim_in(word) {
                Err(Missed::NoneSeen) => {}
                answer => return answer,
            }
        }
        Err(Missed::NoneSeen)
    }

    #[inline(always)]
    fn claim_in(self, word: usize) -> Result<usize, Missed> {
        let cell = self.word(word);
        // Relaxed: only a guess, which the exchange confirms.
        let mut seen = cell.load(Relaxed);
        // One comparison for both: with ATTEND the word is negative, without it and without a free slot it is zero.
        while seen.cast_signed() > 0 {
            // O2, and an exchange: as O1 in `claim_first`. `seen & (seen - 1)` clears the lowest bit.
            match cell.compare_exchange_weak(seen, seen & (seen - 1), ord!(O2, Acquire), Relaxed) {
                Ok(_) => return Ok(self.layout.lowest_slot(word, seen)),
                Err(now) => seen = now,
            }
            collided();
        }
        Err(if seen == 0 { Missed::NoneSeen } else { Missed::Attend })
    }

    /// Claims a free slot whether or not somebody must be attended to: for whoever holds the line's lock.
    pub(crate) fn claim_attended(self) -> Option<usize> {
        (0..self.layout.words).find_map(|word| {
            let cell = self.word(word);
            let mut seen = cell.load(Relaxed);
            while seen & !ATTEND != 0 {
                // O3: pairs with O5, as O1 does; the lock's holder passes the slot on through the lock.
                match cell.compare_exchange_weak(seen, seen & (seen - 1), ord!(O3, Acquire), Relaxed) {
                    Ok(_) => return Some(self.layout.lowest_slot(word, seen)),
                    Err(now) => seen = now,
                }
            }
            None
        })
    }

    /// Claims a free slot, one behind `last` if there is one. Looks at them one after the other.
    pub(crate) fn claim_after(self, last: usize) -> Result<usize, Missed> {
        let slots = self.books.len();
        // Before any was lent, `last` is the greatest number of all.
        let behind = last.wrapping_add(1).min(slots);
        for slot in (behind..slots).chain(0..behind) {
            if self.claim_slot(slot)? {
                return Ok(slot);
            }
        }
        Err(Missed::NoneSeen)
    }

    /// Claims one particular slot if it is free, unless somebody must be attended to.
    pub(crate) fn claim_slot(self, slot: usize) -> Result<bool, Missed> {
        self.claim_slot_unless(slot, ATTEND)
    }

    /// Claims one particular slot if it is free: for whoever holds the line's lock.
    pub(crate) fn claim_slot_attended(self, slot: usize) -> bool {
        self.claim_slot_unless(slot, 0) == Ok(true)
    }

    fn claim_slot_unless(self, slot: usize, refuse: usize) -> Result<bool, Missed> {
        let (cell, bit) = (self.word(self.layout.word_of(slot)), self.layout.bit_of(slot));
        let mut seen = cell.load(Relaxed);
        while seen & bit != 0 {
            if seen & refuse != 0 {
                return Err(Missed::Attend);
            }
            // O4: pairs with O5, as O1 does, for the visitor of `retain`.
            match cell.compare_exchange_weak(seen, seen & !bit, ord!(O4, Acquire), Relaxed) {
                Ok(_) => return Ok(true),
                Err(now) => seen = now,
            }
        }
        Ok(false)
    }

    /// Gives a slot back; `true` means that somebody must be attended to.
    ///
    /// An addition, since the bit is clear: it is one instruction that returns the old word, where a used `fetch_or`
    /// would become a compare-exchange loop on x86-64.
    #[inline(always)]
    #[must_use = "somebody may be waiting for this slot"]
    pub(crate) fn give_back(self, slot: usize) -> bool {
        let bit = self.layout.bit_of(slot);
        // O5: pairs with O1 to O4; without it the next holder may read the connection as it was before.
        let before = self.word(self.layout.word_of(slot)).fetch_add(bit, ord!(O5, Release));
        debug_assert!(before & bit == 0, "slot {slot} was given back twice");
        self.note_free(slot, before);
        before & ATTEND != 0
    }

    /// As [`give_back`](Self::give_back), for callers who may be wrong about owning the slot, and who may find the pool gone
    /// as soon as the slot is back: nothing of it is touched after the exchange.
    #[cfg(any(feature = "ffi", test))]
    #[inline(always)]
    pub(crate) fn give_back_once(self, slot: usize) -> GivenBack {
        // The first slot of a group is what `claim_first` finds, and its word is its own: nothing to work out.
        let (cell, bit) = if slot & self.layout.index_mask() == 0 {
            (&self.books.get(slot).word, 1)
        } else {
            cold_path();
            (self.word(self.layout.word_of(slot)), self.layout.bit_of(slot))
        };
        let mut seen = cell.load(Relaxed);
        loop {
            if seen & bit != 0 {
                return GivenBack::Already;
            }
            if seen & ATTEND != 0 {
                cold_path();
                return GivenBack::NotYet;
            }
            self.note_free(slot, seen);
            // O6: as O5.
            match cell.compare_exchange_weak(seen, seen | bit, ord!(O6, Release), Relaxed) {
                Ok(_) => return GivenBack::Now,
                Err(now) => seen = now,
            }
        }
    }

    /// A slot came free in a word that was like this before.
    #[inline(always)]
    fn note_free(self, slot: usize, before: usize) {
        if let Some(hint) = self.hint()
            && before & !ATTEND == 0
        {
            // Relaxed, and only if it is news: a wrong hint costs a look, a written one the other threads' cache line.
            let word = self.layout.word_of(slot);
            if hint.load(Relaxed) != word {
                hint.store(word, Relaxed);
            }
        }
    }

    /// Sets ATTEND in every word: from the last of these until [`unattend`](Self::unattend), slots are claimed under
    /// the line's lock only (invariant I7).
    pub(crate) fn attend(self) {
        for word in 0..self.layout.words {
            // Relaxed: see the module's paragraph on memory ordering.
            self.word(word).fetch_or(ATTEND, Relaxed);
        }
    }

    /// Opens the fast path again.
    pub(crate) fn unattend(self) {
        for word in 0..self.layout.words {
            self.word(word).fetch_and(!ATTEND, Relaxed);
        }
    }

    /// How many slots are free, word by word: a snapshot only while no slot moves.
    pub(crate) fn count_free(self) -> usize {
        (0..self.layout.words).map(|word| (self.word(word).load(Relaxed) & !ATTEND).count_ones() as usize).sum()
    }

    pub(crate) fn is_free(self, slot: usize) -> bool {
        self.word(self.layout.word_of(slot)).load(Relaxed) & self.layout.bit_of(slot) != 0
    }

    /// The word at which this thread looks first; there is at least one.
    #[inline(always)]
    fn home_word(self, home: impl FnOnce() -> usize) -> usize {
        let words = self.layout.words;
        if words <= 1 {
            return 0;
        }
        // A division that is left out where it can be.
        let home = home();
        if home < words { home } else { home % words }
    }

    /// Whether one look at the words is a snapshot.
    #[inline(always)]
    pub(crate) const fn has_one_word(self) -> bool {
        self.layout.words <= 1
    }

    /// Where to look when the home word has nothing: the word that last came by a free slot when it had none. Kept where
    /// the second slot of the first group has a word that it does not need.
    #[inline(always)]
    fn hint(self) -> Option<&'a AtomicUsize> {
        (self.layout.words > MOST_WORDS_WITHOUT_HINT).then(|| &self.books.get(1).word)
    }

    #[inline(always)]
    fn word(self, word: usize) -> &'a AtomicUsize {
        &self.books.get(self.layout.first_slot(word)).word
    }
}
