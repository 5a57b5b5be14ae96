// knows: layout, slot_state, token, sync · must not know: connections, waiters, why the fast path is closed
//! The bitmap of free slots: claiming a slot and releasing it take one atomic read-modify-write each.
//!
//! Slots are grouped. The first slot of a group keeps the group's word, so words lie as far apart as the slots do, and
//! threads that start at different words (their homes) share no cache line.
//!
//! A word is `{ SLOW, free, flags }`:
//!
//! | field | bits | meaning |
//! |---|---|---|
//! | `SLOW` | top | the fast path is closed: claim under the engine's lock only, and take the lock after a release |
//! | `free` | the rest | bit i: slot i of the group is idle and may be claimed |
//! | `flags` | none, or the lowest three | what `slot_state` keeps there about the group's first slot, if it has no other place |
//!
//! | word | a claim | `release` | `close_fast_path` | `open_fast_path` |
//! |---|---|---|---|---|
//! | SLOW clear, some free | takes the lowest | done | sets SLOW | – |
//! | SLOW clear, none free | goes to the next word | done | sets SLOW | – |
//! | SLOW set | refuses | reports it | – | clears SLOW |
//!
//! # Memory ordering
//!
//! A claim is Acquire and `release` is Release on the same word, so the owner of a slot sees everything that earlier
//! owners wrote. Every access between the two on that word is a read-modify-write, which keeps the release sequence
//! whole. Setting and clearing SLOW orders no slot by itself: it only has to be *one* modification of the word, which
//! comes before or after each claim and each release, and shows which. Setting it is Release for the pool's slow path,
//! which is known only once it may be needed. `publish` is such a modification too, and Release, for what a later claim
//! has to see.

#[cfg(any(feature = "std", feature = "ffi", test))]
use super::layout::HAS_HOMES;
use super::layout::{FLAG_BITS, Layout, SHORT_HOLDS};
use super::slot_state::{SlotState, SlotStates};
use super::token::SlotToken;
#[cfg(any(feature = "std", feature = "ffi", test))]
use crate::sync::cold_path;
use crate::sync::{AtomicUsize, Relaxed, collided, exchange_and, ord, store_plain};

const SLOW: usize = 1 << (usize::BITS - 1);
/// The bits that say which slots are free.
const FREE: usize = !SLOW & usize::MAX << FLAG_BITS;
/// The bit of a group's first slot.
const FIRST: usize = 1 << FLAG_BITS;
/// With more words than this, a hint says which word to look at when the home word has nothing.
const MAX_WORDS_WITHOUT_HINT: usize = 8;
/// With more words than this, one hold of the lock makes no more than one pass over them.
const MAX_WORDS_A_HOLD: usize = if SHORT_HOLDS { 1 } else { 8 };

/// Why a claim without the lock has no slot.
///
/// As large as a slot number, so that an answer (`Result<SlotToken, ClaimError>`) travels in two registers and not in
/// memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum ClaimError {
    /// Each word was without a free slot when it was looked at; with more than one word that is not a snapshot.
    NoneSeen,
    /// The fast path is closed: a word has SLOW set.
    SlowPath,
}

/// What `release_once` did.
#[cfg(any(feature = "ffi", test))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the slot may not be released yet"]
pub(crate) enum Released {
    Now,
    /// Nothing: the slot was free already.
    Already,
    /// Nothing: the fast path is closed, so the slot has to be released under the lock.
    NotYet,
}

#[derive(Clone, Copy)]
pub(crate) struct Bitmap<'a> {
    pub(super) states: SlotStates<'a>,
}

impl<'a> Bitmap<'a> {
    #[inline(always)]
    pub(crate) const fn new(states: SlotStates<'a>) -> Self {
        Self { states }
    }

    #[inline(always)]
    pub(super) const fn layout(self) -> &'a Layout {
        self.states.layout()
    }

    /// Claims the first slot of the home word, if it is free and the fast path is open.
    ///
    /// That is the slot which [`claim_any`](Self::claim_any) would find, since it is the lowest. Since it is fixed, its
    /// number is known before the word has been read: the processor predicts the branch and does not wait for the
    /// number to be computed from the word, neither here nor where the slot is released.
    ///
    /// `met` is called if the exchange fails, which is nearly always because another thread has changed the word;
    /// `note` if it succeeds, and where the exchange is a critical section, in that: so it is short, here and below.
    #[inline(always)]
    pub(crate) fn claim_first(
        self,
        home: impl FnOnce() -> usize,
        met: impl FnOnce(),
        note: impl FnOnce(&SlotState),
    ) -> Option<SlotToken> {
        if self.layout().words == 0 {
            return None;
        }
        let leader = self.layout().leader(self.home_word(home));
        let state = self.states.get(leader);
        let cell = &state.word;
        // Relaxed: only a guess, which the exchange confirms.
        let seen = cell.load(Relaxed);
        if seen & FIRST == 0 || seen & SLOW != 0 {
            return None;
        }
        // O1: pairs with O5, the Release of `release`; without it the new owner may read the connection half-written.
        // An exchange, and not a blind clearing of the bit, because it fails if SLOW was set in between: a claim that
        // still went through would overtake a waiter that had just joined the queue.
        let claimed = exchange_and!(cell, seen, seen - FIRST, ord!(O1, Acquire), slot = leader => {
            note(state);
            SlotToken::new(slot)
        });
        if claimed.is_err() {
            met();
        }
        claimed.ok()
    }

    /// Claims any free slot while the fast path is open, looking at the home word first.
    #[inline(always)]
    pub(crate) fn claim_any(
        self,
        home: impl FnOnce() -> usize,
        note: impl Fn(&SlotToken),
    ) -> Result<SlotToken, ClaimError> {
        if self.layout().words == 0 {
            return Err(ClaimError::NoneSeen);
        }
        let start = self.home_word(home);
        match self.claim_in(start, &note) {
            Err(ClaimError::NoneSeen) => self.claim_elsewhere(start, &note),
            answer => answer,
        }
    }

    #[inline(always)]
    fn claim_elsewhere(self, start: usize, note: &impl Fn(&SlotToken)) -> Result<SlotToken, ClaimError> {
        if let Some(hint) = self.hint() {
            match self.claim_in(hint.load(Relaxed), note) {
                Err(ClaimError::NoneSeen) => {}
                answer => return answer,
            }
        }
        let words = self.layout().words;
        let mut word = start;
        for _ in 1..words {
            word = if word + 1 == words { 0 } else { word + 1 };
            match self.claim_in(word, note) {
                Err(ClaimError::NoneSeen) => {}
                answer => return answer,
            }
        }
        Err(ClaimError::NoneSeen)
    }

    #[inline(always)]
    fn claim_in(self, word: usize, note: &impl Fn(&SlotToken)) -> Result<SlotToken, ClaimError> {
        let cell = self.word(word);
        // Relaxed: only a guess, which the exchange confirms.
        let mut seen = cell.load(Relaxed);
        // One comparison for both: with SLOW the word is negative, without it and without a free slot it is no more
        // than the flags.
        while seen.cast_signed() >= FIRST.cast_signed() {
            // O2, and an exchange: as O1 in `claim_first`.
            match exchange_and!(cell, seen, without_lowest(seen), ord!(O2, Acquire),
                slot = self.layout().lowest_slot(word, seen) => noted(slot, note))
            {
                Ok(claimed) => return Ok(claimed),
                Err(now) => seen = now,
            }
            collided();
        }
        Err(if seen & SLOW == 0 { ClaimError::NoneSeen } else { ClaimError::SlowPath })
    }

    /// Claims a free slot, whether or not the fast path is open: for the lock's holder.
    pub(crate) fn claim_locked(self) -> Option<SlotToken> {
        // Two loops, since the first passes over many words in large pools.
        while let Some(word) = self.words().position(|word| word.load(Relaxed) & FREE != 0) {
            let cell = self.word(word);
            let seen = cell.load(Relaxed);
            // O3: pairs with O5, as O1 does; the lock's holder passes the slot on through the lock, or the grant. It
            // fails if a slot comes free meanwhile: none is claimed elsewhere.
            if cell.compare_exchange_weak(seen, without_lowest(seen), ord!(O3, Acquire), Relaxed).is_ok() {
                return Some(SlotToken::new(self.layout().lowest_slot(word, seen)));
            }
        }
        None
    }

    /// Claims a free slot, one behind `last` if there is one. Looks at the slots one after the other.
    pub(crate) fn claim_after(self, last: usize, note: impl Fn(&SlotToken)) -> Result<SlotToken, ClaimError> {
        let slots = self.states.len();
        // Before the first claim, `last` is the greatest number of all.
        let behind = last.wrapping_add(1).min(slots);
        for slot in (behind..slots).chain(0..behind) {
            if let Some(claimed) = self.claim_slot_unless(slot, SLOW, &note)? {
                return Ok(claimed);
            }
        }
        Err(ClaimError::NoneSeen)
    }

    /// Claims one particular slot if it is free, while the fast path is open.
    pub(crate) fn claim_slot(self, slot: usize) -> Result<Option<SlotToken>, ClaimError> {
        self.claim_slot_unless(slot, SLOW, |_| ())
    }

    /// Claims one particular slot if it is free: for the lock's holder.
    pub(crate) fn claim_slot_locked(self, slot: usize) -> Option<SlotToken> {
        self.claim_slot_unless(slot, 0, |_| ()).ok().flatten()
    }

    fn claim_slot_unless(
        self,
        slot: usize,
        refuse: usize,
        note: impl Fn(&SlotToken),
    ) -> Result<Option<SlotToken>, ClaimError> {
        let (cell, bit) = (self.word(self.layout().word_of(slot)), self.layout().bit_of(slot));
        let mut seen = cell.load(Relaxed);
        while seen & bit != 0 {
            if seen & refuse != 0 {
                return Err(ClaimError::SlowPath);
            }
            // O4: pairs with O5, as O1 does, for `retain`, `evict_all` and maintenance, which claim by number.
            match exchange_and!(cell, seen, seen & !bit, ord!(O4, Acquire), number = slot => noted(number, &note)) {
                Ok(claimed) => return Ok(Some(claimed)),
                Err(now) => seen = now,
            }
        }
        Ok(None)
    }

    /// Releases a slot; `true` means that the fast path is closed, so the slow half of the release has to follow.
    ///
    /// An addition, since the bit is clear: one instruction that returns the old word. A `fetch_or` whose result is
    /// used would be a compare-exchange loop on x86-64.
    #[inline(always)]
    #[must_use = "a waiter may be due for this slot"]
    pub(crate) fn release(self, slot: SlotToken) -> bool {
        let slot = slot.into_raw();
        let bit = self.layout().bit_of(slot);
        // O5: pairs with O1 to O4; without it the next owner may read the connection as it was before.
        let before = self.word(self.layout().word_of(slot)).fetch_add(bit, ord!(O5, Release));
        debug_assert!(before & bit == 0, "slot {slot} was released twice");
        self.note_free(slot, before);
        before & SLOW != 0
    }

    /// Releases a slot while SLOW is clear, and hands it back if it is set. In contrast to [`release`](Self::release),
    /// a slot that was released here was seen by no holder of the lock on its way, so the caller need not touch the
    /// pool again, and the pool may be gone.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn release_unless_slow(self, slot: SlotToken) -> Result<(), SlotToken> {
        let number = slot.index();
        let (cell, bit) = self.place_of(number);
        let mut seen = cell.load(Relaxed);
        loop {
            debug_assert!(seen & bit == 0, "slot {number} was released twice");
            if seen & SLOW != 0 {
                cold_path();
                return Err(slot);
            }
            self.note_free(number, seen);
            // O15: as O5.
            match cell.compare_exchange_weak(seen, seen | bit, ord!(O15, Release), Relaxed) {
                Ok(_) => {
                    let _released = slot.into_raw();
                    return Ok(());
                }
                Err(now) => seen = now,
            }
        }
    }

    /// As [`release`](Self::release), for callers who may not own the slot, and who may find the pool gone as soon as
    /// the slot is released: nothing of the pool is touched after the exchange.
    #[cfg(any(feature = "ffi", test))]
    #[inline(always)]
    pub(crate) fn release_once(self, slot: usize) -> Released {
        let (cell, bit) = self.place_of(slot);
        let mut seen = cell.load(Relaxed);
        loop {
            if seen & bit != 0 {
                return Released::Already;
            }
            if seen & SLOW != 0 {
                cold_path();
                return Released::NotYet;
            }
            self.note_free(slot, seen);
            // O6: as O5.
            match cell.compare_exchange_weak(seen, seen | bit, ord!(O6, Release), Relaxed) {
                Ok(_) => return Released::Now,
                Err(now) => seen = now,
            }
        }
    }

    /// The word of a slot's group, and the slot's bit in it, where the layout is known at run time only.
    #[cfg(any(feature = "std", feature = "ffi", test))]
    #[inline(always)]
    fn place_of(self, slot: usize) -> (&'a AtomicUsize, usize) {
        // The first slot of a group, which `claim_first` finds, keeps the group's word itself: nothing to compute.
        // Without homes one word may have more slots than the mask can tell.
        if HAS_HOMES && slot & self.layout().index_mask() == 0 {
            (&self.states.get(slot).word, FIRST)
        } else {
            (self.word(self.layout().word_of(slot)), self.layout().bit_of(slot))
        }
    }

    /// Updates the hint for a slot that is released in a word which was `before`.
    #[inline(always)]
    fn note_free(self, slot: usize, before: usize) {
        if let Some(hint) = self.hint()
            && before & FREE == 0
        {
            // Relaxed, and only if it changes: a wrong hint costs a look at a word, a written one costs other threads a
            // cache miss.
            let word = self.layout().word_of(slot);
            if hint.load(Relaxed) != word {
                store_plain(hint, word);
            }
        }
    }

    /// Comes before or after each claim in the modifications of its word: a claim after it sees what the caller did
    /// before, and the caller sees the word as a claim before it has left it.
    pub(crate) fn publish(self) {
        for word in self.words() {
            // O7: pairs with O1, O2 and O4; without it a claim that comes later may not see that maintenance sleeps.
            word.fetch_or(0, ord!(O7, Release));
        }
    }

    /// Sets SLOW in every word: from the last of these until [`open_fast_path`](Self::open_fast_path), slots are
    /// claimed under the engine's lock only (I7).
    pub(crate) fn close_fast_path(self) {
        for word in self.words() {
            // O10: pairs with O11; without it a caller that finds SLOW set may not see the pool's slow path.
            word.fetch_or(SLOW, ord!(O10, Release));
        }
    }

    /// Clears SLOW in every word.
    pub(crate) fn open_fast_path(self) {
        for word in self.words() {
            word.fetch_and(!SLOW, Relaxed);
        }
    }

    /// How many slots are free, word by word: a snapshot only while no slot is claimed or released.
    pub(crate) fn count_free(self) -> usize {
        self.words().map(|word| (word.load(Relaxed) & FREE).count_ones() as usize).sum()
    }

    pub(crate) fn is_free(self, slot: usize) -> bool {
        self.word(self.layout().word_of(slot)).load(Relaxed) & self.layout().bit_of(slot) != 0
    }

    /// The word at which this thread looks first; the pool has at least one.
    #[inline(always)]
    pub(super) fn home_word(self, home: impl FnOnce() -> usize) -> usize {
        let words = self.layout().words;
        if words <= 1 {
            return 0;
        }
        // The division is skipped where it can be.
        let home = home();
        if home < words { home } else { home % words }
    }

    /// Whether one look at the words is a snapshot.
    #[inline(always)]
    pub(crate) const fn has_one_word(self) -> bool {
        self.layout().words <= 1
    }

    /// Whether there are so many words that each pass over them is to be a hold of the lock of its own.
    #[inline]
    pub(crate) const fn passes_are_apart(self) -> bool {
        self.layout().words > MAX_WORDS_A_HOLD
    }

    /// Where to look when the home word has nothing: the word in which a slot was last released while none of its slots
    /// was free. Kept in the word of the second slot of the first group, which the bitmap does not use.
    #[inline(always)]
    fn hint(self) -> Option<&'a AtomicUsize> {
        (FLAG_BITS == 0 && self.layout().words > MAX_WORDS_WITHOUT_HINT).then(|| &self.states.get(1).word)
    }

    /// The words, one after the other.
    #[inline(always)]
    fn words(self) -> impl Iterator<Item = &'a AtomicUsize> {
        self.states.leaders().map(|leader| &leader.word)
    }

    #[inline(always)]
    fn word(self, word: usize) -> &'a AtomicUsize {
        &self.states.get(self.layout().first_slot(word)).word
    }
}

/// The token of a slot that was claimed, which `note` has seen.
#[inline(always)]
fn noted(slot: usize, note: impl FnOnce(&SlotToken)) -> SlotToken {
    let claimed = SlotToken::new(slot);
    note(&claimed);
    claimed
}

/// A word without its lowest free slot.
#[inline(always)]
const fn without_lowest(word: usize) -> usize {
    let free = word & FREE;
    // With no flags below, that is `word & (word - 1)`.
    word & !(free & free.wrapping_neg())
}
