// knows: nothing · must not know: pools
//! Which process this is: a fork's child has a number of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Whether a fork's child is known to be one.
pub(crate) const KNOWS_FORKS: bool = true;

/// How many forks there were from the process that watched them first to this one, and one more.
static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// The number of this process, never 0.
#[inline(always)]
pub(crate) fn process() -> usize {
    // Relaxed: it changes in a process that has one thread.
    NUMBER.load(Relaxed)
}

/// The number of this process; from now on, a fork's child has another one.
pub(crate) fn watched_process() -> usize {
    extern "C" fn in_the_child() {
        NUMBER.fetch_add(1, Relaxed);
    }
    static WATCHED: OnceLock<()> = OnceLock::new();
    WATCHED.get_or_init(|| {
        // SAFETY: a call of the C library's; the handler changes one atomic, so it may run at any fork. If there is no
        // memory to register it, forks go unnoticed, as they would without it.
        unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    });
    process()
}
