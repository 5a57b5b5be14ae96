// knows: pool, status, slot · must not know: tickets
//! The twin of `hosted` in a build without `std`: no pool asks for its connects.

use core::ffi::c_int;
use core::time::Duration;

use crate::ffi::pool::conn_pool;
use crate::ffi::status::conn_pool_status::{self, CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED};
use crate::slot::PoolParts;

pub(super) const fn begin(_: &conn_pool) {}

pub(super) const fn maintain(_: &conn_pool) -> Option<(usize, Duration)> {
    None
}

pub(super) const fn note_failure_of_thread(_: &conn_pool, _: c_int) {}

pub(super) fn dismissed(pool: &conn_pool) -> conn_pool_status {
    if pool.engine().is_closed() { CONN_POOL_CLOSED } else { CONN_POOL_CREATE_FAILED }
}

pub(super) const fn may_have_helped(_: &conn_pool) -> bool {
    false
}
