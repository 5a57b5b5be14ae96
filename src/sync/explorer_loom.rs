// knows: nothing · must not know: pools
//! What is loom's own: every interleaving is explored.

use std::cell::Cell;

pub(crate) use loom::sync::{Condvar, Mutex};
pub(crate) use loom::thread::yield_now;

loom::thread_local!(static HOME: Cell<usize> = Cell::new(0));

/// The word that this thread of the model starts at: 0 unless the model says otherwise.
pub(crate) fn home() -> usize {
    HOME.with(Cell::get)
}

/// Two threads met at one word. A model fixes its homes itself.
pub(crate) fn collided() {}

/// A model fixes its homes itself.
pub(crate) fn move_home(_word: usize) {}

/// Gives this thread of the model a home.
#[cfg(test)]
pub(crate) fn set_home(home: usize) {
    HOME.with(|cell| cell.set(home));
}

/// A deadline counts as passed at once: the model explores what a timeout races with.
pub(super) fn deadline_passes() -> bool {
    true
}
