// knows: nothing · must not know: what is guarded
//! Words of a target without compare-and-swap, where modifying one takes a critical section, and loading one does not.
//!
//! With its feature `critical-section`, `portable-atomic` makes each load a section too: its modifications access the
//! word as memory that others must not touch meanwhile. Here they load and store it atomically, so a load is one
//! instruction, on any number of cores.
//!
//! If the application has chosen another back end, the words are those of `portable-atomic`.

use core::sync::atomic::{self, Ordering};

/// Only if its atomics are critical sections does `portable-atomic` not call them free of locks: with interrupts masked
/// in line it does.
const BY_SECTION: bool = cfg!(test) || !portable_atomic::AtomicUsize::is_always_lock_free();

#[repr(transparent)]
pub(crate) struct AtomicUsize(atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        Self(atomic::AtomicUsize::new(value))
    }

    /// The word in another back end.
    #[inline(always)]
    const fn portable(&self) -> &portable_atomic::AtomicUsize {
        // SAFETY: a shared borrow of the own field, of the same size and alignment. A program accesses its words so, or
        // (`BY_SECTION`) never.
        unsafe { portable_atomic::AtomicUsize::from_ptr(self.0.as_ptr()) }
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> usize {
        if BY_SECTION { self.0.load(order) } else { self.portable().load(order) }
    }

    /// A section: a modification by another core would undo a store that comes between its load and its store.
    #[inline(always)]
    pub(crate) fn store(&self, value: usize, order: Ordering) {
        if BY_SECTION {
            critical_section::with(|_| self.0.store(value, order));
        } else {
            self.portable().store(value, order);
        }
    }

    #[inline(always)]
    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        if BY_SECTION {
            self.modify(order, |was| was.wrapping_add(value))
        } else {
            self.portable().fetch_add(value, order)
        }
    }

    #[inline(always)]
    pub(crate) fn fetch_or(&self, value: usize, order: Ordering) -> usize {
        if BY_SECTION { self.modify(order, |was| was | value) } else { self.portable().fetch_or(value, order) }
    }

    #[inline(always)]
    pub(crate) fn fetch_and(&self, value: usize, order: Ordering) -> usize {
        if BY_SECTION { self.modify(order, |was| was & value) } else { self.portable().fetch_and(value, order) }
    }

    #[inline(always)]
    pub(crate) fn fetch_max(&self, value: usize, order: Ordering) -> usize {
        if BY_SECTION { self.modify(order, |was| was.max(value)) } else { self.portable().fetch_max(value, order) }
    }

    #[inline(always)]
    pub(crate) fn compare_exchange_weak(
        &self,
        current: usize,
        new: usize,
        success: Ordering,
        failure: Ordering,
    ) -> Result<usize, usize> {
        if BY_SECTION {
            exchange_with(self, current, new, success, || (), |()| current)
        } else {
            self.portable().compare_exchange_weak(current, new, success, failure)
        }
    }

    #[inline(always)]
    fn modify(&self, order: Ordering, change: impl FnOnce(usize) -> usize) -> usize {
        critical_section::with(|_| {
            let was = self.0.load(Ordering::Relaxed);
            self.0.store(change(was), storing(order));
            was
        })
    }
}

/// What of an ordering concerns the store. The load needs none, since a section sees what was done before all earlier
/// ones. The store does: the word may be loaded, and acquired, without a section.
#[inline(always)]
const fn storing(order: Ordering) -> Ordering {
    match order {
        Ordering::Release | Ordering::AcqRel | Ordering::SeqCst => Ordering::Release,
        _ => Ordering::Relaxed,
    }
}

/// A Relaxed store without a section of its own: for a caller that is in one, because it holds the pool's lock, or
/// does the rest of an exchange; or into a word that is not modified, or to the same value.
#[inline(always)]
pub(crate) fn store_plain(word: &AtomicUsize, value: usize) {
    if BY_SECTION { word.0.store(value, Ordering::Relaxed) } else { word.portable().store(value, Ordering::Relaxed) }
}

/// A compare-exchange, and if it succeeds, the rest, in the same section, with what was prepared before that.
macro_rules! exchange_and {
    ($word:expr, $current:expr, $new:expr, $success:expr, $prepared:ident = $prepare:expr => $rest:expr) => {
        $crate::sync::exchange_with($word, $current, $new, $success, || $prepare, |$prepared| $rest)
    };
}
pub(crate) use exchange_and;

#[inline(always)]
pub(crate) fn exchange_with<T, R>(
    word: &AtomicUsize,
    current: usize,
    new: usize,
    success: Ordering,
    prepare: impl FnOnce() -> T,
    rest: impl FnOnce(T) -> R,
) -> Result<R, usize> {
    if !BY_SECTION {
        let done = word.portable().compare_exchange_weak(current, new, success, Ordering::Relaxed);
        return done.map(|_| rest(prepare()));
    }
    let prepared = prepare();
    critical_section::with(|_| {
        let was = word.0.load(Ordering::Relaxed);
        if was != current {
            return Err(was);
        }
        word.0.store(new, storing(success));
        Ok(rest(prepared))
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use core::sync::atomic::Ordering::{Relaxed, Release};
    use std::thread;

    use super::{AtomicUsize, exchange_with, store_plain};

    const THREADS: usize = 4;
    const TURNS: usize = 5_000;

    fn by_threads(work: impl Fn(usize) + Sync) {
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let work = &work;
                scope.spawn(move || (0..TURNS).for_each(|_| work(thread)));
            }
        });
    }

    #[test]
    fn no_modification_undoes_another_one() {
        let (sum, bits, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        by_threads(|thread| {
            let bit = 1 << thread;
            assert_eq!(bits.fetch_or(bit, Relaxed) & bit, 0);
            most.fetch_max(sum.fetch_add(1, Release) + 1, Relaxed);
            assert_eq!(bits.fetch_and(!bit, Relaxed) & bit, bit);
        });
        assert_eq!([sum.load(Relaxed), bits.load(Relaxed), most.load(Relaxed)], [THREADS * TURNS, 0, THREADS * TURNS]);
    }

    /// As a slot's use is counted beside its claim.
    #[test]
    fn the_rest_of_an_exchange_is_in_its_section() {
        let (turn, count) = (AtomicUsize::new(0), AtomicUsize::new(0));
        by_threads(|_| {
            let mut seen = turn.load(Relaxed);
            let add = |()| store_plain(&count, count.load(Relaxed) + 2);
            while let Err(now) = exchange_with(&turn, seen, seen + 1, Relaxed, || (), add) {
                seen = now;
            }
            // As another thread arms a slot's peak.
            count.fetch_or(1, Relaxed);
        });
        assert_eq!((turn.load(Relaxed), count.load(Relaxed)), (THREADS * TURNS, 2 * THREADS * TURNS + 1));
    }

    #[test]
    fn an_exchange_changes_what_was_seen_only() {
        let word = AtomicUsize::new(7);
        assert_eq!(word.compare_exchange_weak(6, 9, Relaxed, Relaxed), Err(7));
        assert_eq!(word.compare_exchange_weak(7, 9, Relaxed, Relaxed), Ok(7));
        assert_eq!(exchange_with(&word, 7, 8, Relaxed, || (), |()| unreachable!("it fails")), Err::<(), _>(9));
        word.store(3, Relaxed);
        assert_eq!(word.load(Relaxed), 3);
    }

    #[test]
    fn a_store_is_no_part_of_a_modification() {
        let word = AtomicUsize::new(0);
        by_threads(|thread| {
            if thread == 0 {
                word.store(1, Relaxed);
                assert_eq!(word.load(Relaxed) & 1, 1, "the store was undone");
            } else {
                word.fetch_add(2, Relaxed);
            }
        });
    }
}
