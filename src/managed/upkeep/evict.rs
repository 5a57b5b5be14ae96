// knows: event, loan, parts, record, sync · must not know: why they are due
//! Discarding idle connections before their time.

use crate::managed::event::DiscardReason;
use crate::managed::loan::tokens::discard;
use crate::managed::parts::ManagedParts;
use crate::managed::record::EVICTED;
use crate::sync::run_to_end;

/// Marks all connections as evicted, those too whose connect has begun, and discards the idle ones. Answers how many
/// were discarded.
pub(crate) fn evict_all<P: ManagedParts>(pool: &P) -> usize {
    pool.shared().begin_epoch();
    // From here on, a caller that fills a slot sees the new epoch; a slot that was filled before is found below.
    pool.engine().synchronize();
    let len = pool.engine().states().len();
    for slot in 0..len {
        pool.record(slot).mark(EVICTED);
    }
    let (mut discarded, mut slots) = (0, 0..len);
    run_to_end(|| {
        let Some(slot) = slots.next() else { return false };
        if pool.record(slot).is_marked(EVICTED)
            && let Some(slot) = pool.engine().claim_slot(slot)
        {
            discarded += 1;
            discard(pool, slot, DiscardReason::Evicted);
        }
        true
    });
    discarded
}
