//! Layer 7 · part of ffi · knows: managed · must not know: leases, who waits
//!
//! Resources come and go: the callbacks are a manager, and a pool for C is a managed pool in this.

use core::ffi::{c_int, c_void};
use core::future::Future;
use core::pin::pin;
use core::ptr;
use core::task::{Context, Waker};
use core::time::Duration;

use super::border::Answer;
use super::config::{conn_pool_config, conn_pool_event};
use super::conn_pool_status::{CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED};
use super::pool::conn_pool;
use crate::drain::DrainAsync;
use crate::managed::{Event, Keep, Lent, Manage, Manager, Now, Reason, Setback, Suspect};
use crate::managed::{at_once, check, drop_surplus, maintain as look_after, note_loan, prepare as make_fit};

/// A resource of a C program.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Resource(pub(super) *mut c_void);

// SAFETY: plain values; what the pointer points to is the C program's business.
unsafe impl Send for Resource {}

/// The callbacks of a configuration. They cannot unwind.
pub(crate) struct Callbacks(pub(super) conn_pool_config);

impl Callbacks {
    fn tell(&self, event: conn_pool_event, resource: Resource, code: c_int) {
        if let Some(on_event) = self.0.on_event {
            // SAFETY: a callback, which the program has named for this.
            unsafe { on_event(self.0.user, event, resource.0, code) };
        }
    }
}

impl Manage for Callbacks {
    type Connection = Resource;
    /// What a callback has returned.
    type Error = c_int;

    fn reset(&self, resource: &mut Resource) -> Result<(), c_int> {
        let Some(reset) = self.0.reset else { return Ok(()) };
        // SAFETY: a callback, which the program has named for this, and the resource is one of the pool's.
        match unsafe { reset(self.0.user, resource.0) } {
            0 => Ok(()),
            code => {
                self.tell(conn_pool_event::CONN_POOL_EVENT_RESET_FAILED, *resource, code);
                Err(code)
            }
        }
    }

    fn on_discard(&self, resource: Resource, _: Reason) {
        self.tell(conn_pool_event::CONN_POOL_EVENT_DESTROYED, resource, 0);
        if let Some(destroy) = self.0.destroy {
            // SAFETY: a callback, which the program has named for this, and the resource is in no slot any more.
            unsafe { destroy(self.0.user, resource.0) };
        }
    }

    /// What has a resource is told where that is at hand.
    fn on_event(&self, event: &Event<'_, c_int>) {
        if let Event::ConnectFailed { error: Some(code), .. } = event {
            self.tell(conn_pool_event::CONN_POOL_EVENT_CREATE_FAILED, Resource(ptr::null_mut()), **code);
        }
    }
}

impl Manager for Callbacks {
    fn connect(&self, _: Option<Duration>) -> Result<Resource, c_int> {
        let Some(create) = self.0.create else { unreachable!("without `create` no slot is lent to be filled") };
        let mut made = ptr::null_mut();
        // SAFETY: a callback, which the program has named for this.
        match unsafe { create(self.0.user, &raw mut made) } {
            0 => {
                self.tell(conn_pool_event::CONN_POOL_EVENT_CREATED, Resource(made), 0);
                Ok(Resource(made))
            }
            code => Err(code),
        }
    }

    fn is_valid(&self, resource: &mut Resource, _: Option<Duration>) -> Result<(), c_int> {
        let Some(validate) = self.0.validate else { return Ok(()) };
        // SAFETY: a callback, which the program has named for this, and the resource is one of the pool's.
        match unsafe { validate(self.0.user, resource.0) } {
            0 => Ok(()),
            code => {
                self.tell(conn_pool_event::CONN_POOL_EVENT_INVALID, *resource, code);
                Err(code)
            }
        }
    }
}

/// Makes sure that there is a fit resource in a slot, which the caller owns. If there cannot be, the slot has been
/// passed on, and `Ok(false)` says that another one may do.
pub(super) fn prepare(pool: &conn_pool, slot: usize) -> Answer<bool> {
    match at_once(make_fit(pool, &Now, Lent::new(pool, slot))) {
        Ok(lent) => {
            note_loan(pool, &lent, 0, None);
            let _own = lent.into_slot();
            Ok(true)
        }
        Err(Setback::Unfit(_) | Setback::NoTime) => Ok(false),
        Err(Setback::Closed) => Err(CONN_POOL_CLOSED),
        Err(Setback::NotConnected(..)) => Err(CONN_POOL_CREATE_FAILED),
    }
}

/// The resource in a slot that the caller owns.
#[inline(always)]
pub(super) fn resource(pool: &conn_pool, slot: usize) -> *mut c_void {
    // SAFETY: the slot's owner alone touches its cell (I2), which is initialised.
    unsafe { (*pool.cell(slot)).0 }
}

/// Looks after the idle resources, and says how many were ended.
pub(super) fn maintain(pool: &conn_pool) -> usize {
    let ended = drop_surplus(pool) + at_once(look_after(pool, &Now, pool.coarse())).discarded;
    if pool.config().validate.is_some() { ended + check_idle(pool) } else { ended }
}

/// Ends every idle resource that its check finds unfit, and says how many they were.
fn check_idle(pool: &conn_pool) -> usize {
    let idle = (0..pool.capacity()).filter(|slot| pool.core().claim_slot(*slot));
    idle.filter(|slot| !is_still_fit(pool, *slot)).count()
}

/// Checks the resource of a slot, which the caller owns and passes on.
fn is_still_fit(pool: &conn_pool, slot: usize) -> bool {
    match at_once(check(pool, &Now, Suspect::new(pool, slot))) {
        Ok(fit) => {
            drop(fit);
            true
        }
        Err(unfit) => {
            unfit.discard();
            false
        }
    }
}

/// Whether everything has come back to a closed pool.
pub(super) fn is_drained(pool: &conn_pool) -> bool {
    pin!(DrainAsync::new(pool.core())).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}
