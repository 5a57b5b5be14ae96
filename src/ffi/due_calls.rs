// knows: platform · must not know: what is called
//! Callbacks that are due on one thread, called one after the other.
//!
//! A callback may release its lease and so make the next one due. If that were called at once, from within, a long wait
//! queue would need a deep stack. So it is queued here, and the outermost call on the stack calls it.

use core::cell::Cell;
use core::ptr;

use super::platform::{present_stamp, with_own_pointer};

/// What can be due. A node of a linked list.
pub(super) trait DueCall {
    /// The place for the one that is due after this one.
    fn next(&self) -> &Cell<*const Self>;

    /// Calls it. It may be freed meanwhile.
    fn fire(&self);
}

/// Those that are due on one thread, oldest first. On the stack of the outermost call.
struct DueCalls<T> {
    first: Cell<*const T>,
    last: Cell<*const T>,
    /// The process that calls them. A fork's child must not: what was due belongs to the parent.
    stamp: usize,
}

/// Calls `call`, and whatever becomes due meanwhile; or leaves it to a call further down the stack.
///
/// # Safety
///
/// `call` stays alive until it is called, and becomes due once. `T` is the same type in all calls.
pub(super) unsafe fn call_when_due<T: DueCall>(call: *const T) {
    with_own_pointer(|own| {
        // SAFETY: NULL, or put there by `Outermost::enter`, whose `DueCalls` is alive until it puts back what was
        // there; of the same `T`, as the caller promises.
        let outer = unsafe { own.get().cast::<DueCalls<T>>().as_ref() };
        if let Some(calls) = outer
            && calls.is_present()
        {
            // SAFETY: as the caller promises.
            return unsafe { calls.append(call) };
        }
        let calls = DueCalls::new();
        // SAFETY: as the caller promises.
        unsafe { calls.append(call) };
        let _outermost = Outermost::enter(own, &calls);
        while let Some(call) = calls.take() {
            // SAFETY: not called yet, so it is alive, as was promised when it was appended.
            unsafe { &*call }.fire();
        }
    });
}

impl<T: DueCall> DueCalls<T> {
    fn new() -> Self {
        Self { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()), stamp: present_stamp() }
    }

    fn is_present(&self) -> bool {
        self.stamp == present_stamp()
    }

    /// # Safety
    ///
    /// `call` stays alive until it is called.
    unsafe fn append(&self, call: *const T) {
        // SAFETY: alive, as the caller promises.
        unsafe { &*call }.next().set(ptr::null());
        let last = self.last.replace(call);
        // SAFETY: NULL, or not called yet and so alive, as was promised when it was appended.
        match unsafe { last.as_ref() } {
            Some(last) => last.next().set(call),
            None => self.first.set(call),
        }
    }

    /// The next one; none in a fork's child.
    fn take(&self) -> Option<*const T> {
        if !self.is_present() {
            return None;
        }
        let call = self.first.get();
        // SAFETY: NULL, or not called yet and so alive, as was promised when it was appended.
        let next = unsafe { call.as_ref() }?.next().get();
        self.first.set(next);
        if next.is_null() {
            self.last.set(ptr::null());
        }
        Some(call)
    }
}

/// While it lives, calls further up the stack find its `DueCalls`.
struct Outermost<'a> {
    own: &'a Cell<*const ()>,
    before: *const (),
}

impl<'a> Outermost<'a> {
    fn enter<T>(own: &'a Cell<*const ()>, calls: &'a DueCalls<T>) -> Self {
        Self { own, before: own.replace(ptr::from_ref(calls).cast()) }
    }
}

impl Drop for Outermost<'_> {
    fn drop(&mut self) {
        self.own.set(self.before);
    }
}
