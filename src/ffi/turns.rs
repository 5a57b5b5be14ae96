// knows: platform · must not know: what is called
//! Callbacks that are due on one thread, called one after the other.
//!
//! A callback may release its lease and so make the next one due. If that were called at once, from within, a long wait
//! queue would need a deep stack. So it is queued here, and the outermost call on the stack calls it.

use core::cell::Cell;
use core::ptr;

use super::platform::{present_stamp, with_own_pointer};

/// What can be due. A node of a linked list.
pub(super) trait Turn {
    /// The place for the one that is due after this one.
    fn next(&self) -> &Cell<*const Self>;

    /// Calls it. It may be freed meanwhile.
    fn fire(&self);
}

/// Those that are due on one thread, oldest first. On the stack of the outermost call.
struct Turns<T> {
    first: Cell<*const T>,
    last: Cell<*const T>,
    /// The process that calls them. A fork's child must not: what was due belongs to the parent.
    stamp: usize,
}

/// Calls `turn`, and whatever becomes due meanwhile; or leaves it to a call further down the stack.
///
/// # Safety
///
/// `turn` stays alive until it is called, and becomes due once. `T` is the same type in all calls.
pub(super) unsafe fn take_turn<T: Turn>(turn: *const T) {
    with_own_pointer(|own| {
        // SAFETY: NULL, or put there by `Outermost::enter`, whose `Turns` is alive until it puts back what was there;
        // of the same `T`, as the caller promises.
        let outer = unsafe { own.get().cast::<Turns<T>>().as_ref() };
        if let Some(turns) = outer
            && turns.is_present()
        {
            // SAFETY: as the caller promises.
            return unsafe { turns.append(turn) };
        }
        let turns = Turns::new();
        // SAFETY: as the caller promises.
        unsafe { turns.append(turn) };
        let _outermost = Outermost::enter(own, &turns);
        while let Some(turn) = turns.take() {
            // SAFETY: not called yet, so it is alive, as was promised when it was appended.
            unsafe { &*turn }.fire();
        }
    });
}

impl<T: Turn> Turns<T> {
    fn new() -> Self {
        Self { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()), stamp: present_stamp() }
    }

    fn is_present(&self) -> bool {
        self.stamp == present_stamp()
    }

    /// # Safety
    ///
    /// `turn` stays alive until it is called.
    unsafe fn append(&self, turn: *const T) {
        // SAFETY: alive, as the caller promises.
        unsafe { &*turn }.next().set(ptr::null());
        let last = self.last.replace(turn);
        // SAFETY: NULL, or not called yet and so alive, as was promised when it was appended.
        match unsafe { last.as_ref() } {
            Some(last) => last.next().set(turn),
            None => self.first.set(turn),
        }
    }

    /// The next one; none in a fork's child.
    fn take(&self) -> Option<*const T> {
        if !self.is_present() {
            return None;
        }
        let turn = self.first.get();
        // SAFETY: NULL, or not called yet and so alive, as was promised when it was appended.
        let next = unsafe { turn.as_ref() }?.next().get();
        self.first.set(next);
        if next.is_null() {
            self.last.set(ptr::null());
        }
        Some(turn)
    }
}

/// While it lives, calls further up the stack find its `Turns`.
struct Outermost<'a> {
    own: &'a Cell<*const ()>,
    before: *const (),
}

impl<'a> Outermost<'a> {
    fn enter<T>(own: &'a Cell<*const ()>, turns: &'a Turns<T>) -> Self {
        Self { own, before: own.replace(ptr::from_ref(turns).cast()) }
    }
}

impl Drop for Outermost<'_> {
    fn drop(&mut self) {
        self.own.set(self.before);
    }
}
