// knows: event, parts, record · must not know: who acquires, who releases
//! The limits that are looked at as a connection is released: how often it may be used, and how many may be idle.

use crate::managed::event::DiscardReason;
use crate::managed::parts::ManagedParts;
use crate::managed::record::LIMITED;

/// Has a connection in a filled slot keep to the options as they are now. Its life is counted anew if that was changed.
pub(crate) fn adopt<P: ManagedParts>(pool: &P, slot: usize, is_life_changed: bool) {
    let (record, settings) = (pool.record(slot), pool.shared().settings());
    if is_life_changed {
        record.limit_life(pool.shared().lifetime());
    }
    if settings.max_uses().is_some() || settings.max_idle().is_some() {
        record.mark(LIMITED);
    }
}

/// Why a connection whose loan ends must not be kept, if it is over one of the limits.
pub(super) fn over_limit<P: ManagedParts>(pool: &P, slot: usize) -> Option<DiscardReason> {
    if !pool.record(slot).is_marked(LIMITED) {
        return None;
    }
    let uses = pool.engine().states().get(slot).uses();
    if pool.shared().settings().max_uses().is_some_and(|most| uses >= most) {
        return Some(DiscardReason::UsedUp);
    }
    let is_wanted = pool.engine().waiting() > 0;
    (!is_wanted && is_excess(pool, slot)).then_some(DiscardReason::Excess)
}

/// Whether as many connections as may be idle are so besides this one.
pub(crate) fn is_excess<P: ManagedParts>(pool: &P, slot: usize) -> bool {
    pool.shared().settings().max_idle().is_some_and(|most| idle_besides(pool, slot) >= most)
}

/// How many connections are idle besides this one, which may have been released since they were counted.
pub(crate) fn idle_besides<P: ManagedParts>(pool: &P, slot: usize) -> usize {
    let idle = pool.engine().status().idle;
    idle.saturating_sub(usize::from(pool.engine().is_idle(slot)))
}
