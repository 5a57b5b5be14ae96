//! Layer 1 · knows: sync · must not know: connections, waiters, which slots share a word
//!
//! What the pool writes down about each slot: two words, kept beside the connection so that a borrower touches one
//! cache line. [`Books`] finds them by stride, so the layers that keep them need not know what they stand beside.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::sync::{AtomicUsize, Relaxed, cold_path, const_fn};

/// The slot holds a connection: its cell is initialised (invariant I3).
const FILLED: usize = 1 << 0;
/// The slot has no connection and may be given one.
const VACANT: usize = 1 << 1;
/// The slot is above the present maximum size; with [`FILLED`] its connection is set aside.
const RETIRED: usize = 1 << 2;
/// One use of the present connection; the count fills the rest of the word and wraps.
const USE: usize = 1 << 3;
/// The next use is the first one since somebody read the figures: an event to take a closer look at. Anybody may set
/// it; a set that comes between the owner's load and store is lost, and a look is missed. At the top, where the
/// addition that counts the use shows it in the sign.
const NEWS: usize = 1 << (usize::BITS - 1);

/// The books of one slot.
pub(crate) struct Book {
    /// A word of the bitmap if the slot leads a group, else unused: see `bitmap::Layout`.
    pub(crate) word: AtomicUsize,
    /// `{ NEWS, uses, RETIRED, VACANT, FILLED }`. But for NEWS it is written only by the slot's owner (invariant I2), so
    /// plain loads and stores do, ordered by whatever passes the slot on; anybody may read it, and sees a past state.
    ledger: AtomicUsize,
}

impl Book {
    const_fn! {
        /// A vacant slot, in a word without a free slot.
        pub(crate) const fn vacant() -> Self {
            Self { word: AtomicUsize::new(0), ledger: AtomicUsize::new(VACANT) }
        }
    }

    const_fn! {
        /// A slot above the maximum size, in a word without a free slot.
        pub(crate) const fn retired() -> Self {
            Self { word: AtomicUsize::new(0), ledger: AtomicUsize::new(RETIRED) }
        }
    }

    /// Counts one use by the slot's owner; `true` if it is news.
    #[inline(always)]
    pub(crate) fn count_use(&self) -> bool {
        // Relaxed: the owner wrote it last or got it with the slot (I2).
        let counted = self.ledger.load(Relaxed).wrapping_add(USE);
        let is_news = counted & NEWS != 0;
        // Two stores, so that the usual claim does not wait for a choice between two values.
        if is_news {
            cold_path();
            self.ledger.store(counted & !NEWS, Relaxed);
        } else {
            self.ledger.store(counted, Relaxed);
        }
        is_news
    }

    /// Takes a use back that came to nothing: by the slot's owner, who has counted it.
    pub(crate) fn uncount_use(&self) {
        // Relaxed: as in `count_use`.
        self.ledger.store(self.ledger.load(Relaxed).wrapping_sub(USE), Relaxed);
    }

    /// Makes the next use news.
    pub(crate) fn want_news(&self) {
        if !self.wants_news() {
            // One modification, so that it cannot undo a use that the owner counts meanwhile.
            self.ledger.fetch_or(NEWS, Relaxed);
        }
    }

    /// Whether the slot was not used since its next use was made news.
    pub(crate) fn wants_news(&self) -> bool {
        self.has(NEWS)
    }

    /// How often the present connection has been borrowed.
    pub(crate) fn uses(&self) -> usize {
        (self.ledger.load(Relaxed) & !NEWS) / USE
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
        self.ledger.store(FILLED | NEWS, Relaxed);
    }

    /// The slot's connection is gone; its owner has yet to say what becomes of the slot.
    pub(crate) fn set_empty(&self) {
        self.put(FILLED, false);
    }

    pub(crate) fn set_vacant(&self, vacant: bool) {
        self.put(VACANT, vacant);
    }

    pub(crate) fn set_retired(&self, retired: bool) {
        self.put(RETIRED, retired);
    }

    fn has(&self, flag: usize) -> bool {
        self.ledger.load(Relaxed) & flag != 0
    }

    fn put(&self, flag: usize, on: bool) {
        let before = self.ledger.load(Relaxed);
        let after = if on { before | flag } else { before & !flag };
        debug_assert!(after & (FILLED | VACANT) != FILLED | VACANT, "vacant and filled at once");
        self.ledger.store(after, Relaxed);
    }
}

/// All the books of a pool, one every `stride` bytes.
#[derive(Clone, Copy)]
pub(crate) struct Books<'a> {
    first: NonNull<Book>,
    stride: usize,
    len: usize,
    pool: PhantomData<&'a [Book]>,
}

// SAFETY: a `Books` is a shared borrow of `Book`s, which are `Sync`: other threads do no more with it than this one.
unsafe impl Send for Books<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for Books<'_> {}

impl<'a> Books<'a> {
    /// # Safety
    ///
    /// For each `i < len` there must be a `Book` at `first + i * stride` bytes, all in one allocation that `first` may
    /// reach, shared and alive for `'a`.
    #[inline(always)]
    pub(crate) const unsafe fn new(first: NonNull<Book>, stride: usize, len: usize) -> Self {
        Self { first, stride, len, pool: PhantomData }
    }

    pub(crate) const fn len(self) -> usize {
        self.len
    }

    /// The book of a slot. Slot numbers come from the bitmap or from a loop up to [`len`](Self::len), never from
    /// outside (invariant I5), so a wrong one is a bug of this crate, caught by the assertion in debug builds.
    #[inline(always)]
    pub(crate) fn get(self, slot: usize) -> &'a Book {
        debug_assert!(slot < self.len);
        // SAFETY: `slot < len` by I5, so the address lies in the allocation that `new` was promised.
        let book = unsafe { self.first.byte_add(slot * self.stride) };
        // SAFETY: `new` was promised a shared `Book` there for 'a.
        unsafe { book.as_ref() }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Book> {
        (0..self.len).map(move |slot| self.get(slot))
    }
}
