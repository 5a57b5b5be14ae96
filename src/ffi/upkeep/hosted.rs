// knows: platform, status, sync · must not know: what a pass does
//! The thread that maintains a pool, if the program has asked for one. `bare` is its twin in a build without `std`.

use core::mem::MaybeUninit;
use core::task::Waker;
use core::time::Duration;
use std::os::unix::thread::JoinHandleExt;
use std::string::ToString;
use std::task::Wake;
use std::thread::{self, JoinHandle};

use crate::ffi::platform;
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{CONN_POOL_BUSY, CONN_POOL_OUT_OF_MEMORY};
use crate::sync::{Arc, Condvar, Mutex, PoisonError};

/// Where a pool keeps its thread.
pub(crate) struct Upkeep(Mutex<Option<Running>>);

struct Running {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
}

/// Ends the thread's sleep.
struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    /// There is something to do.
    is_called: bool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring(|state| state.is_called = true);
    }
}

impl Upkeep {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Starts the thread, which calls `pass` again and again: each tells after how long the next is due, and may leave
    /// the waker to be called before. At the end it calls `leave`.
    pub(super) fn start(
        &self,
        pass: impl Fn(&Waker) -> Duration + Send + 'static,
        leave: impl FnOnce() + Send + 'static,
    ) -> Answer {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_some() {
            return Err(CONN_POOL_BUSY);
        }
        let bell = Arc::new(Bell { state: Mutex::default(), changed: Condvar::new() });
        let work = {
            let bell = Arc::clone(&bell);
            move || {
                let waker = Waker::from(Arc::clone(&bell));
                while bell.waits(pass(&waker)) {}
                leave();
            }
        };
        let builder = thread::Builder::new().name("conn_pool".to_string());
        // The signals of the program are for its own threads.
        let thread = without_signals(|| builder.spawn(work)).map_err(|_| CONN_POOL_OUT_OF_MEMORY)?;
        *own = Some(Running { bell, thread });
        Ok(())
    }

    /// Ends the thread, after the pass that it is in, and waits for that. Does nothing if there is none. A callback of
    /// the thread itself cannot wait for it: then the next call does.
    pub(super) fn stop(&self) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |running: &Running| platform::number(running.thread.as_pthread_t()) == platform::thread();
        if let Some(running) = own.as_ref().filter(|running| is_own(running)) {
            return running.bell.ring(|state| state.is_stopped = true);
        }
        // Without the lock: the pass may stop it too.
        let running = own.take();
        drop(own);
        if let Some(Running { bell, thread }) = running {
            bell.ring(|state| state.is_stopped = true);
            let _ended = thread.join();
        }
    }
}

impl Bell {
    fn ring(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Sleeps for so long, or until it is called; `false` if it was stopped.
    fn waits(&self, span: Duration) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, span, |state| !state.is_stopped && !state.is_called)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_called = false;
        !state.is_stopped
    }
}

/// Runs `work` with all signals blocked for the calling thread, and so for a thread that it starts.
fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: a call of the C library's, which initialises the set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: a call of the C library's, with the set from above; it initialises the other one.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let done = work();
    // SAFETY: a call of the C library's, with the set from above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), core::ptr::null_mut()) };
    done
}
