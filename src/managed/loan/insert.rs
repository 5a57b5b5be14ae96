// knows: tokens, parts, engine, slot · must not know: managers, where the connection comes from
//! Putting in a connection that was made elsewhere.

use super::tokens::{begin, catch_up};
use crate::engine::AcquireError;
use crate::managed::parts::ManagedParts;
use crate::slot::{release_unused, storage};

/// Puts a connection that was made elsewhere into a vacant slot, and releases that. Hands it back if there is none.
pub(crate) fn insert<P: ManagedParts>(
    pool: &P,
    connection: P::Connection,
) -> Result<(), (P::Connection, AcquireError)> {
    if pool.shared().is_forked() {
        return Err((connection, AcquireError::Closed));
    }
    pool.shared().belong_to_process();
    let slot = match pool.engine().reserve() {
        Ok(slot) => slot,
        Err(error) => return Err((connection, error)),
    };
    pool.record(slot.index()).note_epoch(pool.shared().epoch());
    begin(pool, slot.index(), pool.coarse());
    // SAFETY: the slot was vacant, so it is not filled (I3).
    unsafe { storage::fill(pool.slots(), &slot, connection) };
    catch_up(pool, slot.index());
    release_unused(pool, slot);
    // Its limits begin to run.
    pool.shared().wake_if_asleep();
    Ok(())
}
