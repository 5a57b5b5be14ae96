// knows: nothing · must not know: who is called, what for
//! Calls of a connector that works within them, and of callbacks that are told that their waits have ended.

/// Under the lock.
pub(super) struct Calls {
    /// The connector does its work within its calls, on the thread that calls it.
    is_in_place: bool,
    /// How many such calls are due or have not ended. The pool must not be ended before.
    due: u16,
    /// Callbacks that were dismissed and not called yet: they count as waiting, and want no connection.
    dismissed: u32,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self { is_in_place: false, due: 0, dismissed: 0 }
    }

    #[allow(dead_code, reason = "only programs with threads are asked for connects")]
    pub(super) const fn work_in_place(&mut self) {
        self.is_in_place = true;
    }

    /// The connector is about to be called.
    pub(super) const fn begin(&mut self) {
        if self.is_in_place {
            self.due += 1;
        }
    }

    #[allow(dead_code, reason = "only programs with threads are asked for connects")]
    pub(super) const fn end(&mut self) {
        self.due -= 1;
    }

    pub(super) const fn are_due(&self) -> bool {
        self.due > 0
    }

    /// A callback was dismissed, and is to be called.
    pub(super) const fn add_dismissed(&mut self) {
        self.dismissed += 1;
    }

    /// It was called.
    pub(super) const fn remove_dismissed(&mut self) {
        self.dismissed -= 1;
    }

    pub(super) const fn dismissed(&self) -> usize {
        self.dismissed as usize
    }
}
