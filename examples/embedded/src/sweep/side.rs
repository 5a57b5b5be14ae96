//! Who makes calls: the main program, or the handler.

use core::ops::DerefMut;
use core::pin::Pin;

use super::wait::{Flag, Waits};
use super::{Conn, Needs};

/// A pool of three connections.
pub trait Subject: Sized + 'static {
    type Guard: DerefMut<Target = Conn>;

    fn try_get() -> Option<Self::Guard>;
    /// Brings the pool to its size, with a connection in each slot.
    fn refill();
    /// Leaves one slot vacant.
    fn vacate_one() {}
    /// Leaves each idle slot vacant.
    fn vacate_all() {}
    /// Makes the pool smaller.
    fn shrink() {}
    /// Whether all is idle.
    ///
    /// # Errors
    ///
    /// What is not.
    fn at_rest() -> Result<(), &'static str>;
}

/// What a caller has.
pub struct Side<'a, S: Subject> {
    pub held: Option<S::Guard>,
    wait: Pin<&'a mut dyn Waits<S::Guard>>,
    flag: &'static Flag,
}

static FLAGS: [Flag; 3] = [const { Flag::new() }; 3];

impl<'a, S: Subject> Side<'a, S> {
    pub(super) fn new(wait: Pin<&'a mut dyn Waits<S::Guard>>, number: usize) -> Self {
        Self { held: None, wait, flag: &FLAGS[number] }
    }

    pub(super) fn prepare(&mut self, needs: Needs) {
        if needs == Needs::Held {
            self.take();
        }
    }

    /// Acquires a connection, and keeps it if it has none.
    pub fn take(&mut self) {
        if let Some(guard) = S::try_get() {
            self.keep(guard);
        }
    }

    fn keep(&mut self, mut guard: S::Guard) {
        guard.begin();
        if self.held.is_none() {
            self.held = Some(guard);
        } else {
            guard.end();
        }
    }

    /// Releases its connection.
    pub fn give_back(&mut self) {
        if let Some(mut guard) = self.held.take() {
            guard.end();
        }
    }

    /// Joins the queue, or looks how it stands in it.
    pub fn wait(&mut self) {
        self.flag.lower();
        if let Some(guard) = self.wait.as_mut().poll(&self.flag.waker()) {
            match guard {
                Some(guard) => self.keep(guard),
                None => super::fault("a wait has failed"),
            }
        }
    }

    /// Leaves the queue.
    pub fn leave(&mut self) {
        self.wait.as_mut().leave();
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.wait.is_waiting()
    }

    pub(super) fn was_woken(&self) -> bool {
        self.flag.is_raised()
    }
}
