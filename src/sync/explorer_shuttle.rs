// knows: nothing · must not know: pools
//! What is shuttle's own: schedules are drawn at random.

use std::cell::Cell;

use shuttle::rand::{Rng, thread_rng};
pub(crate) use shuttle::sync::{Condvar, Mutex};
pub(crate) use shuttle::thread::yield_now;

shuttle::thread_local!(static HOME: Cell<usize> = const { Cell::new(0) });

/// The word that this thread starts at.
pub(crate) fn home() -> usize {
    HOME.with(Cell::get)
}

/// Two threads met at one word: this one moves to any word.
pub(crate) fn collided() {
    HOME.with(|home| home.set(thread_rng().r#gen::<u8>().into()));
}

/// From now on this thread starts at that word.
pub(crate) fn move_home(word: usize) {
    HOME.with(|home| home.set(word));
}

/// A deadline passes after any number of turns of other threads.
pub(super) fn deadline_passes() -> bool {
    thread_rng().gen_ratio(1, 4)
}
