//! Layer 2 · part of the engine · knows: metrics, books · must not know: the line
//!
//! What the engine tells about itself, without stopping anybody.

use super::Core;
use crate::books::Book;
use crate::metrics::{Metrics, Status};

impl Core<'_> {
    pub(crate) fn is_closed(self) -> bool {
        self.engine.is_closed()
    }

    pub(crate) fn is_idle(self, slot: usize) -> bool {
        self.map.is_free(slot)
    }

    pub(crate) fn in_use(self) -> usize {
        // Each figure is read on its own, so the sum may be out by what moves meanwhile, but never below zero, and never
        // above what there is: during a resize the first two may both count the same slots, and a peak would keep that.
        let engine = self.engine;
        let out = engine.max_size.get() + engine.surplus.get();
        out.saturating_sub(engine.vacant.get() + self.map.count_free()).min(self.books().len())
    }

    pub(crate) fn max_size(self) -> usize {
        self.engine.max_size.get()
    }

    pub(crate) fn threads_waiting(self) -> usize {
        self.engine.threads.get()
    }

    pub(crate) fn status(self) -> Status {
        Status {
            capacity: self.books().len(),
            max_size: self.max_size(),
            in_use: self.in_use(),
            idle: self.map.count_free(),
            vacant: self.engine.vacant.get(),
            connecting: self.engine.connecting.get(),
            waiting: self.engine.waiting.get(),
            suspended: self.engine.is_suspended(),
            closed: self.is_closed(),
        }
    }

    pub(crate) fn metrics(self) -> Metrics {
        let counters = &self.engine.counters;
        self.look_for_a_peak_now();
        let present = || self.books().iter().filter(|book| book.is_filled()).map(Book::uses);
        let borrowed = present().fold(counters.past_uses.get(), usize::wrapping_add);
        Metrics {
            borrowed,
            reused: present().map(|uses| uses.saturating_sub(1)).fold(counters.past_reuses.get(), usize::wrapping_add),
            waited: counters.waited.get(),
            timed_out: counters.timed_out.get(),
            discarded: counters.discarded.get(),
            overtakes: counters.overtakes.get(),
            most_overtaken: counters.most_overtaken.get(),
            peak_in_use: counters.peak_in_use.get(),
            peak_waiting: counters.peak_waiting.get(),
        }
    }

    #[cfg(feature = "std")]
    pub(crate) fn wait_times(self) -> crate::metrics::Histogram {
        self.engine.wait_times.read()
    }

    pub(crate) fn reset_peaks(self) {
        self.engine.lock.with(|_| {
            self.want_news();
            self.engine.counters.peak_in_use.set(self.in_use());
            self.engine.counters.peak_waiting.set(self.engine.waiting.get());
        });
    }

    /// Lets the next use of each slot count as news, in which a peak may show.
    fn want_news(self) {
        self.books().iter().for_each(Book::want_news);
    }

    /// Takes note if more connections are in use than ever before.
    pub(crate) fn look_for_a_peak(self) {
        let in_use = self.in_use();
        // That there was one can be told from the books later, so the first borrowing need not pay for it.
        if in_use > 1 {
            self.engine.counters.peak_in_use.raise(in_use);
        }
    }

    fn look_for_a_peak_now(self) {
        let was_one = self.books().iter().any(|book| book.is_filled() && !book.wants_news());
        self.engine.counters.peak_in_use.raise(self.in_use().max(usize::from(was_one)));
        self.want_news();
    }
}
