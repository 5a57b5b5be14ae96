// knows: annotations, config, platform, managed · must not know: pools, leases
//! The callbacks of a C program, as the manager of a pool.

use core::ffi::{c_int, c_void};
use core::ptr;
use core::time::Duration;

use super::annotations;
use super::config::{CONN_POOL_WAIT_FOREVER, conn_pool_config, conn_pool_event, conn_pool_reason};
use super::platform;
use crate::managed::{DiscardReason, Event, Lifecycle, Manager};

/// A resource of a C program.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Resource(pub(super) *mut c_void);

// SAFETY: plain values; the header tells the C program that any thread may use what the pointer points to.
unsafe impl Send for Resource {}

/// The callbacks of a configuration. They cannot unwind.
pub(crate) struct Callbacks(pub(super) conn_pool_config);

impl Callbacks {
    pub(super) fn tell(&self, event: conn_pool_event, resource: Resource, code: c_int) {
        if let Some(on_event) = self.0.on_event {
            // SAFETY: a callback, which the program has named for this.
            unsafe { on_event(self.0.user, event, resource.0, code) };
        }
    }
}

/// A limit for a C program: in milliseconds, of which the last may be begun.
fn millis(within: Option<Duration>) -> u32 {
    let millis = |limit: Duration| u32::try_from(limit.as_nanos().div_ceil(1_000_000));
    within.map_or(CONN_POOL_WAIT_FOREVER, |limit| {
        millis(limit).unwrap_or(CONN_POOL_WAIT_FOREVER).min(CONN_POOL_WAIT_FOREVER - 1)
    })
}

impl Lifecycle for Callbacks {
    type Connection = Resource;
    /// The code that a callback has returned.
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

    fn on_discard(&self, resource: Resource, reason: DiscardReason) {
        annotations::acquired(&self.0, resource.0);
        self.tell(conn_pool_event::CONN_POOL_EVENT_DESTROYED, resource, conn_pool_reason::of(reason) as c_int);
        if let Some(destroy) = self.0.destroy {
            // SAFETY: a callback, which the program has named for this, and the resource is in no slot any more.
            unsafe { destroy(self.0.user, resource.0) };
        }
        // Of its slot: what is made there comes after its end.
        annotations::released(&self.0, ptr::null());
    }

    /// Events with a resource are told by the functions that have it.
    fn on_event(&self, event: &Event<'_, c_int>) {
        if let Event::ConnectFailed { error: Some(code), .. } = event {
            self.tell(conn_pool_event::CONN_POOL_EVENT_CREATE_FAILED, Resource(ptr::null_mut()), **code);
        }
    }
}

impl Manager for Callbacks {
    fn connect(&self, within: Option<Duration>) -> Result<Resource, c_int> {
        let Some(create) = self.0.create else { unreachable!("a pool without `create` never connects") };
        let mut made = ptr::null_mut();
        annotations::acquired(&self.0, ptr::null());
        // SAFETY: a callback, which the program has named for this.
        let (code, text) = platform::with_own_text(|| unsafe { create(self.0.user, millis(within), &raw mut made) });
        match code {
            0 if !made.is_null() => {
                self.tell(conn_pool_event::CONN_POOL_EVENT_CREATED, Resource(made), 0);
                annotations::released(&self.0, made);
                Ok(Resource(made))
            }
            code => {
                platform::set_last_error(code, text);
                Err(code)
            }
        }
    }

    fn is_valid(&self, resource: &mut Resource, _: Option<Duration>) -> Result<(), c_int> {
        let Some(validate) = self.0.validate else { return Ok(()) };
        annotations::acquired(&self.0, resource.0);
        // SAFETY: a callback, which the program has named for this, and the resource is one of the pool's.
        match unsafe { validate(self.0.user, resource.0) } {
            0 => {
                annotations::released(&self.0, resource.0);
                Ok(())
            }
            code => {
                self.tell(conn_pool_event::CONN_POOL_EVENT_INVALID, *resource, code);
                Err(code)
            }
        }
    }
}
