// knows: event, observe, outage, parts, tokens, engine · must not know: who was asked, what a ticket is
//! How a connect ends that the pool has asked for, and that was made elsewhere.

use core::time::Duration;

use super::tokens::ConnectingSlot;
use crate::engine::SlotToken;
use crate::managed::event::Event;
use crate::managed::observe;
use crate::managed::outage::Purpose;
use crate::managed::parts::{ErrorOf, ManagedParts};

/// The connection is made: for the first waiter, or to be idle.
pub(crate) fn fulfil<P: ManagedParts>(
    pool: &P,
    connecting: ConnectingSlot<'_, P>,
    connection: P::Connection,
    took: Duration,
) {
    pool.shared().note_connected(|| pool.coarse());
    connecting.fill_for_callers(connection);
    observe::event(pool, &Event::Connected { took });
}

/// The connect has failed: what `vacate` does with the slot comes before the event, which may take long.
pub(crate) fn fail<P: ManagedParts>(
    pool: &P,
    slot: SlotToken,
    purpose: Purpose,
    error: &ErrorOf<P>,
    took: Duration,
    vacate: impl FnOnce(&P, SlotToken),
) {
    note_failure(pool, purpose);
    vacate(pool, slot);
    observe::event(pool, &Event::ConnectFailed { error: Some(error), took });
}

/// A connect for the pool has failed, or takes too long: the next one is asked for after a pause.
pub(crate) fn note_failure<P: ManagedParts>(pool: &P, purpose: Purpose) {
    if purpose == Purpose::Pool {
        pool.shared().note_failure(pool.coarse(), None, purpose);
    }
}
