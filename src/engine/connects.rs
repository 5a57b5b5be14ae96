// knows: calls, wait_queue, stats, sync · must not know: slots, connections
//! What the engine keeps of a pool that connects.

use core::num::NonZero;
use core::task::Waker;

use super::calls::Calls;
use super::wait_queue::TicketNumber;
use crate::stats::Gauge;
use crate::sync::{PlainBool, const_fn};

/// Changes under the lock, and is read without it.
pub(crate) struct Connects {
    /// How many connects may run at once, each in a vacant slot that was claimed for it: 0 in a pool that does not
    /// connect.
    pub(super) max_connecting: u16,
    /// How many callers may wait at once; a caller who finds the queue full is refused.
    pub(super) max_waiting: Option<u32>,
    /// Callbacks get no vacant slot: the threads that call them must not connect for them.
    pub(super) spares_callbacks: bool,
    /// While it is set, vacant slots are the connector's, and not the callers'.
    pub(super) has_connector: PlainBool,
    /// Slots that were claimed vacant, and in which a caller or maintenance is connecting.
    pub(super) connecting: Gauge,
}

impl Connects {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self {
                max_connecting: 0,
                max_waiting: None,
                spares_callbacks: false,
                has_connector: PlainBool::new(false),
                connecting: Gauge::new(0),
            }
        }
    }

    /// From now on at most `most` callers may wait at once.
    pub(crate) const fn set_max_waiting(&mut self, most: u32) {
        self.max_waiting = Some(most);
    }

    /// From now on callbacks wait for connections only.
    #[cfg(any(feature = "ffi", test))]
    pub(crate) const fn spare_callbacks(&mut self) {
        self.spares_callbacks = true;
    }

    /// From now on up to `most` connects may run at once, each in a vacant slot that was claimed for it.
    pub(crate) const fn set_max_connecting(&mut self, most: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "a pool has at most 4096 slots")]
        let most = most as u16;
        self.max_connecting = most;
    }
}

/// What only the lock's holder may touch.
pub(super) struct Demand {
    /// How many tickets were numbered.
    numbers: usize,
    /// Which waiters are still to be dismissed, though the pool is open.
    pub(super) dismissal: Dismissal,
    /// A caller that does not wait has found nothing that the connector has not seen to.
    pub(super) was_asked: bool,
    /// Connects that are under way are not counted on: connecting fails, and one of them may hang.
    pub(super) distrusts_connects: bool,
    /// Called when there is something to connect for; `None` while the connector does not wait, or there is none.
    pub(super) connector: Option<Waker>,
    pub(super) calls: Calls,
}

/// Which waiters are still to be dismissed.
pub(super) enum Dismissal {
    Nobody,
    /// Those without a deadline.
    Endless,
    /// So many at the head.
    All(u16),
}

impl Demand {
    pub(super) const fn new() -> Self {
        Self {
            numbers: 0,
            dismissal: Dismissal::Nobody,
            was_asked: false,
            distrusts_connects: false,
            connector: None,
            calls: Calls::new(),
        }
    }

    /// The connector is about to be called.
    pub(super) const fn begin_call(&mut self) -> Option<Waker> {
        self.calls.begin();
        self.connector.take()
    }

    /// Whether a call of the connector that works in place is due, or has not ended.
    pub(super) const fn has_calls(&self) -> bool {
        self.calls.are_due()
    }

    /// A callback was dismissed, and is to be called.
    pub(super) const fn add_dismissed(&mut self) {
        self.calls.add_dismissed();
    }

    /// It was called.
    pub(super) const fn remove_dismissed(&mut self) {
        self.calls.remove_dismissed();
    }

    /// How many waiters want a connection, of those that count as waiting.
    pub(super) fn wanting(&self, waiting: usize) -> usize {
        waiting.saturating_sub(self.calls.dismissed())
    }

    /// The number of a caller that arrives now.
    pub(super) const fn next_number(&mut self) -> TicketNumber {
        self.numbers += 1;
        NonZero::new(self.numbers)
    }
}
