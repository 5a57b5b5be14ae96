// knows: callbacks, pool, status, engine, managed · must not know: how a caller waits
//! A caller that waits, connects and checks for itself.

use core::cell::RefCell;
use core::ffi::c_int;
use core::time::Duration;

use super::callbacks::Resource;
use super::pool::conn_pool;
use super::status::Answer;
use crate::engine::{AcquireError, SlotToken, Ticket};
use crate::managed::{Caller, CheckReason, ClaimedSlot, Failure, ManagedParts, Manager, NoWait};

/// How a caller waits, and until when.
pub(super) trait Wait {
    /// The time counts from now on, unless it does so already.
    fn begin(&mut self);

    /// What is left of the time; `None` if it has no end, or the call does not wait.
    fn left(&mut self) -> Option<Duration>;

    /// A slot, after a wait if need be. The time counts from the first wait on.
    fn slot(&mut self, pool: &conn_pool, ticket: &mut Ticket) -> Answer<SlotToken>;
}

/// What a caller does itself, with the time that it has, as the course of a connection sees it.
pub(super) struct OwnWork<'w, W> {
    wait: RefCell<&'w mut W>,
    connects: bool,
}

impl<'w, W: Wait> OwnWork<'w, W> {
    pub(super) fn new(wait: &'w mut W) -> Self {
        Self { wait: RefCell::new(wait), connects: true }
    }

    /// For a callback, on the thread whose call has served it: that checks, and connects nothing.
    pub(super) fn on_behalf(wait: &'w mut W) -> Self {
        Self { wait: RefCell::new(wait), connects: false }
    }
}

impl<W: Wait> Caller<conn_pool> for OwnWork<'_, W> {
    fn has_deadline(&self) -> bool {
        true
    }

    fn can_pause(&self) -> bool {
        false
    }

    async fn slot<'a>(
        &self,
        pool: &'a conn_pool,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, conn_pool>, AcquireError> {
        NoWait.slot(pool, ticket).await
    }

    async fn pause<'a>(
        &self,
        pool: &'a conn_pool,
        pause: Duration,
        ticket: &mut Ticket,
    ) -> Result<ClaimedSlot<'a, conn_pool>, AcquireError> {
        NoWait.pause(pool, pause, ticket).await
    }

    /// A resource that would come too late is not begun. A callback waits on.
    async fn connect(&self, pool: &conn_pool, _slot: usize) -> Result<Resource, Failure<c_int>> {
        if !self.connects {
            return Err(Failure::Superseded);
        }
        let left = self.wait.borrow_mut().left();
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Failure::NoTime);
        }
        pool.manager().connect(left).map_err(Failure::Error)
    }

    async fn check(
        &self,
        pool: &conn_pool,
        resource: &mut Resource,
        why: CheckReason,
        limit: Option<Duration>,
    ) -> Result<(), Failure<c_int>> {
        // What the callback takes counts.
        self.wait.borrow_mut().begin();
        NoWait.check(pool, resource, why, limit).await
    }
}
