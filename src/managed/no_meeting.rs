// knows: shared_error, engine · must not know: what a check is
//! Without threads no caller waits for what concerns one slot: checks are made by their callers, and a task that
//! connects goes on when a connector begins.

use core::task::Waker;
use core::time::Duration;

use super::shared_error::SharedError;
use crate::engine::SlotToken;

pub(crate) struct Meeting;

/// What came of a check.
pub(crate) enum Answer {
    Fit(SlotToken),
    Unfit(#[expect(dead_code, reason = "no caller hears of a check")] Option<SharedError>),
}

#[expect(clippy::unused_self, reason = "as the twin with threads")]
impl Meeting {
    pub(super) const fn new() -> Self {
        Self
    }

    pub(super) fn begin_connect(&self, _waker: Waker) {}

    pub(super) const fn call(&self) {}

    pub(super) const fn allowed(&self) -> Option<Duration> {
        None
    }

    pub(super) const fn leave(&self) -> Option<Answer> {
        None
    }

    pub(super) const fn end(&self, answer: Answer) -> Result<(), Answer> {
        Err(answer)
    }
}
