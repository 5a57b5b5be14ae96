//! Tasks that run only when the test polls them.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Bell;

/// Polls with a waker.
pub(crate) fn poll_with<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Polls with a waker that does nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// A future with a bell of its own for a waker.
pub(crate) struct Task<F: ?Sized> {
    pub(crate) future: Pin<Box<F>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// A task of any future.
pub(crate) type Job<'a, T> = Task<dyn Future<Output = T> + 'a>;

impl<F: Future + ?Sized> Task<F> {
    pub(crate) fn of(future: Pin<Box<F>>) -> Self {
        let (bell, waker) = Bell::new();
        Self { future, bell, waker }
    }

    /// Another waker instead of the bell.
    pub(crate) fn set_waker(&mut self, waker: Waker) {
        self.waker = waker;
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        poll_with(&mut self.future, &self.waker)
    }

    /// How often it was woken.
    pub(crate) fn rings(&self) -> usize {
        self.bell.rings()
    }

    /// It is polled, and must still wait.
    #[track_caller]
    pub(crate) fn wait_on(&mut self) {
        assert!(self.poll().is_pending(), "the task has nothing to wait for");
    }

    /// It is polled, and must be through.
    #[track_caller]
    pub(crate) fn end(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the task still waits"),
        }
    }

    /// It must have been woken, and is through when it is polled.
    #[track_caller]
    pub(crate) fn woken_to_end(&mut self) -> F::Output {
        assert!(self.rings() > 0, "the task was not woken");
        self.end()
    }
}

impl<'a, T> Job<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self::of(Box::pin(future))
    }

    /// A task that has something to wait for.
    #[track_caller]
    pub(crate) fn begun(future: impl Future<Output = T> + 'a) -> Self {
        let mut job = Self::new(future);
        job.wait_on();
        job
    }
}

impl<F: Future<Output = Result<G, E>> + ?Sized, G, E: Display> Task<F> {
    /// The connection that it must have been granted.
    #[track_caller]
    pub(crate) fn guard(&mut self) -> G {
        self.end().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error that it must have got.
    #[track_caller]
    pub(crate) fn error(&mut self) -> E {
        self.end().err().expect("an error, not a connection")
    }
}
