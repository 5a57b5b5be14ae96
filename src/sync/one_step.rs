// knows: atomics · must not know: what is stored
//! What is dear where each modification of a word is a critical section: here no more than what it consists of.

use core::sync::atomic::Ordering;

use super::atomics::AtomicUsize;

/// A Relaxed store.
#[inline(always)]
pub(crate) fn store_plain(word: &AtomicUsize, value: usize) {
    word.store(value, Ordering::Relaxed);
}

/// A compare-exchange, and if it succeeds, the rest, with what was prepared for it.
///
/// A function of two closures would take an instruction more.
macro_rules! exchange_and {
    ($word:expr, $current:expr, $new:expr, $success:expr, $prepared:ident = $prepare:expr => $rest:expr) => {
        match $word.compare_exchange_weak($current, $new, $success, $crate::sync::Relaxed) {
            Ok(_) => {
                let $prepared = $prepare;
                Ok($rest)
            }
            Err(now) => Err(now),
        }
    };
}
pub(crate) use exchange_and;
