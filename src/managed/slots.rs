// knows: config, meeting, record, engine, slot, sync · must not know: managers, which pool it is
//! What the slots and the engine of a managed pool begin as.

use core::mem::ManuallyDrop;

use super::config::Config;
use super::meeting::Meeting;
use super::record::{ConnRecord, LoanRecord};
use crate::engine::EngineState;
use crate::slot::Slot;
use crate::sync::const_fn;

/// What is recorded about each slot.
#[repr(C)]
pub(crate) struct SlotExtra {
    // The words of the fast path first, beside each other.
    pub(super) loan_record: LoanRecord,
    pub(super) record: ConnRecord,
    pub(super) meeting: Meeting,
}

impl SlotExtra {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self {
                loan_record: LoanRecord::new(),
                record: ConnRecord::new(),
                meeting: Meeting::new(),
            }
        }
    }
}

const_fn! {
    /// The engine of a pool of so many slots.
    pub(super) const fn engine(config: &Config, slots: usize) -> EngineState {
        let mut engine = EngineState::new(slots - config.size(slots));
        engine.set_fairness(config.fairness);
        engine.connects_mut().set_max_connecting(config.most_connecting(slots));
        if let Some(most) = config.max_waiting {
            engine.connects_mut().set_max_waiting(most);
        }
        engine
    }
}

const_fn! {
    /// Vacant slots, and behind them those above the maximum size.
    pub(super) const fn vacant_slots<C, const N: usize>(max_size: usize) -> [Slot<C, SlotExtra>; N] {
        // loom's atomics cannot be made in a constant.
        #[cfg(not(conn_pool_loom))]
        let mut slots = [const { Slot::vacant(SlotExtra::new()) }; N];
        #[cfg(conn_pool_loom)]
        let mut slots: [_; N] = core::array::from_fn(|_| Slot::vacant(SlotExtra::new()));
        let mut slot = max_size;
        while slot < N {
            // What is replaced has nothing in it; in a constant it cannot be dropped.
            let _empty = ManuallyDrop::new(core::mem::replace(&mut slots[slot], Slot::retired(SlotExtra::new())));
            slot += 1;
        }
        slots
    }
}
