// knows: state · must not know: what is done under the lock
//! Holding the lock.

use super::state::{Engine, Locked};

impl Engine<'_> {
    /// Runs `section` under the lock.
    #[inline(always)]
    pub(super) fn hold<R>(self, section: impl FnOnce(&mut Locked) -> R) -> R {
        let answer = self.state().lock.with(section);
        self.see_to_mark();
        answer
    }

    /// Runs `section` under the lock, or leaves it to the lock's holder to do what the slow half of a release does:
    /// then the answer is `None`. A releaser never spins.
    #[inline(always)]
    pub(super) fn hold_or_mark<R>(self, section: impl FnOnce(&mut Locked) -> R) -> Option<R> {
        let (lock, mark) = (&self.state().lock, &self.state().mark);
        if !mark.is_used() {
            return Some(lock.with(section));
        }
        let mut section = Some(section);
        let mut run = |locked: &mut Locked| section.take().map(|section| section(locked));
        let mut answer = lock.try_with(&mut run);
        if answer.is_none() {
            mark.leave();
            answer = lock.try_with(&mut run);
        }
        if answer.is_some() {
            self.see_to_mark();
        }
        answer.flatten()
    }

    /// Runs `section` under the lock, unless that is taken and a caller that interrupts the holder would spin for ever:
    /// then the answer is `None`.
    #[inline(always)]
    pub(super) fn try_hold<R>(self, section: impl FnOnce(&mut Locked) -> R) -> Option<R> {
        if !self.state().mark.is_used() {
            return Some(self.state().lock.with(section));
        }
        let answer = self.state().lock.try_with(section);
        if answer.is_some() {
            self.see_to_mark();
        }
        answer
    }

    /// Whether the lock is taken, and a caller that interrupts its holder would spin for ever.
    #[inline(always)]
    pub(super) fn would_spin(self) -> bool {
        self.state().mark.is_used() && self.try_hold(|_| ()).is_none()
    }

    /// Lets a handler interrupt a holder of the lock.
    #[cfg(test)]
    #[allow(dead_code, reason = "where the lock is one that a handler may find taken")]
    pub(crate) fn interrupted_by(self, handler: impl FnOnce()) {
        self.hold(|_| handler());
    }

    /// After unlocking: does what those wanted done who have found the lock taken.
    #[inline(always)]
    fn see_to_mark(self) {
        if self.state().mark.is_used() && self.state().mark.take() {
            self.release_later();
        }
    }
}
