//! A place where calls wait, threads and tasks, until it is opened.

use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::{FOREVER, lock};

/// Closed at first, and open for good once it was opened. Clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_open: bool,
    arrived: usize,
    wakers: Vec<Waker>,
}

impl Gate {
    pub(crate) fn open(&self) {
        let wakers = {
            let mut state = lock(&self.0.0);
            state.is_open = true;
            self.0.1.notify_all();
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_open(&self) -> bool {
        lock(&self.0.0).is_open
    }

    /// A call has come to the gate.
    pub(crate) fn arrive(&self) {
        lock(&self.0.0).arrived += 1;
        self.0.1.notify_all();
    }

    /// How many calls have come to the gate since it was made.
    pub(crate) fn arrivals(&self) -> usize {
        lock(&self.0.0).arrived
    }

    /// Waits until so many calls have come to the gate since it was made.
    #[track_caller]
    pub(crate) fn wait_for_arrivals(&self, count: usize) {
        self.wait_while("no call comes to the gate", |state| state.arrived < count);
    }

    /// Comes to the gate, and waits as a thread until it is open.
    #[track_caller]
    pub(crate) fn pass(&self) {
        self.arrive();
        self.wait_while("the gate is not opened", |state| !state.is_open);
    }

    /// Comes to the gate, and waits as a task until it is open.
    pub(crate) async fn pass_async(&self) {
        self.arrive();
        poll_fn(|context| {
            let mut state = lock(&self.0.0);
            if state.is_open {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    #[track_caller]
    fn wait_while(&self, complaint: &str, condition: impl FnMut(&mut State) -> bool) {
        let waited = self.0.1.wait_timeout_while(lock(&self.0.0), FOREVER, condition);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        // Whoever gives up leaves the gate open, which a test can see.
        state.is_open |= waited.timed_out();
        drop(state);
        assert!(!waited.timed_out(), "{complaint}");
    }
}
