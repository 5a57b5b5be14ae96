//! A place in the queue, whatever the future's type, and a waker that raises a flag.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// A place in the queue.
pub trait Waits<G> {
    fn is_waiting(&self) -> bool;
    /// Joins the queue, or looks; then there is an answer, or none yet.
    fn poll(self: Pin<&mut Self>, waker: &Waker) -> Option<Option<G>>;
    fn leave(self: Pin<&mut Self>);
}

/// A place in the queue, by a future that `make` makes.
pub struct Wait<F, M> {
    make: M,
    future: Option<F>,
}

impl<F, M> Wait<F, M> {
    pub const fn new(make: M) -> Self {
        Self { make, future: None }
    }

    fn future(self: Pin<&mut Self>) -> Pin<&mut Option<F>> {
        // SAFETY: the future is pinned with the whole: it is only polled, and dropped in its place.
        unsafe { self.map_unchecked_mut(|this| &mut this.future) }
    }
}

impl<G, F, M> Waits<G> for Wait<F, M>
where
    F: Future<Output = Option<G>>,
    M: Fn() -> F,
{
    fn is_waiting(&self) -> bool {
        self.future.is_some()
    }

    fn poll(mut self: Pin<&mut Self>, waker: &Waker) -> Option<Option<G>> {
        if self.future.is_none() {
            let future = (self.make)();
            self.as_mut().future().set(Some(future));
        }
        let mut place = self.future();
        let future = place.as_mut().as_pin_mut()?;
        match future.poll(&mut Context::from_waker(waker)) {
            Poll::Pending => None,
            Poll::Ready(answer) => {
                place.set(None);
                Some(answer)
            }
        }
    }

    fn leave(self: Pin<&mut Self>) {
        self.future().set(None);
    }
}

/// Raised when its waker is called.
pub struct Flag(AtomicBool);

impl Flag {
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub fn lower(&self) {
        self.0.store(false, Relaxed);
    }

    pub fn is_raised(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub fn waker(&'static self) -> Waker {
        // SAFETY: the functions of the table keep to the rules: what they get lives for ever.
        unsafe { Waker::new((&raw const *self).cast(), &TABLE) }
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(|flag| RawWaker::new(flag, &TABLE), raise, raise, |_| {});

fn raise(flag: *const ()) {
    // SAFETY: a flag's waker points to that flag, which lives for ever.
    unsafe { &*flag.cast::<Flag>() }.0.store(true, Relaxed);
}
