// knows: due, pass, clock, event, loan, outage, parts, report · must not know: who connects
//! Maintenance of a pool that asks for its connects: it does all the rest itself.

use core::cell::Cell;

use super::due::SHORTEST;
use super::pass::{Hands, Refill, is_fit, put_off, run_pass};
use crate::managed::clock::Millis;
use crate::managed::event::CheckReason;
use crate::managed::loan::caller::Caller;
use crate::managed::loan::prepare::check;
use crate::managed::loan::tokens::ClaimedSlot;
use crate::managed::outage::Demand;
use crate::managed::parts::ManagedParts;
use crate::managed::report::MaintenanceReport;

/// One pass. Answers also how many idle connections there are to be: with those that wait for their replacement.
pub(crate) async fn maintain_and_want<P: ManagedParts, W: Caller<P>>(
    pool: &P,
    caller: &W,
    now: Millis,
) -> (MaintenanceReport, usize) {
    let hands = Asking { caller, replaced: Cell::new(0) };
    let done = run_pass(pool, &hands, now).await;
    (done, pool.shared().settings().min_idle() + hands.replaced.get())
}

/// Whether a connect may be asked for to keep connections idle: not too soon after a failure, and not too often.
pub(crate) fn may_ask<P: ManagedParts>(pool: &P) -> bool {
    let now = pool.coarse();
    pool.shared().may_connect(now, Demand::Floor) && pool.shared().may_fill(now, SHORTEST)
}

/// A connect is asked for to keep connections idle.
pub(crate) fn note_ask<P: ManagedParts>(pool: &P) {
    pool.shared().note_fill();
    pool.shared().note_attempt(pool.coarse());
}

struct Asking<'w, W> {
    caller: &'w W,
    /// How many idle connections wait for their replacement.
    replaced: Cell<usize>,
}

impl<P: ManagedParts, W: Caller<P>> Hands<P> for Asking<'_, W> {
    async fn check(&self, pool: &P, claimed: ClaimedSlot<'_, P>, why: CheckReason) -> bool {
        is_fit(check(pool, self.caller, claimed.into_unready(), why, None).await)
    }

    async fn replace(&self, pool: &P, now: Millis, _done: &mut MaintenanceReport) -> Refill {
        put_off(pool, now, &self.replaced)
    }

    async fn fill_up(&self, _pool: &P, _now: Millis, _done: &mut MaintenanceReport) {}
}
