// knows: clock, config, event, loan, manager, observe, parts, record, report, shared, slots, upkeep, error, slot,
// stats, sync · must not know: which pool it is
//! What an operator does with a managed pool, and how it ends: written once, for every type of it.
//!
//! In a fork's child all of it does nothing: the connections are the parent's, and a lock may be locked for ever.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::mem::replace;

use super::clock::duration;
use super::config::Config;
use super::event::DiscardReason;
#[cfg(feature = "alloc")]
use super::loan::tokens::detach;
use super::loan::tokens::{ClaimedSlot, UnreadySlot};
use super::manager::Lifecycle;
use super::observe::{self, log};
use super::parts::ManagedParts;
use super::record::period;
use super::report::IdleInfo;
use super::shared::Shared;
use super::slots::SlotExtra;
use super::upkeep::evict;
use crate::error::ResizeError;
use crate::slot::{Slot, slow_path, storage, teardown};
use crate::stats::Retained;
use crate::sync::{run_once, run_to_end};

fn name<P: ManagedParts>(pool: &P) -> &str {
    pool.shared().config().name.as_str()
}

/// The options of a pool, as they are now.
pub(super) fn config<P: ManagedParts>(pool: &P) -> Config {
    let mut config = pool.shared().settings().present();
    let (size, capacity) = (pool.engine().status().max_size, pool.engine().states().len());
    if size != config.size(capacity) {
        config.max_size = Some(size);
    }
    config
}

/// Discards the idle connections that `keep` refuses.
pub(super) fn retain<P: ManagedParts>(
    pool: &P,
    mut keep: impl FnMut(&mut P::Connection, IdleInfo) -> bool,
) -> Retained {
    if pool.shared().is_forked() {
        return Retained::NONE;
    }
    teardown::retain(pool, |slot| {
        let info = idle_info(pool, slot.index());
        let mut unready = UnreadySlot::new(pool, slot);
        let is_kept = keep(unready.connection(), info);
        if is_kept {
            drop(ClaimedSlot::new(pool, unready.into_slot()));
        } else {
            unready.discard(DiscardReason::Evicted);
        }
        is_kept
    })
}

/// Hands out the idle connections that `pick` picks, which are the pool's no more.
#[cfg(feature = "alloc")]
pub(super) fn extract_if<P: ManagedParts>(
    pool: &P,
    mut pick: impl FnMut(&mut P::Connection, IdleInfo) -> bool,
) -> Vec<P::Connection> {
    let mut extracted = Vec::new();
    if pool.shared().is_forked() {
        return extracted;
    }
    let _kept = teardown::retain(pool, |slot| {
        let info = idle_info(pool, slot.index());
        let mut unready = UnreadySlot::new(pool, slot);
        let is_picked = pick(unready.connection(), info);
        let slot = unready.into_slot();
        if is_picked {
            extracted.push(detach(pool, slot));
        } else {
            drop(ClaimedSlot::new(pool, slot));
        }
        !is_picked
    });
    extracted
}

/// What is known of a connection that was idle until its slot was claimed, which counts no use.
fn idle_info<P: ManagedParts>(pool: &P, slot: usize) -> IdleInfo {
    let (record, now) = (pool.record(slot), pool.coarse());
    let uses = pool.engine().states().get(slot).uses();
    let is_recorded = record.is_seen(period(uses, false));
    IdleInfo {
        age: duration(record.age(now)),
        uses,
        idle_for: is_recorded.then(|| duration(now.since(record.seen_at()))),
    }
}

pub(super) fn evict_all<P: ManagedParts>(pool: &P) -> usize {
    if pool.shared().is_forked() {
        return 0;
    }
    let at_once = evict::evict_all(pool);
    log::evicted(name(pool), at_once);
    at_once
}

pub(super) fn resize<P: ManagedParts>(pool: &P, max_size: usize) -> Result<(), ResizeError> {
    let capacity = pool.engine().states().len();
    if max_size > capacity {
        return Err(ResizeError { requested: max_size, capacity });
    }
    if pool.shared().is_forked() {
        return Ok(());
    }
    let mut is_resized = false;
    run_to_end(|| {
        // The resize comes first. The surplus ends even if a waker panics by then.
        if !replace(&mut is_resized, true) {
            // SAFETY: it is this pool's slow path (I11).
            drop(unsafe { pool.engine().resize(max_size, slow_path::<P>()) });
            return true;
        }
        teardown::drop_surplus(pool);
        false
    });
    pool.shared().wake();
    log::resized(name(pool), max_size);
    Ok(())
}

pub(super) fn suspend<P: ManagedParts>(pool: &P) {
    if pool.shared().is_forked() {
        return;
    }
    // SAFETY: it is this pool's slow path (I11).
    unsafe { pool.engine().suspend(slow_path::<P>()) };
    log::suspended(name(pool));
}

pub(super) fn resume<P: ManagedParts>(pool: &P) {
    if pool.shared().is_forked() {
        return;
    }
    drop(pool.engine().resume());
    log::resumed(name(pool));
}

/// Closes the pool. What is handed over to be ended need not have ended.
pub(super) fn close<P: ManagedParts>(pool: &P) {
    if pool.shared().is_forked() {
        return;
    }
    let was_closed = pool.engine().is_closed();
    #[cfg(feature = "std")]
    let _closing = Closing::begin(pool.shared());
    teardown::close(pool, || {
        if !was_closed {
            log::closed(name(pool));
        }
        pool.shared().wake();
        pool.shared().call_standby();
    });
}

/// A pool that is being closed by the calling thread: its connector does not end before all connections are handed over
/// to it.
#[cfg(feature = "std")]
struct Closing<'a>(&'a Shared);

#[cfg(feature = "std")]
impl<'a> Closing<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.begin_closing();
        Self(shared)
    }
}

#[cfg(feature = "std")]
impl Drop for Closing<'_> {
    fn drop(&mut self) {
        // Maybe while a panic of the manager's unwinds, and a waker may panic too.
        run_once(|| self.0.end_closing());
    }
}

/// Ends every connection of a pool that is being dropped, those of leaked guards included.
pub(super) fn drop_all<M: Lifecycle>(manager: &M, shared: &Shared, slots: &mut [Slot<M::Connection, SlotExtra>]) {
    if shared.is_forked() {
        return;
    }
    teardown::drop_all(slots, |slots, slot| {
        // SAFETY: only filled slots are handed over (I3).
        let connection = unsafe { storage::take(slots, slot) };
        manager.on_discard(connection, DiscardReason::Closed);
        observe::discarded(shared, DiscardReason::Closed);
    });
    // Maintenance that sleeps is woken, and ends.
    run_once(|| shared.wake());
    run_once(|| shared.call_standby());
}
