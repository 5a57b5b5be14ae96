// knows: stats · must not know: the time
//! Stands in for the times of callers where there are no histograms.

use core::time::Duration;

use crate::stats::Recorder;

/// Measures nothing.
pub(super) struct Timing {
    /// Whether the caller has a connection, or was told why not.
    is_answered: bool,
}

#[expect(clippy::unused_self, reason = "the shape of the twin that measures")]
impl Timing {
    pub(super) const fn new() -> Self {
        Self { is_answered: false }
    }

    pub(super) fn begin(&mut self, _weight: u8, _now: impl FnOnce() -> Duration) {}

    pub(super) fn begin_wait(&mut self, _now: impl FnOnce() -> Duration) {}

    pub(super) fn end_wait(&mut self, _now: impl FnOnce() -> Duration) {}

    pub(super) fn note_answered(&mut self) {
        self.is_answered = true;
    }

    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    pub(super) fn stop(&mut self) {}

    pub(super) fn record(&self, _now: impl FnOnce() -> Duration, _recorder: &Recorder) {}

    pub(super) fn record_wait(&self, _recorder: &Recorder) {}
}
