//! A manager of deadpool that notes each call.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use conn_pool_testing::{Gate, Journal};
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};

/// Objects are numbered: the first is 1.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) journal: Journal,
    /// Where each recycling has to pass, if there is one.
    gate: Option<Gate>,
    made: AtomicUsize,
}

impl Fake {
    pub(crate) fn with_gate(gate: Gate) -> Self {
        Self { gate: Some(gate), ..Self::default() }
    }
}

#[derive(Debug)]
pub(crate) struct Thing {
    pub(crate) number: usize,
    pub(crate) state: State,
    journal: Journal,
}

#[derive(Debug, PartialEq)]
pub(crate) enum State {
    Clean,
    /// Left behind by a caller; cleaned up by `recycle`.
    Dirty,
    /// `recycle` says so in words.
    Worn,
    /// `recycle` has an error.
    Dead,
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.journal.note(format_args!("drop {}", self.number));
    }
}

impl Manager for Fake {
    type Type = Thing;
    type Error = io::Error;

    async fn create(&self) -> io::Result<Thing> {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        self.journal.note(format_args!("create {number}"));
        Ok(Thing { number, state: State::Clean, journal: self.journal.clone() })
    }

    async fn recycle(&self, thing: &mut Thing, metrics: &Metrics) -> RecycleResult<io::Error> {
        self.journal.note(format_args!("recycle {} ({})", thing.number, metrics.recycle_count));
        if let Some(gate) = &self.gate {
            gate.pass_async().await;
        }
        match thing.state {
            State::Worn => return Err(RecycleError::message("worn out")),
            State::Dead => return Err(io::Error::other("no answer").into()),
            State::Clean | State::Dirty => thing.state = State::Clean,
        }
        Ok(())
    }

    fn detach(&self, thing: &mut Thing) {
        self.journal.note(format_args!("detach {}", thing.number));
    }
}
