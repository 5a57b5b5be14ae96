// knows: pool, status · must not know: tickets
//! The twin of `hosted` in a build without `std`: no pool asks for its connects, and none ends a wait but by its close.

use core::time::Duration;

use crate::ffi::pool::conn_pool;
use crate::ffi::status::conn_pool_status::{self, CONN_POOL_CLOSED};

pub(super) const fn begin(_: &conn_pool) {}

pub(super) const fn maintain(_: &conn_pool) -> Option<(usize, Duration)> {
    None
}

pub(super) const fn dismissed(_: &conn_pool) -> conn_pool_status {
    CONN_POOL_CLOSED
}

pub(super) const fn may_have_helped(_: &conn_pool) -> bool {
    false
}
