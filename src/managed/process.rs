// knows: shared, sync · must not know: managers, connections, slots
//! Whose process the pool is.

use super::shared::Shared;
use crate::sync::{KNOWS_FORKS, Relaxed, process, watched_process};

impl Shared {
    /// Whether this process is a fork's child, which has a copy of the pool: its connections, and the threads that
    /// maintain it, are the parent's.
    #[inline]
    pub(super) fn is_forked(&self) -> bool {
        self.may_be_forked() && self.process.load(Relaxed) != 0
    }

    /// As [`is_forked`](Self::is_forked), at one comparison: `true` also for a pool that has had no connection yet.
    #[inline(always)]
    pub(super) fn may_be_forked(&self) -> bool {
        // Relaxed: it changes in a process that has one thread, and before the first connection.
        KNOWS_FORKS && self.process.load(Relaxed) != process()
    }

    /// The process that the pool is of, if it is one's already; else 0.
    pub(super) fn process(&self) -> usize {
        if KNOWS_FORKS { self.process.load(Relaxed) } else { 0 }
    }

    /// From now on the pool is this process's.
    pub(super) fn belong_to_process(&self) {
        if self.process.load(Relaxed) == 0 {
            self.process.store(watched_process(), Relaxed);
        }
    }
}
