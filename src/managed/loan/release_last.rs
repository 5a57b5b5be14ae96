// knows: event, manager, parts, release, tokens, engine, slot, sync · must not know: who waits
//! Releasing a connection to a pool that may be gone as soon as no connection is in use any more.

use core::cell::Cell;
use core::mem::forget;

use super::release::{forget_thread, leave_to_parent, recycle_slow, release_in_panic, reset, reset_elsewhere};
use super::tokens::UnreadySlot;
use crate::engine::SlotToken;
use crate::managed::event::DiscardReason;
use crate::managed::manager::Lifecycle;
use crate::managed::parts::ManagedParts;
use crate::slot;
use crate::sync::is_panicking;

/// As [`release`](super::release::release). What has to touch the pool
/// after it has given up the slot `keep`s it so long; the fast path does not.
#[inline(always)]
pub(crate) fn release_last<P: ManagedParts, K>(pool: &P, slot: SlotToken, keep: impl Fn() -> K) {
    // It has had a connection.
    if pool.shared().may_be_forked() {
        return leave_to_parent(slot);
    }
    if is_panicking() {
        let _kept = keep();
        return release_in_panic(pool, slot);
    }
    // Dropped last: the manager may panic, and then the slot is given up while that unwinds.
    let kept = Cell::new(None);
    let mut unready = UnreadySlot::new(pool, slot);
    let on_unwind = OnUnwind(|| kept.set(Some(keep())));
    let is_fit = if pool.manager().reset_blocks(unready.connection()) { None } else { Some(reset(pool, &mut unready)) };
    forget(on_unwind);
    if let Some(Ok(())) = is_fit
        && !pool.has_remarks(unready.slot())
    {
        forget_thread(pool, unready.slot());
        if let Err(slot) = pool.engine().release_unless_slow(unready.into_slot()) {
            release_kept(pool, slot, keep);
        }
        return;
    }
    release_with_work(pool, unready, is_fit, keep);
}

/// The fast path is closed.
#[inline(never)]
fn release_kept<P: ManagedParts, K>(pool: &P, slot: SlotToken, keep: impl Fn() -> K) {
    let _kept = keep();
    slot::release(pool, slot);
}

/// There is work to do on the connection first. Apart, so that a guard's drop is little code.
#[inline(never)]
fn release_with_work<P: ManagedParts, K>(
    pool: &P,
    unready: UnreadySlot<'_, P>,
    is_fit: Option<Result<(), DiscardReason>>,
    keep: impl Fn() -> K,
) {
    let _kept = keep();
    let released = match is_fit {
        None => reset_elsewhere(pool, unready),
        Some(Ok(())) => recycle_slow(pool, unready),
        Some(Err(reason)) => {
            unready.discard(reason);
            None
        }
    };
    if let Some(slot) = released {
        slot::release(pool, slot);
    }
}

/// Calls its function if it is dropped.
struct OnUnwind<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnUnwind<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
