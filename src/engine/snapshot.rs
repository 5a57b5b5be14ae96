// knows: slot_state, state, stats · must not know: the wait queue
//! The engine's figures, read without stopping any caller.

use core::fmt::{self, Write};

use super::slot_state::SlotState;
use super::state::Engine;
use crate::stats::{Metrics, Status};

impl Engine<'_> {
    pub(crate) fn is_idle(self, slot: usize) -> bool {
        self.map.is_free(slot)
    }

    pub(crate) fn in_use(self) -> usize {
        // Each figure is read on its own, so the sum may be off by what changes meanwhile, but never below zero, and
        // never above the number of slots: during a resize the first two may count the same slots, and a recorded peak
        // would keep the error.
        let state = self.state;
        let most = state.max_size.get() + state.surplus.get();
        most.saturating_sub(state.vacant.get() + self.map.count_free()).min(self.states().len())
    }

    pub(crate) fn connecting(self) -> usize {
        self.state.connecting.get()
    }

    pub(crate) fn waiting(self) -> usize {
        self.state.waiting.get()
    }

    pub(crate) fn max_size(self) -> usize {
        self.state.max_size.get()
    }

    pub(crate) fn status(self) -> Status {
        Status {
            capacity: self.states().len(),
            max_size: self.max_size(),
            in_use: self.in_use(),
            idle: self.map.count_free(),
            vacant: self.state.vacant.get(),
            connecting: self.connecting(),
            waiting: self.waiting(),
            suspended: self.state.is_suspended(),
            closed: self.is_closed(),
        }
    }

    pub(crate) fn metrics(self) -> Metrics {
        let counters = &self.state.counters;
        self.record_peak_now();
        let present = || self.states().iter().filter(|state| state.is_filled()).map(SlotState::uses);
        let reuses = present().map(|uses| uses.saturating_sub(1));
        Metrics {
            acquired: present().fold(counters.past_uses.get(), usize::wrapping_add),
            reused: reuses.fold(counters.past_reuses.get(), usize::wrapping_add),
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
    pub(crate) fn wait_times(self) -> crate::stats::Histogram {
        self.state.wait_times.read()
    }

    pub(crate) fn reset_peaks(self) {
        self.state.lock.with(|_| {
            self.arm_peaks();
            self.state.counters.peak_in_use.set(self.in_use());
            self.state.counters.peak_waiting.set(self.state.waiting.get());
        });
    }

    /// Makes the next use of each slot report that a peak may be due.
    fn arm_peaks(self) {
        self.states().iter().for_each(SlotState::arm_peak);
    }

    /// Records how many connections are in use, if that is more than ever before.
    pub(crate) fn record_peak(self) {
        let in_use = self.in_use();
        // A peak of one is found later, in the slots' states, by `record_peak_now`; so the first claim need not pay for
        // it.
        if in_use > 1 {
            self.state.counters.peak_in_use.raise(in_use);
        }
    }

    fn record_peak_now(self) {
        let was_one = self.states().iter().any(|state| state.is_filled() && !state.is_peak_due());
        self.state.counters.peak_in_use.raise(self.in_use().max(usize::from(was_one)));
        self.arm_peaks();
    }

    /// Draws a pool, after its name if it has one: `.` idle, `#` in use, `_` vacant, `x` set aside or above the
    /// maximum.
    pub(crate) fn draw(self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status();
        f.write_str("Pool ")?;
        if !name.is_empty() {
            write!(f, "{name:?} ")?;
        }
        write!(f, "{{ {}/{} free [", status.idle, status.max_size)?;
        (0..self.states().len()).try_for_each(|slot| f.write_char(self.drawn(slot)))?;
        write!(f, "] waiting: {}", status.waiting)?;
        if status.waiting > 0 {
            let threads = self.state.threads.get().min(status.waiting);
            write!(f, " (tasks: {}, threads: {threads})", status.waiting - threads)?;
        }
        f.write_str(if status.suspended { ", suspended" } else { "" })?;
        f.write_str(if status.closed { ", closed }" } else { " }" })
    }

    fn drawn(self, slot: usize) -> char {
        let state = self.states().get(slot);
        if state.is_retired() {
            'x'
        } else if state.is_vacant() {
            '_'
        } else if self.is_idle(slot) {
            '.'
        } else {
            '#'
        }
    }
}
