// knows: asking, pool, engine, managed, slot · must not know: who maintains the pool
//! Connecting for waiters that are callbacks. The thread whose call leaves one of them without a resource must not:
//! what takes long is for the thread that maintains the pool.

use super::asking;
use super::pool::conn_pool;
use crate::engine::SlotToken;
use crate::managed::{ConnectingSlot, ManagedParts, Manager, Purpose, fail, fulfil};
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
