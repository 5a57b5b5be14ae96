//! Wakers that count, that work, and that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// A waker that counts how often it was called.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&bell));
        (bell, waker)
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that runs a closure.
pub(crate) fn waker_that(work: impl Fn() + Send + Sync + 'static) -> Waker {
    struct Calling<F>(F);
    impl<F: Fn() + Send + Sync + 'static> Wake for Calling<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Waker::from(Arc::new(Calling(work)))
}

/// A waker that panics.
pub(crate) fn waker_that_panics(message: &'static str) -> Waker {
    waker_that(move || panic!("{message}"))
}
