// knows: state, stats · must not know: the wait queue
//! The engine's figures, read without stopping any caller.

use core::fmt::{self, Write};

use super::state::Engine;
use crate::stats::Status;

impl Engine<'_> {
    pub(crate) fn is_idle(self, slot: usize) -> bool {
        self.map().is_free(slot)
    }

    pub(crate) fn in_use(self) -> usize {
        // Each figure is read on its own, so the sum may be off by what changes meanwhile, but never below zero, and
        // never above the number of slots: during a resize the first two may count the same slots, and a recorded peak
        // would keep the error.
        let most = self.max_size() + self.state().surplus.get();
        most.saturating_sub(self.vacant() + self.map().count_free()).min(self.slots())
    }

    pub(crate) fn waiting(self) -> usize {
        self.state().waiting.get()
    }

    pub(crate) fn status(self) -> Status {
        Status {
            capacity: self.slots(),
            max_size: self.max_size(),
            in_use: self.in_use(),
            idle: self.map().count_free(),
            vacant: self.vacant(),
            connecting: self.connecting(),
            waiting: self.waiting(),
            suspended: self.state().is_suspended(),
            closed: self.is_closed(),
        }
    }

    #[cfg(feature = "std")]
    pub(crate) fn wait_times(self) -> crate::stats::Histogram {
        self.state().wait_times.read(self.acquired())
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
        (0..self.slots()).try_for_each(|slot| f.write_char(self.drawn(slot)))?;
        write!(f, "] waiting: {}", status.waiting)?;
        if status.waiting > 0 {
            let threads = self.state().threads.get().min(status.waiting);
            write!(f, " (tasks: {}, threads: {threads})", status.waiting - threads)?;
        }
        f.write_str(if status.suspended { ", suspended" } else { "" })?;
        f.write_str(if status.closed { ", closed }" } else { " }" })
    }

    /// As [`draw`](Self::draw), without the slots: the text is made on the host, and a slot is a byte on the wire.
    #[cfg(feature = "defmt")]
    pub(crate) fn draw_for_defmt(self, name: &str, f: defmt::Formatter<'_>) {
        let status = self.status();
        let closed = if status.closed { ", closed" } else { "" };
        let (idle, max_size, waiting) = (status.idle, status.max_size, status.waiting);
        if name.is_empty() {
            defmt::write!(
                f,
                "Pool {{ {=usize}/{=usize} free waiting: {=usize}{=str} }}",
                idle,
                max_size,
                waiting,
                closed
            );
        } else {
            defmt::write!(
                f,
                "Pool {=str} {{ {=usize}/{=usize} free waiting: {=usize}{=str} }}",
                name,
                idle,
                max_size,
                waiting,
                closed
            );
        }
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
