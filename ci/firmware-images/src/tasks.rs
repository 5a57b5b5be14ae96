//! The smallest executor there is: two tasks of one kind, polled in turn for ever.

use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// Polls two tasks in turn. Nobody sleeps, so a waker has nothing to do.
#[inline(always)]
pub fn run<F: Future<Output = Infallible>>(task: impl Fn() -> F) -> ! {
    let (first, second) = (pin!(task()), pin!(task()));
    let mut tasks = [first, second];
    let mut context = Context::from_waker(Waker::noop());
    loop {
        for task in &mut tasks {
            let _never_ready = task.as_mut().poll(&mut context);
        }
    }
}

/// Lets the other task run once.
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|_| if core::mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}
