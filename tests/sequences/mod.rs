//! Sequences of operations on a pool, compared step by step with a model of it.
//!
//! `tests/plain/model.rs` draws the sequences with proptest, `fuzz/` with libFuzzer; both decode them here, so the
//! operations and the model are written once. Since `fuzz/` takes this folder alone, it uses nothing of `tests/kit`.

mod model;
mod operation;
mod world;

use std::fmt;

use conn_pool::Fairness;

pub(crate) use operation::Operation;

/// A pool and what is done to it.
#[derive(Clone)]
pub(crate) struct Plan {
    slots: usize,
    fairness: Fairness,
    /// How many of the slots have a connection at the start.
    filled: usize,
    operations: Vec<Operation>,
}

impl Plan {
    /// The sizes that are tried: none, one, a single word, and several words (from 257 slots on with a hint).
    pub(crate) const SIZES: [usize; 7] = [0, 1, 3, 8, 9, 40, 300];

    /// Two bytes for an operation, three for the pool.
    pub(crate) fn decode(slots: usize, fairness: u8, vacant: u8, operations: &[(u8, u8)]) -> Self {
        assert!(Self::SIZES.contains(&slots), "no pool of {slots} slots is tried");
        let fairness = match fairness % 8 {
            0..4 => Fairness::Fifo,
            bound => Fairness::Bounded([0, 1, 2, 5][usize::from(bound) - 4]),
        };
        let filled = slots - usize::from(vacant) % (slots + 1);
        let operations = operations.iter().map(|(code, argument)| Operation::decode(*code, *argument)).collect();
        Self { slots, fairness, filled, operations }
    }

    /// Carries it out; panics where pool and model differ.
    pub(crate) fn run(&self) {
        match self.slots {
            0 => self.run_with::<0>(),
            1 => self.run_with::<1>(),
            3 => self.run_with::<3>(),
            8 => self.run_with::<8>(),
            9 => self.run_with::<9>(),
            40 => self.run_with::<40>(),
            300 => self.run_with::<300>(),
            other => unreachable!("no pool of {other} slots is tried"),
        }
    }

    fn run_with<const N: usize>(&self) {
        world::run::<N>(self.fairness, self.filled, &self.operations);
    }
}

impl fmt::Debug for Plan {
    /// One operation a line, as a shrunk failure is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slots, fairness, filled, operations } = self;
        writeln!(f, "{slots} slots, {filled} filled, {fairness:?}")?;
        operations.iter().try_for_each(|operation| writeln!(f, "  {operation:?}"))
    }
}
