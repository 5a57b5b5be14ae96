// knows: asking, callbacks, pool, engine, managed, slot · must not know: who maintains the pool
//! Connecting for waiters that are callbacks. The thread whose call leaves one of them without a resource must not:
//! what takes long is for the thread that maintains the pool.

use core::ffi::c_int;

use super::asking;
use super::callbacks::Resource;
use super::pool::conn_pool;
use crate::engine::{AcquireError, SlotToken, Ticket};
use crate::managed::{
    Caller, CheckReason, ClaimedSlot, ConnectingSlot, Failure, ManagedParts, Manager, NoWait, Purpose, fail, fulfil,
};
use crate::slot::PoolParts;

/// Connects for callbacks that wait, as far as there is room.
pub(super) fn serve(pool: &conn_pool) {
    if pool.config().create.is_none() {
        return;
    }
    while let Some(slot) = pool.engine().claim_wanted(0) {
        connect(pool, slot);
    }
}

fn connect(pool: &conn_pool, slot: SlotToken) {
    let (connecting, began) = (ConnectingSlot::new(pool, slot), pool.now());
    match pool.manager().connect(None) {
        Ok(resource) => fulfil(pool, connecting, resource, pool.since(began)),
        Err(code) => {
            asking::note_failure_of_thread(pool, code);
            let vacate = |pool: &conn_pool, slot| drop(pool.engine().fail_for_callers(slot));
            fail(pool, connecting.into_slot(), Purpose::Caller, &code, pool.since(began), vacate);
        }
    }
}

/// A callback that has waited, as the thread sees it that calls it: it checks, and connects nothing.
pub(super) struct Served;

impl Caller<conn_pool> for Served {
    fn has_deadline(&self) -> bool {
        true
    }

    async fn slot<'a>(
        &self,
        pool: &'a conn_pool,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, conn_pool>, AcquireError> {
        NoWait.slot(pool, ticket).await
    }

    /// It waits on.
    async fn connect(&self, _: &conn_pool, _slot: usize) -> Result<Resource, Failure<c_int>> {
        Err(Failure::Superseded)
    }

    async fn check(&self, pool: &conn_pool, resource: &mut Resource, why: CheckReason) -> Result<(), Failure<c_int>> {
        NoWait.check(pool, resource, why).await
    }
}
