// knows: state, wake_batch, sync · must not know: who connects, what a ticket is
//! A connector that connects nothing itself: it is called where a connection is wanted, asks the program for a connect,
//! and is told later how that has ended. Its calls belong to the pool: it is not drained, nor unused, before they end.

use super::state::Engine;
use super::wake_batch::WakeBatch;
use crate::sync::Relaxed;

impl<'a> Engine<'a> {
    /// As [`begin_connector`](Self::begin_connector), for one that does its work within its calls, each of which ends
    /// with [`end_asking`](Self::end_asking). For good.
    pub(crate) fn begin_asking(self) {
        self.hold(|locked| {
            locked.demand.calls.work_in_place();
            self.state().connects.has_connector.store(true, Relaxed);
        });
    }

    /// A call of the connector has ended. The pool may be gone when this returns.
    pub(crate) fn end_asking(self) -> WakeBatch<'a> {
        self.locked(|locked, _| locked.demand.calls.end()).1
    }

    /// A connect under way takes too long: it is not counted on any more, as if it had failed, though its slot is not
    /// vacated. It goes on with [`resume_connect`](Self::resume_connect).
    pub(crate) fn give_up_connect(self) -> WakeBatch<'a> {
        self.locked(|locked, _| {
            self.end_connect();
            self.dismiss_unprovided(locked);
        })
        .1
    }

    /// A connect that was given up is about to end: it counts again until then.
    pub(crate) fn resume_connect(self) {
        self.hold(|_| self.state().connects.connecting.add(1));
    }
}
