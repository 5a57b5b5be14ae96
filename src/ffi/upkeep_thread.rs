// knows: course, pool, status, slot · must not know: how a thread is started
//! What the thread does that maintains a pool.

use core::ptr;
use core::task::Waker;
use core::time::Duration;

use super::course::maintain_and_look_ahead;
use super::pool::conn_pool;
use super::status::Answer;
use super::status::conn_pool_status::CONN_POOL_CLOSED;
use crate::slot::PoolParts;

/// Starts it.
///
/// # Safety
///
/// The pool is not freed before the thread was stopped.
pub(super) unsafe fn start(pool: &conn_pool) -> Answer {
    if pool.engine().is_closed() {
        return Err(CONN_POOL_CLOSED);
    }
    // SAFETY: as the caller promises (I10).
    let own: &'static conn_pool = unsafe { &*ptr::from_ref(pool) };
    pool.upkeep().start(move |waker| maintain(own, waker), move || end(own))
}

/// One pass. Returns after how long the next is due. `waker` is called before that if callbacks wait that nobody
/// connects for; where the program is asked for connects it is called itself.
fn maintain(pool: &conn_pool, waker: &Waker) -> Duration {
    let (_, next) = maintain_and_look_ahead(pool);
    let is_idle = pool.config().create.is_none() || pool.engine().await_demand(waker, 0);
    if is_idle { next } else { Duration::ZERO }
}

/// The thread is not called any more.
fn end(pool: &conn_pool) {
    if pool.config().create.is_some() {
        pool.engine().ignore_demand();
    }
}
