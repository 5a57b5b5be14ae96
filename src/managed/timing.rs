// knows: stats · must not know: which pool it is, what a caller does
//! The time of one caller from asking to having, and how much of it was a wait for others.

use core::time::Duration;

use crate::stats::Recorder;

/// How long a caller that could not be served at once has taken so far, if that is measured; and whether it is done.
///
/// Neither padding nor unused values: every caller that waits writes one of these, in one piece.
pub(super) struct Timing {
    /// When the caller asked, in nanoseconds.
    began: u64,
    /// How long it has waited, in microseconds, up to 71 minutes. While it waits, less the moment at which that began.
    waited: u32,
    /// For how many callers it stands; 0: it is not measured.
    weight: u16,
    /// [`WAITS`] and [`ANSWERED`].
    state: u16,
}

/// The caller is waiting.
const WAITS: u16 = 1;
/// The caller has a connection, or was told why not.
const ANSWERED: u16 = 2;

impl Timing {
    /// Of a caller that is not measured yet.
    pub(super) const fn new() -> Self {
        Self { began: 0, waited: 0, weight: 0, state: 0 }
    }

    /// From now on the caller is measured, and stands for so many.
    #[inline(always)]
    pub(super) fn begin(&mut self, weight: u8, now: impl FnOnce() -> Duration) {
        if weight != 0 {
            self.weight = weight.into();
            self.began = nanos(now());
        }
    }

    #[inline(always)]
    pub(super) fn begin_wait(&mut self, now: impl FnOnce() -> Duration) {
        if self.weight != 0 && !self.is(WAITS) {
            self.turn(now());
        }
    }

    #[inline(always)]
    pub(super) fn end_wait(&mut self, now: impl FnOnce() -> Duration) {
        if self.is(WAITS) {
            self.turn(now());
        }
    }

    /// It waits from now on, or no longer.
    #[cold]
    fn turn(&mut self, now: Duration) {
        let micros = self.micros_at(now);
        self.waited = if self.is(WAITS) { self.waited.wrapping_add(micros) } else { self.waited.wrapping_sub(micros) };
        self.state ^= WAITS;
    }

    /// The caller has what it asked for.
    #[inline(always)]
    pub(super) fn record(&self, now: impl FnOnce() -> Duration, recorder: &Recorder) {
        if self.weight != 0 {
            self.put(nanos(now()).saturating_sub(self.began), recorder);
        }
    }

    /// It waits no longer.
    #[inline(always)]
    pub(super) fn record_wait(&self, recorder: &Recorder) {
        if self.weight != 0 {
            self.put(u64::from(self.waited) * 1000, recorder);
        }
    }

    #[cold]
    fn put(&self, nanos: u64, recorder: &Recorder) {
        recorder.record_many(Duration::from_nanos(nanos), self.weight.into());
    }

    /// The caller has what it asked for, or was told why not.
    #[inline(always)]
    pub(super) fn note_answered(&mut self) {
        self.state |= ANSWERED;
    }

    #[inline(always)]
    pub(super) fn is_answered(&self) -> bool {
        self.is(ANSWERED)
    }

    #[inline(always)]
    fn is(&self, state: u16) -> bool {
        self.state & state != 0
    }

    /// It is not measured after all.
    pub(super) fn stop(&mut self) {
        self.weight = 0;
    }

    /// Since the caller asked, up to 71 minutes.
    fn micros_at(&self, now: Duration) -> u32 {
        u32::try_from(nanos(now).saturating_sub(self.began) / 1000).unwrap_or(u32::MAX)
    }
}

/// Since the start of the clock, up to centuries.
fn nanos(now: Duration) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
