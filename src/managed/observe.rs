//! Layer 6 · part of managed · knows: keep, manager's events · must not know: why they happen
//!
//! What happens in a pool is counted, and told to whoever wants to know: the manager, and with their features `tracing` and
//! `metrics`.

use core::time::Duration;

use super::keep::{ErrorOf, Keep};
use super::keeper::Count;
use super::manager::{Event, Manage};

/// Something has happened. The manager is told last: it may panic.
pub(super) fn event<P: Keep>(pool: P, event: &Event<'_, ErrorOf<P>>) {
    let keeper = pool.keeper();
    match event {
        // Counted where the connection is put into its slot.
        Event::Connected { took } => {
            if let Some(times) = pool.times() {
                times.connect.record_shared(*took);
            }
        }
        Event::ConnectFailed { .. } => keeper.count(Count::ConnectFailed),
        Event::CheckFailed { .. } => keeper.count(Count::CheckFailed),
        Event::Leaked { .. } => keeper.count(Count::Leaked),
        Event::ResetFailed { .. } => {}
    }
    pool.manager().on_event(event);
}

/// The present moment, in microseconds, for [`held`].
pub(super) fn micros<P: Keep>(pool: P) -> usize {
    pool.now().as_micros() as usize
}

/// A borrowing that was timed has ended.
pub(super) fn held<P: Keep>(pool: P, from: usize) {
    let took = Duration::from_micros(micros(pool).wrapping_sub(from) as u64);
    if let Some(times) = pool.times() {
        times.hold.record_shared(took);
    }
}
