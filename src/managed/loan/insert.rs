// knows: tokens, parts, engine, error, slot · must not know: managers, where the connection comes from
//! Putting in a connection that was made elsewhere.

use super::tokens::{begin, catch_up};
use crate::engine::AcquireError;
use crate::error::{InsertError, VacancyError};
use crate::managed::parts::ManagedParts;
use crate::slot::{release_unused, storage};

/// Puts a connection that was made elsewhere into a vacant slot, and releases that. Hands it back if there is none.
pub(crate) fn insert<P: ManagedParts>(pool: &P, connection: P::Connection) -> Result<(), InsertError<P::Connection>> {
    if pool.shared().is_forked() {
        return Err(InsertError { connection, reason: VacancyError::Closed });
    }
    pool.shared().belong_to_process();
    let slot = match pool.engine().reserve() {
        Ok(slot) => slot,
        Err(error) => return Err(InsertError { connection, reason: reason_of(pool, error) }),
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

fn reason_of<P: ManagedParts>(pool: &P, error: AcquireError) -> VacancyError {
    match error {
        AcquireError::Closed => VacancyError::Closed,
        _ => VacancyError::Full { max_size: pool.engine().status().max_size },
    }
}
