// knows: bitmap, state, token, sync · must not know: the lock, waiters
//! Where a connection is made, among the vacant slots: where those find it fastest who will use it.

use core::ops::Range;

use super::bitmap::Bitmap;
use super::state::Engine;
use super::token::SlotToken;
use crate::sync::{AtomicUsize, Relaxed, home, move_home, thread_number};

/// For the lock's holder.
impl Engine<'_> {
    /// Takes a vacant slot, the first from the beginning of a word on, round about; it is the caller's from then on.
    pub(super) fn take_vacant(self, word: usize) -> Option<SlotToken> {
        if self.vacant() == 0 {
            return None;
        }
        let first = self.map().slots_in(word).start;
        self.take_vacant_of(first, self.slots()).or_else(|| self.take_vacant_of(0, first))
    }
}

impl<'a> Bitmap<'a> {
    /// The word in which a connection is put that the calling thread makes for itself, for the lock's holder: that of
    /// its home. If another thread has put connections there the thread moves to a word without any, if there is one.
    ///
    /// Threads that connect on demand have not met before, and would share a word for as long as they do not meet.
    pub(crate) fn word_of_thread(self) -> usize {
        let (home, thread) = (self.home_word(home), thread_number());
        if thread == 0 {
            return home;
        }
        let is_others = |owner: &AtomicUsize| ![0, thread].contains(&owner.load(Relaxed));
        let is_empty = |word: &usize| self.connections_in(*word) == 0;
        let mut word = home;
        if !is_empty(&home) {
            if !self.owner(home).is_some_and(is_others) {
                return home;
            }
            let Some(empty) = self.words_from(home).find(is_empty) else { return home };
            move_home(empty);
            word = empty;
        }
        if let Some(owner) = self.owner(word) {
            owner.store(thread, Relaxed);
        }
        word
    }

    /// The word with the fewest connections, for those that the pool makes for any caller.
    pub(crate) fn emptiest_word(self) -> usize {
        let has_room = |word: &usize| self.slots_in(*word).any(|slot| self.states.get(slot).is_vacant());
        (0..self.layout().words).filter(has_room).min_by_key(|word| self.connections_in(*word)).unwrap_or(0)
    }

    fn words_from(self, word: usize) -> impl Iterator<Item = usize> {
        (word..self.layout().words).chain(0..word)
    }

    fn slots_in(self, word: usize) -> Range<usize> {
        let next = word + 1;
        let end = if next < self.layout().words { self.layout().first_slot(next) } else { self.states.len() };
        self.layout().first_slot(word)..end
    }

    /// How many slots of a word have a connection, or are to have one.
    fn connections_in(self, word: usize) -> usize {
        let has_one = |slot: &usize| {
            let state = self.states.get(*slot);
            state.is_filled() || !state.is_vacant() && !state.is_retired()
        };
        self.slots_in(word).filter(has_one).count()
    }

    /// The thread that was the last to put a connection into the empty word; 0 if no thread has done that. Kept in the
    /// word of the last slot of the group, which the bitmap does not use unless it is the only one. (Where there is a
    /// hint, in the second slot of the first group, that has 32 slots.)
    fn owner(self, word: usize) -> Option<&'a AtomicUsize> {
        let slots = self.slots_in(word);
        (slots.len() > 1).then(|| &self.states.get(slots.end - 1).word)
    }
}
