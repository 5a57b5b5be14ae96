// knows: acquire, caller, pool, status, engine · must not know: leases, callbacks
//! The twin of `hosted` in a build without `std`, where no caller can sleep.

use core::time::Duration;

use crate::engine::{SlotToken, Ticket};
use crate::ffi::acquire::try_slot;
use crate::ffi::caller::Wait;
use crate::ffi::pool::conn_pool;
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{CONN_POOL_EXHAUSTED, CONN_POOL_UNSUPPORTED};

/// Whether the call would wait if it could.
pub(super) struct Limit(bool);

impl Limit {
    pub(super) const fn of(timeout_ms: u32) -> Self {
        Self(timeout_ms != 0)
    }
}

impl Wait for Limit {
    fn begin(&mut self) {}

    fn left(&mut self) -> Option<Duration> {
        None
    }

    fn slot(&mut self, pool: &conn_pool, _: &mut Ticket) -> Answer<SlotToken> {
        try_slot(pool).map_err(|status| match status {
            CONN_POOL_EXHAUSTED if self.0 => CONN_POOL_UNSUPPORTED,
            status => status,
        })
    }
}

pub(super) const fn wait_for_drain(_: &conn_pool, _: u32) -> Answer<bool> {
    Err(CONN_POOL_UNSUPPORTED)
}
