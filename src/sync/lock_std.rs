// knows: atomics, const_fn · must not know: what it guards
//! The engine's lock where the operating system can put a thread to sleep.

#[cfg(conn_pool_loom)]
use loom::sync::Mutex;
#[cfg(conn_pool_shuttle)]
use shuttle::sync::Mutex;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
use std::sync::Mutex;
use std::sync::PoisonError;

pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    super::const_fn::const_fn! {
        pub(crate) const fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }
    }

    /// Runs `section` alone. User code never runs in it, so a poisoned mutex holds whole data all the same.
    pub(crate) fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
        super::atomics::count::note_lock();
        section(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`with`](Self::with), unless the lock is taken.
    #[cfg(conn_pool_loom)]
    pub(crate) fn try_with<R>(&self, section: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.try_lock().ok().map(|mut value| section(&mut value))
    }

    /// Nobody asks: a thread that finds the lock taken sleeps.
    #[cfg(not(conn_pool_loom))]
    #[expect(clippy::unnecessary_wraps, reason = "the shape of the twin in models")]
    pub(crate) fn try_with<R>(&self, section: impl FnOnce(&mut T) -> R) -> Option<R> {
        Some(self.with(section))
    }
}
