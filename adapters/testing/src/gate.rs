//! A place where calls wait, threads and tasks, until it is opened.

use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// After this a call that is waited for, or waits, fails the test.
const LONGEST: Duration = Duration::from_secs(60);

/// Closed at first, and open for good once it was opened. Clones are the same gate.
///
/// For a server that does not answer until the test says so.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    is_open: bool,
    arrived: usize,
    wakers: Vec<Waker>,
}

impl Gate {
    /// Lets through all calls that wait, and those to come.
    pub fn open(&self) {
        let mut state = self.state();
        state.is_open = true;
        self.0.1.notify_all();
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until so many calls have come to the gate since it was made.
    #[track_caller]
    pub fn wait_for_arrivals(&self, count: usize) {
        self.wait_while("no call comes to the gate", |state| state.arrived < count);
    }

    /// Comes to the gate, and waits as a thread until it is open.
    #[track_caller]
    pub fn pass(&self) {
        self.arrive();
        self.wait_while("the gate is not opened", |state| !state.is_open);
    }

    /// Comes to the gate, and waits as a task until it is open.
    pub async fn pass_async(&self) {
        self.arrive();
        poll_fn(|context| {
            let mut state = self.state();
            if state.is_open {
                return Poll::Ready(());
            }
            state.wakers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn arrive(&self) {
        self.state().arrived += 1;
        self.0.1.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn wait_while(&self, complaint: &str, condition: impl FnMut(&mut State) -> bool) {
        let waited = self.0.1.wait_timeout_while(self.state(), LONGEST, condition);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(!waited.timed_out(), "{complaint}");
    }
}
