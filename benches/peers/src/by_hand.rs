//! Futures that are polled by hand, so that no executor is measured with them.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Polls once, with a waker that does nothing.
#[inline(always)]
pub(crate) fn poll<P>(future: &mut Pin<P>) -> Option<<P::Target as Future>::Output>
where
    P: DerefMut<Target: Future>,
{
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A held connection and the tasks in line for it.
pub(crate) struct Line<F, G, M> {
    make: M,
    held: Option<G>,
    waiting: VecDeque<Pin<Box<F>>>,
}

impl<F: Future<Output = Result<G, E>>, G, E: Debug, M: Fn() -> F> Line<F, G, M> {
    /// Of a pool with one connection, for which `make` makes a future.
    pub(crate) fn new(make: M, waiting: usize) -> Self {
        let held = poll(&mut Box::pin(make())).map(|got| got.expect("the pool is open"));
        assert!(held.is_some(), "the connection is free");
        let mut waiting: VecDeque<_> = (0..waiting).map(|_| Box::pin(make())).collect();
        assert!(waiting.iter_mut().all(|task| poll(task).is_none()), "the connection is held");
        Self { make, held, waiting }
    }

    /// The holder gives the connection back, the head of the line gets it, and a new task joins at the end.
    #[inline(always)]
    pub(crate) fn step(&mut self) {
        self.held = None;
        let Some(mut head) = self.waiting.pop_front() else { return };
        self.held = poll(&mut head).and_then(Result::ok);
        assert!(self.held.is_some(), "the head of the line is served");
        head.as_mut().set((self.make)());
        assert!(poll(&mut head).is_none(), "the connection is held again");
        self.waiting.push_back(head);
    }
}
