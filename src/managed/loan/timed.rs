// knows: nothing · must not know: what the work is, what time is asked for
//! A piece of work that has to end in time.
//!
//! Written by hand, since these futures lie in each caller that waits: an async function keeps room for its arguments
//! twice.

use core::future::Future;
use core::mem::replace;
use core::pin::Pin;
use core::task::{Context, Poll};

/// The end of the time for some work. A timer is made when the work has to wait for the first time: work that need not
/// wait sets none.
pub(crate) enum Over<F, S> {
    /// Makes the timer.
    NotBegun(F),
    Running(S),
    Never,
}

/// What is left of the time when the timer is to be made.
pub(crate) enum Left<S> {
    Endless,
    /// No timer is asked: one that is made anew for each of many short waits might never be heard.
    Nothing,
    Until(S),
}

/// The time that some work has.
pub(crate) trait Limit {
    /// What came of work that was just polled, or `None` if its time is up.
    fn unless_over<T>(self: Pin<&mut Self>, worked: Poll<T>, context: &mut Context<'_>) -> Poll<Option<T>>;
}

impl<F: FnOnce() -> Left<S>, S: Future<Output = ()>> Limit for Over<F, S> {
    #[inline]
    fn unless_over<T>(self: Pin<&mut Self>, worked: Poll<T>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: the timer is pinned with the whole: it is dropped in place, and nothing moves it out.
        let this = unsafe { self.get_unchecked_mut() };
        if let Poll::Ready(output) = worked {
            // Dropped here, and not with the whole: a timer's destructor may panic, and there that would leak the
            // output.
            *this = Self::Never;
            return Poll::Ready(Some(output));
        }
        if let Self::NotBegun(_) = this
            && let Self::NotBegun(begin) = replace(this, Self::Never)
        {
            match begin() {
                Left::Endless => {}
                Left::Nothing => return Poll::Ready(None),
                Left::Until(timer) => *this = Self::Running(timer),
            }
        }
        match this {
            // SAFETY: as above: it is pinned with the whole.
            Self::Running(timer) => unsafe { Pin::new_unchecked(timer) }.poll(context).map(|()| None),
            Self::NotBegun(_) | Self::Never => Poll::Pending,
        }
    }
}

/// Work that has to end in time; its output is `None` if it has not.
pub(crate) struct Timed<W, L> {
    work: W,
    limit: L,
}

impl<W, L> Timed<W, L> {
    pub(super) const fn new(work: W, limit: L) -> Self {
        Self { work, limit }
    }
}

impl<W: Future, L: Limit> Future for Timed<W, L> {
    type Output = Option<W::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: each field is pinned with the whole: nothing moves it out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above: it is pinned with the whole.
        let work = unsafe { Pin::new_unchecked(&mut this.work) };
        // SAFETY: as above: it is pinned with the whole.
        let limit = unsafe { Pin::new_unchecked(&mut this.limit) };
        limit.unless_over(work.poll(context), context)
    }
}
