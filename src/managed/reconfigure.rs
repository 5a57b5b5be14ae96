// knows: config, config_error, event, loan, operations, parts, sync · must not know: what an option is for
//! Changing a pool's options while it runs.

use core::mem::replace;

use super::config::Config;
use super::config_error::ConfigError;
use super::event::DiscardReason;
use super::loan::limits::{adopt, is_excess};
use super::loan::tokens::discard;
use super::operations;
use super::parts::ManagedParts;
use crate::sync::run_to_end;

/// The options of a pool as they are now, and how often they were changed.
fn read<P: ManagedParts>(pool: &P) -> (Config, usize) {
    // In a fork's child the lock may be locked for ever.
    let changes = if pool.shared().is_forked() { 0 } else { pool.shared().settings().changes() };
    (operations::config(pool), changes)
}

/// Changes the options of a pool by whose clock tasks `can_sleep`, or cannot.
pub(super) fn reconfigure<P: ManagedParts>(
    pool: &P,
    can_sleep: bool,
    change: impl Fn(Config) -> Config,
) -> Result<(), ConfigError> {
    let capacity = pool.engine().states().len();
    loop {
        let (before, changes) = read(pool);
        let after = change(before);
        if let Some(option) = before.fixed_change(&after) {
            return Err(ConfigError::Fixed { option });
        }
        check(&before, &after, capacity, can_sleep)?;
        if pool.shared().is_forked() {
            return Ok(());
        }
        if pool.shared().settings().write(changes, &before, &after) {
            apply(pool, &before, &after);
            return Ok(());
        }
    }
}

/// A size that is not to be changed is in order, also where a `resize` has gone below the floor, or to 0. The floor is
/// not raised above it.
fn check(before: &Config, after: &Config, capacity: usize, can_sleep: bool) -> Result<(), ConfigError> {
    let (min_idle, size) = (after.min_idle, after.size(capacity));
    let is_resized = before.size(capacity) != size;
    if !is_resized && min_idle > before.min_idle && min_idle > size {
        return Err(ConfigError::MinIdle { min_idle, max_size: size });
    }
    let max_size = if is_resized { after.max_size } else { None };
    Config { max_size, ..*after }.check_with_clock(capacity, can_sleep)
}

/// Has what there is by now keep to the new options.
fn apply<P: ManagedParts>(pool: &P, before: &Config, after: &Config) {
    let capacity = pool.engine().states().len();
    // From here on a caller that fills a slot sees the new options; a slot that was filled before is found below.
    pool.engine().synchronize();
    for (slot, _) in pool.engine().states().iter().enumerate().filter(|(_, state)| state.is_filled()) {
        adopt(pool, slot, before.max_lifetime != after.max_lifetime);
    }
    // Until maintenance marks by the new options, if there is any.
    pool.shared().trust_marks(false);
    pool.shared().wake();
    let mut is_resized = before.size(capacity) == after.size(capacity);
    run_to_end(|| {
        // The resize comes first. The excess ends even if the manager panics by then.
        if !replace(&mut is_resized, true) {
            // The size was checked.
            let _is_resized = operations::resize(pool, after.size(capacity));
            return true;
        }
        discard_excess(pool);
        false
    });
}

/// Discards idle connections while there are more than there may be, the highest slots first.
fn discard_excess<P: ManagedParts>(pool: &P) {
    let mut slots = (0..pool.engine().states().len()).rev();
    run_to_end(|| {
        let Some(slot) = slots.next() else { return false };
        if pool.engine().is_idle(slot)
            && is_excess(pool, slot)
            && let Some(slot) = pool.engine().claim_slot(slot)
        {
            discard(pool, slot, DiscardReason::Excess);
        }
        true
    });
}
