// knows: jobs, parts, record, engine · must not know: who does the jobs
//! Handing a slot over, for what may take longer than a caller has time.

use crate::engine::SlotToken;
use crate::managed::jobs::Job;
use crate::managed::parts::ManagedParts;
use crate::managed::record::ELSEWHERE;

/// Hands a slot over to the pool's connector; hands it back if there is none.
#[cold]
#[inline(never)]
pub(crate) fn hand_off<P: ManagedParts>(pool: &P, slot: SlotToken, job: Job) -> Result<(), SlotToken> {
    if !pool.engine().has_connector() {
        return Err(slot);
    }
    // It is no loan any more, however long the job takes.
    let number = slot.index();
    pool.record(number).mark(ELSEWHERE);
    if let Err(slot) = pool.shared().push_job(slot, job, |slot| pool.record(slot)) {
        pool.record(number).unmark(ELSEWHERE);
        return Err(slot);
    }
    // After the slot is in the queue: a connector that looks into it later finds the slot, and one that has looked
    // sleeps by now.
    pool.shared().wake();
    Ok(())
}
