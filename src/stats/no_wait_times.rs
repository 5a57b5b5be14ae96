// knows: sync · must not know: who waits, what for
//! Stands in for the times of waits where there is no clock.

use crate::sync::Stamp;

/// Takes no room and records nothing.
pub(crate) struct WaitTimes;

#[expect(clippy::unused_self, reason = "the shape of the twin that has a clock")]
impl WaitTimes {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) const fn start(&self) -> Option<Stamp> {
        Stamp::now()
    }

    pub(crate) fn record(&self, since: &Stamp, _is_served: bool) {
        let _never = since.elapsed();
    }
}
