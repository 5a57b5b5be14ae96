// knows: jobs, parts, engine · must not know: who does the jobs
//! Handing a slot over, for what may take longer than a caller has time.

use crate::engine::SlotToken;
use crate::managed::jobs::Job;
use crate::managed::parts::ManagedParts;

/// Hands a slot over to the pool's connector; hands it back if there is none.
#[cold]
#[inline(never)]
pub(crate) fn hand_off<P: ManagedParts>(pool: &P, slot: SlotToken, job: Job) -> Result<(), SlotToken> {
    if !pool.engine().has_connector() {
        return Err(slot);
    }
    if let Some(loan_record) = pool.loan_record(slot.index()) {
        // It is no loan of the thread's any more, however long the job takes.
        loan_record.note_thread(0);
    }
    pool.shared().push_job(slot, job, |slot| pool.record(slot))?;
    // After the slot is in the queue: a connector that looks into it later finds the slot, and one that has looked
    // sleeps by now.
    pool.shared().wake();
    Ok(())
}
