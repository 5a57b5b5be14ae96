// knows: shared_error, engine, sync · must not know: what a check is, how a thread sleeps
//! Where a caller waits for a thing that concerns one slot: for the check of its connection, which is made elsewhere,
//! or for a connector that may connect in it instead.

use core::mem::{replace, swap};
use core::task::Waker;
use core::time::Duration;

use super::shared_error::SharedError;
use crate::engine::SlotToken;
use crate::sync::{Lock, const_fn};

/// One in each slot. Its lock hands the slot from the one that checks to the caller (I2).
pub(crate) struct Meeting(Lock<Inner>);

struct Inner {
    state: State,
    /// How long the check may take that was handed over last, for its caller's sake.
    allowed: Option<Duration>,
}

enum State {
    /// No caller waits.
    Nobody,
    /// A caller waits for the check of the connection.
    Awaited(Waker),
    /// A task connects in the slot, until a connector begins.
    Connecting(Waker),
    /// The caller has not seen the answer yet.
    Answered(Answer),
}

/// What came of a check.
pub(crate) enum Answer {
    /// The connection is fit, and the slot is the caller's.
    Fit(SlotToken),
    /// The connection was discarded; what the manager says of it.
    Unfit(Option<SharedError>),
}

impl Meeting {
    const_fn! {
        pub(super) const fn new() -> Self {
            Self(Lock::new(Inner { state: State::Nobody, allowed: None }))
        }
    }

    /// A caller waits for a check from now on, until it has taken the answer or [leaves](Self::leave).
    pub(super) fn begin(&self, waker: Waker) {
        self.set(State::Awaited(waker));
    }

    /// How long the check may take that is handed over next; `None`: as long as any.
    pub(super) fn allow(&self, allowed: Option<Duration>) {
        self.0.with(|inner| inner.allowed = allowed);
    }

    /// How long the check may take that was handed over.
    pub(super) fn allowed(&self) -> Option<Duration> {
        self.0.with(|inner| inner.allowed.take())
    }

    /// A task connects in the slot from now on, and is called when a connector begins, until it
    /// [leaves](Self::leave).
    pub(super) fn begin_connect(&self, waker: Waker) {
        self.set(State::Connecting(waker));
    }

    /// Calls the task that connects in the slot, if one does.
    pub(super) fn call(&self) {
        let waker = self.0.with(|inner| match replace(&mut inner.state, State::Nobody) {
            State::Connecting(waker) => Some(waker),
            other => {
                inner.state = other;
                None
            }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The answer, if there is one.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.0.with(|inner| match inner.state {
            State::Answered(_) => replace(&mut inner.state, State::Nobody).answer(),
            _ => None,
        })
    }

    /// The answer, if there is one; else `waker` is called when there is.
    pub(super) fn poll(&self, waker: &Waker) -> Option<Answer> {
        let mut fresh = waker.clone();
        let answer = self.0.with(|inner| match &mut inner.state {
            State::Answered(_) => replace(&mut inner.state, State::Nobody).answer(),
            State::Awaited(present) => {
                swap(present, &mut fresh);
                None
            }
            State::Nobody | State::Connecting(_) => None,
        });
        // What was replaced is dropped without the lock: a waker's destructor is user code.
        drop(fresh);
        answer
    }

    /// The caller waits no longer. If there is an answer, it has to take it.
    pub(super) fn leave(&self) -> Option<Answer> {
        self.set(State::Nobody).answer()
    }

    /// Answers the caller; hands the answer back if no caller waits.
    pub(super) fn end(&self, answer: Answer) -> Result<(), Answer> {
        let mut answer = Some(answer);
        let waker = self.0.with(|inner| match replace(&mut inner.state, State::Nobody) {
            State::Awaited(waker) => {
                if let Some(answer) = answer.take() {
                    inner.state = State::Answered(answer);
                }
                Some(waker)
            }
            other => {
                inner.state = other;
                None
            }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
        answer.map_or(Ok(()), Err)
    }

    /// What is replaced is dropped without the lock: a waker's destructor is user code.
    fn set(&self, state: State) -> State {
        self.0.with(|inner| replace(&mut inner.state, state))
    }
}

impl State {
    fn answer(self) -> Option<Answer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Nobody | Self::Awaited(_) | Self::Connecting(_) => None,
        }
    }
}
