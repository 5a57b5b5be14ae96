//! Layer 1 · knows: sync · must not know: slots' contents, what is being waited for
//!
//! The waiting line: a doubly linked list of nodes that live in the waiters themselves (in a pinned future, which for a
//! thread stands on its stack), so that waiting allocates nothing and leaving from the middle takes constant time.
//!
//! Every field of a node is read and written under the line's lock only (invariant I4).

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomPinned;
use core::num::NonZero;
use core::ptr::NonNull;
use core::task::Waker;

use crate::sync::Stamp;

/// Who waits. Tasks and threads are told apart only for people who look at the pool; callbacks are served otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Task,
    Thread,
    /// A callback of a C program: called once, when it has its slot.
    #[cfg(any(feature = "ffi", test))]
    Callback,
    /// Waits for the last connection to come back to a closed pool. Nobody but drainers joins a closed pool's line, so
    /// they stand behind all others.
    Drainer,
}

impl Kind {
    pub(crate) const fn is_callback(self) -> bool {
        !self.comes_when_called() && !matches!(self, Self::Drainer)
    }

    /// Whether one who is woken without a slot comes to look for one.
    pub(crate) const fn comes_when_called(self) -> bool {
        matches!(self, Self::Task | Self::Thread)
    }
}

/// Where a waiter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In no line.
    Outside,
    /// In the line.
    Queued,
    /// Out of the line, and the owner of this slot.
    Granted(usize),
    /// Out of the line: what it waited for is over (for a connection: the pool has closed).
    Dismissed,
}

pub(crate) struct Node {
    prev: Option<NonNull<Waiter>>,
    next: Option<NonNull<Waiter>>,
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    /// What to call when the stage changes; `None` once it was called.
    pub(crate) waker: Option<Waker>,
    /// It was withdrawn too late, and must not join any more.
    pub(crate) is_barred: bool,
    /// It will not connect for now: vacant slots are not for it.
    pub(crate) is_pausing: bool,
    /// The line's count of overtakings when this waiter joined; not above that of those behind it.
    pub(crate) joined_at: usize,
    pub(crate) since: Option<Stamp>,
}

/// A waiter's place in a line; see [`Node`].
pub(crate) struct Waiter {
    node: UnsafeCell<Node>,
    /// Which of all who ever came it was. Written by its owner only, and under the lock; so its owner may read it at any
    /// time, and others under the lock (I4).
    arrival: Cell<Arrival>,
    /// Others point to it while it is in a line.
    _pinned: PhantomPinned,
}

// SAFETY: the node's fields are touched under the lock only (I4), and a `Waker` may be sent and shared.
unsafe impl Send for Waiter {}
// SAFETY: as for `Send`; a shared `Waiter` gives no access without the lock (I4), but for its arrival, which its owner alone
// writes.
unsafe impl Sync for Waiter {}

impl Waiter {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self::arrived(kind, None)
    }

    /// As [`new`](Self::new), for one who comes again.
    pub(crate) const fn arrived(kind: Kind, arrival: Arrival) -> Self {
        let node = Node {
            prev: None,
            next: None,
            stage: Stage::Outside,
            kind,
            waker: None,
            is_barred: false,
            is_pausing: false,
            joined_at: 0,
            since: None,
        };
        Self { node: UnsafeCell::new(node), arrival: Cell::new(arrival), _pinned: PhantomPinned }
    }

    /// Which of all who ever came it was: for its owner, and for whoever holds the lock.
    pub(crate) const fn arrival(&self) -> Arrival {
        self.arrival.get()
    }

    /// It comes now: by its owner, under the lock.
    pub(crate) fn arrive(&self, arrival: Arrival) {
        self.arrival.set(arrival);
    }

    /// The node, for whoever holds the lock.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the line (I4), and no other reference to this node is alive.
    #[expect(clippy::mut_from_ref, reason = "the lock makes it exclusive")]
    pub(crate) unsafe fn node(&self) -> &mut Node {
        // SAFETY: exclusive by the caller's promise (I4).
        unsafe { &mut *self.node.get() }
    }
}

/// Which of all who ever came somebody was; `None`, which is before all others, if they had not to stand in line.
pub(crate) type Arrival = Option<NonZero<usize>>;

/// First come, first served.
pub(crate) struct Line {
    ends: Option<(NonNull<Waiter>, NonNull<Waiter>)>,
    /// How many have ever come.
    arrivals: usize,
}

// SAFETY: the line is reached under the lock only, and the waiters that it points to may be sent (I4).
unsafe impl Send for Line {}

impl Line {
    pub(crate) const fn new() -> Self {
        Self { ends: None, arrivals: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// The oldest waiter.
    pub(crate) fn head(&self) -> Option<NonNull<Waiter>> {
        self.ends.map(|(head, _)| head)
    }

    /// The waiter behind this one.
    ///
    /// # Safety
    ///
    /// `waiter` is in a line, whose lock the caller holds.
    pub(crate) unsafe fn behind(waiter: NonNull<Waiter>) -> Option<NonNull<Waiter>> {
        // SAFETY: a waiter in the line is alive, and the lock is held (I4).
        unsafe { node(waiter) }.next
    }

    /// The number of one who comes now, for [`push_again`](Self::push_again).
    pub(crate) const fn count_arrival(&mut self) -> Arrival {
        self.arrivals += 1;
        NonZero::new(self.arrivals)
    }

    /// Puts a waiter at the end.
    ///
    /// # Safety
    ///
    /// The caller holds the lock; the waiter is in no line, and stays where it is until it has left this one.
    pub(crate) unsafe fn push(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: as the caller promises; nobody is behind the last one.
        unsafe { self.insert(waiter, self.ends.map(|(_, tail)| tail), None) };
    }

    /// Puts a waiter back before those who came later than it did.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(crate) unsafe fn push_again(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: alive by the caller's promise, and the lock is held (I4).
        let arrival = unsafe { waiter.as_ref() }.arrival();
        let (mut prev, mut next) = (None, self.head());
        // Only others who were put back stand before it. Of those of whom it is not known who came first, who was put back
        // first.
        while let Some(other) = next
            // SAFETY: a waiter in the line is alive, and the lock is held (I4).
            && unsafe { other.as_ref() }.arrival() <= arrival
        {
            prev = next;
            // SAFETY: it is in the line, and the lock is held (I4).
            next = unsafe { Self::behind(other) };
        }
        // SAFETY: as the caller promises; the two are neighbours in the line.
        unsafe { self.insert(waiter, prev, next) };
    }

    /// Puts a waiter between two neighbours, either of which may be the end of the line.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), and `prev` and `next` are neighbours.
    unsafe fn insert(&mut self, waiter: NonNull<Waiter>, prev: Option<NonNull<Waiter>>, next: Option<NonNull<Waiter>>) {
        // SAFETY: alive by the caller's promise, and the lock is held (I4).
        let own = unsafe { node(waiter) };
        (own.prev, own.next) = (prev, next);
        own.stage = Stage::Queued;
        if let Some(prev) = prev {
            // SAFETY: a waiter in the line is alive (I4), and it is not `waiter`.
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

    /// Takes a waiter out, wherever it stands, and gives it its new stage.
    ///
    /// # Safety
    ///
    /// The caller holds the lock; the waiter is in this line.
    pub(crate) unsafe fn remove(&mut self, waiter: NonNull<Waiter>, stage: Stage) {
        // SAFETY: a waiter in the line is alive, and the lock is held (I4).
        let own = unsafe { node(waiter) };
        let (prev, next) = (own.prev.take(), own.next.take());
        own.stage = stage;
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

/// The node of a waiter in the line, for whoever holds the lock.
///
/// # Safety
///
/// The waiter is alive (which it is while it is in a line), its line's lock is held, and no other reference to its node
/// is in use (I4).
pub(crate) unsafe fn node<'a>(waiter: NonNull<Waiter>) -> &'a mut Node {
    // SAFETY: alive by the caller's promise; only shared references to a `Waiter` are ever made.
    let waiter: &'a Waiter = unsafe { waiter.as_ref() };
    // SAFETY: the caller holds the lock and the only reference (I4).
    unsafe { waiter.node() }
}
