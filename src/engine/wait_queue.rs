// knows: token, sync · must not know: what is in a slot, what a waiter waits for
//! The wait queue: a doubly linked list of nodes that lie in the waiters themselves (in a pinned future, which for a
//! thread lies on its stack), so that waiting allocates nothing and leaving from the middle takes constant time.
//!
//! Every field of a node is read and written under the engine's lock only (I4). How its wait has ended, a waiter learns
//! without the lock.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::task::Waker;

use super::token::SlotToken;
use crate::sync::{PlainUsize, Relaxed, Stamp, const_fn, ord};

/// What waits. Tasks and threads are told apart only for `Debug`. Callbacks are never woken to compete for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaiterKind {
    Task,
    Thread,
    /// A callback of a C program: called once, when it has its slot.
    #[cfg(any(feature = "ffi", test))]
    Callback,
    /// Waits until a closed pool is drained. Only drainers join the queue of a closed pool, so they stand behind all
    /// other waiters.
    Drainer,
}

impl WaiterKind {
    pub(super) const fn is_callback(self) -> bool {
        !self.competes_when_woken() && !matches!(self, Self::Drainer)
    }

    /// Whether a waiter that is woken without a slot looks for one itself.
    pub(super) const fn competes_when_woken(self) -> bool {
        matches!(self, Self::Task | Self::Thread)
    }
}

/// What a waiter brings into the queue: see [`Node`].
pub(super) struct Call {
    pub(super) waker: Option<Waker>,
    #[cfg(feature = "managed")]
    pub(super) is_pausing: bool,
    pub(super) joined_at: usize,
}

impl Call {
    /// Nobody overtakes a drainer.
    pub(super) const fn of_drainer(waker: Option<Waker>) -> Self {
        Self {
            waker,
            #[cfg(feature = "managed")]
            is_pausing: false,
            joined_at: 0,
        }
    }
}

/// How a wait has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With this slot, which is the waiter's.
    Granted(SlotToken),
    /// Without one (for a caller: the pool was closed).
    Dismissed,
}

impl Outcome {
    pub(crate) fn into_slot(self) -> Option<SlotToken> {
        match self {
            Self::Granted(slot) => Some(slot),
            Self::Dismissed => None,
        }
    }
}

/// What a waiter's `outcome` holds while there is none.
const NONE_YET: usize = 0;
const DISMISSED: usize = usize::MAX;

pub(crate) struct Node {
    prev: Option<NonNull<Waiter>>,
    next: Option<NonNull<Waiter>>,
    /// Called when the wait ends; `None` once it was called, and outside the queue.
    pub(super) waker: Option<Waker>,
    /// It does not connect for now: vacant slots are not for it.
    #[cfg(feature = "managed")]
    pub(super) is_pausing: bool,
    /// The pool's count of overtakes when this waiter joined; not above that of the waiters behind it.
    pub(super) joined_at: usize,
}

/// A waiter's place in a wait queue; see [`Node`].
pub(crate) struct Waiter {
    /// Initialised while it is queued (I4): a waiter that need not wait is made with few writes.
    node: UnsafeCell<MaybeUninit<Node>>,
    /// Changes under the lock.
    is_queued: Cell<bool>,
    /// It was cancelled after it had left the queue, and must not join again. Changes under the lock.
    #[cfg(any(feature = "ffi", test))]
    pub(super) cancelled_late: Cell<bool>,
    /// It waits without a deadline.
    #[cfg(feature = "managed")]
    pub(super) waits_forever: bool,
    /// [`NONE_YET`], [`DISMISSED`], or the number of the slot that was granted, and one more. Set once the waiter is
    /// out of the queue, as the last touch of whoever took it out: from then on it is its owner's, without the lock.
    outcome: PlainUsize,
    pub(super) kind: WaiterKind,
    /// Its number in the order of arrival. Written by its owner only, and under the lock; so its owner may read it at
    /// any time, and others under the lock (I4).
    number: Cell<TicketNumber>,
    /// When its wait began: its owner's.
    since: Cell<Option<Stamp>>,
    /// Other nodes point to it while it is in a queue.
    _pinned: PhantomPinned,
}

// SAFETY: the node's fields are touched under the lock only (I4), and a `Waker` may be sent and shared.
unsafe impl Send for Waiter {}
// SAFETY: as for `Send`; a shared `Waiter` gives no access without the lock (I4), but for what its owner alone writes,
// and the outcome, which is atomic.
unsafe impl Sync for Waiter {}

impl Waiter {
    const_fn! {
        pub(crate) const fn new(kind: WaiterKind) -> Self {
            Self::with_number(kind, None)
        }
    }

    const_fn! {
        /// As [`new`](Self::new), for a caller that waits again and keeps its number.
        pub(crate) const fn with_number(kind: WaiterKind, number: TicketNumber) -> Self {
            Self {
                node: UnsafeCell::new(MaybeUninit::uninit()),
                is_queued: Cell::new(false),
                #[cfg(any(feature = "ffi", test))]
                cancelled_late: Cell::new(false),
                #[cfg(feature = "managed")]
                waits_forever: false,
                outcome: PlainUsize::new(NONE_YET),
                kind,
                number: Cell::new(number),
                since: Cell::new(None),
                _pinned: PhantomPinned,
            }
        }
    }

    /// The same, for a caller that waits without a deadline, if `waits_forever`.
    #[cfg(feature = "managed")]
    pub(crate) const fn if_it_waits_forever(mut self, waits_forever: bool) -> Self {
        self.waits_forever = waits_forever;
        self
    }

    /// Whether it is in a queue: for the lock's holder.
    pub(super) const fn is_queued(&self) -> bool {
        self.is_queued.get()
    }

    /// Its number in the order of arrival: for its owner, and for the lock's holder.
    pub(crate) const fn number(&self) -> TicketNumber {
        self.number.get()
    }

    /// Sets its number: by its owner, under the lock.
    pub(super) fn set_number(&self, number: TicketNumber) {
        self.number.set(number);
    }

    /// Its wait begins: for its owner.
    pub(super) fn set_since(&self, since: Option<Stamp>) {
        self.since.set(since);
    }

    /// Its wait has ended: when it began, for its owner.
    pub(super) fn take_since(&self) -> Option<Stamp> {
        self.since.take()
    }

    /// How the wait has ended, if it has: for its owner, without the lock, and once.
    #[inline]
    pub(super) fn take_outcome(&self) -> Option<Outcome> {
        // O8: pairs with O9 in `end`; without it the owner may read the connection half-written, or end the node while
        // the lock's holder is seen to use it.
        let outcome = match self.outcome.load(ord!(O8, Acquire)) {
            NONE_YET => return None,
            DISMISSED => Outcome::Dismissed,
            granted => Outcome::Granted(SlotToken::new(granted - 1)),
        };
        // Relaxed: nobody else writes it before the waiter has joined a queue again, under the lock.
        self.outcome.store(NONE_YET, Relaxed);
        Some(outcome)
    }

    /// Ends the wait of a waiter that was just taken out of its queue: by the lock's holder, who does not touch it
    /// again, since its owner may end it from here on.
    pub(super) fn end(&self, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Granted(slot) => slot.into_raw() + 1,
            Outcome::Dismissed => DISMISSED,
        };
        // O9: pairs with O8.
        self.outcome.store(outcome, ord!(O9, Release));
    }

    /// The node, for the lock's holder.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the queue (I4), in which the waiter is, and no other reference to this node is
    /// alive.
    #[expect(clippy::mut_from_ref, reason = "the lock makes it exclusive")]
    pub(super) unsafe fn node(&self) -> &mut Node {
        debug_assert!(self.is_queued());
        // SAFETY: exclusive by the caller's promise (I4).
        let node = unsafe { &mut *self.node.get() };
        // SAFETY: initialised, since it is queued (I4).
        unsafe { node.assume_init_mut() }
    }
}

/// A caller's number in the order of arrival; `None`, which is before all others, if it was served without waiting.
#[cfg(feature = "managed")]
pub(crate) type TicketNumber = Option<core::num::NonZero<usize>>;
/// Where nobody waits a second time, nobody has a number.
#[cfg(not(feature = "managed"))]
pub(crate) type TicketNumber = Option<NoNumber>;

#[cfg(not(feature = "managed"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum NoNumber {}

/// First come, first served.
pub(crate) struct WaitQueue {
    ends: Option<(NonNull<Waiter>, NonNull<Waiter>)>,
}

// SAFETY: the queue is reached under the lock only, and the waiters that it points to may be sent (I4).
unsafe impl Send for WaitQueue {}

impl WaitQueue {
    pub(super) const fn new() -> Self {
        Self { ends: None }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// The oldest waiter.
    pub(super) fn head(&self) -> Option<NonNull<Waiter>> {
        self.ends.map(|(head, _)| head)
    }

    /// The waiter behind this one.
    ///
    /// # Safety
    ///
    /// `waiter` is in a queue, whose lock the caller holds.
    pub(super) unsafe fn behind(waiter: NonNull<Waiter>) -> Option<NonNull<Waiter>> {
        // SAFETY: a queued waiter is alive, and the lock is held (I4).
        unsafe { node(waiter) }.next
    }

    /// Puts a waiter at the end.
    ///
    /// # Safety
    ///
    /// The caller holds the lock; the waiter is in no queue, and stays where it is until it has left this one.
    pub(super) unsafe fn push(&mut self, waiter: NonNull<Waiter>, call: Call) {
        // SAFETY: as the caller promises; the last waiter has none behind it.
        unsafe { self.insert(waiter, call, self.ends.map(|(_, tail)| tail), None) };
    }

    /// Puts a waiter back before those that arrived later.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(super) unsafe fn push_by_number(&mut self, waiter: NonNull<Waiter>, call: Call) {
        // SAFETY: alive by the caller's promise, and the lock is held (I4).
        let number = unsafe { waiter.as_ref() }.number();
        let (mut prev, mut next) = (None, self.head());
        // Only other waiters that were put back stand before it. Those without a number keep the order in which they
        // were put back.
        while let Some(other) = next
            // SAFETY: a queued waiter is alive, and the lock is held (I4).
            && unsafe { other.as_ref() }.number() <= number
        {
            prev = next;
            // SAFETY: it is in the queue, and the lock is held (I4).
            next = unsafe { Self::behind(other) };
        }
        // SAFETY: as the caller promises; the two are neighbours in the queue.
        unsafe { self.insert(waiter, call, prev, next) };
    }

    /// Puts a waiter between two neighbours, either of which may be the end of the queue.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), and `prev` and `next` are neighbours.
    unsafe fn insert(
        &mut self,
        waiter: NonNull<Waiter>,
        call: Call,
        prev: Option<NonNull<Waiter>>,
        next: Option<NonNull<Waiter>>,
    ) {
        // SAFETY: alive by the caller's promise; only shared references to a `Waiter` are ever made.
        let own = unsafe { waiter.as_ref() };
        let new = Node {
            prev,
            next,
            waker: call.waker,
            #[cfg(feature = "managed")]
            is_pausing: call.is_pausing,
            joined_at: call.joined_at,
        };
        // SAFETY: the lock is held and no other reference to the node is alive (I4). What it was has no waker to drop.
        unsafe { own.node.get().write(MaybeUninit::new(new)) };
        own.is_queued.set(true);
        if let Some(prev) = prev {
            // SAFETY: a queued waiter is alive (I4), and it is not `waiter`.
            unsafe { node(prev) }.next = Some(waiter);
        }
        if let Some(next) = next {
            // SAFETY: as above.
            unsafe { node(next) }.prev = Some(waiter);
        }
        self.ends = match self.ends {
            None => Some((waiter, waiter)),
            Some((head, tail)) => {
                Some((if prev.is_none() { waiter } else { head }, if next.is_none() { waiter } else { tail }))
            }
        };
    }

    /// Takes a waiter out, wherever it stands.
    ///
    /// # Safety
    ///
    /// The caller holds the lock; the waiter is in this queue.
    pub(super) unsafe fn remove(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: a queued waiter is alive (I4); only shared references to a `Waiter` are ever made.
        let own = unsafe { waiter.as_ref() };
        // SAFETY: in the queue by the caller's promise, and the lock is held (I4).
        let Node { prev, next, ref waker, .. } = *unsafe { own.node() };
        debug_assert!(waker.is_none(), "a waker is left in a node outside the queue");
        own.is_queued.set(false);
        if let Some(prev) = prev {
            // SAFETY: as above, and a neighbour is another node.
            unsafe { node(prev) }.next = next;
        }
        if let Some(next) = next {
            // SAFETY: as above, and a neighbour is another node.
            unsafe { node(next) }.prev = prev;
        }
        self.ends = match (prev, next, self.ends) {
            (None, None, _) | (_, _, None) => None,
            (None, Some(next), Some((_, tail))) => Some((next, tail)),
            (Some(prev), None, Some((head, _))) => Some((head, prev)),
            (Some(_), Some(_), ends) => ends,
        };
    }
}

/// The node of a queued waiter, for the lock's holder.
///
/// # Safety
///
/// The waiter is alive (which it is while it is queued), the lock of its queue is held, and no other reference to its
/// node is in use (I4).
pub(super) unsafe fn node<'a>(waiter: NonNull<Waiter>) -> &'a mut Node {
    // SAFETY: alive by the caller's promise; only shared references to a `Waiter` are ever made.
    let waiter: &'a Waiter = unsafe { waiter.as_ref() };
    // SAFETY: the caller holds the lock and the only reference (I4).
    unsafe { waiter.node() }
}
