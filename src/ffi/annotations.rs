// knows: config · must not know: pools, leases
//! What a program's tools that look for data races are told, since they do not see how the library orders its callers.

use core::ffi::c_void;

use super::config::conn_pool_config;
use super::config::conn_pool_note::{
    self, CONN_POOL_NOTE_ACQUIRED, CONN_POOL_NOTE_ASK, CONN_POOL_NOTE_OWN, CONN_POOL_NOTE_RELEASED,
};

/// Whether a tool looks on. The configuration is that of a new pool.
pub(super) fn are_wanted(config: &conn_pool_config) -> bool {
    note(config, CONN_POOL_NOTE_ASK, 0, 0) != 0
}

/// The memory is the library's own: what happens there is not to be looked at.
pub(super) fn own(config: &conn_pool_config, memory: *const c_void, size: usize) {
    note(config, CONN_POOL_NOTE_OWN, memory.addr(), size);
}

/// The caller has got the resource: what was done with it before has happened before.
#[inline]
pub(super) fn acquired(config: &conn_pool_config, resource: *const c_void) {
    if config.note.is_some() {
        note(config, CONN_POOL_NOTE_ACQUIRED, key(config, resource), 0);
    }
}

/// The caller gives the resource away: what it has done with it happens before what others do.
#[inline]
pub(super) fn released(config: &conn_pool_config, resource: *const c_void) {
    if config.note.is_some() {
        note(config, CONN_POOL_NOTE_RELEASED, key(config, resource), 0);
    }
}

/// An address that stands for the resource. The resource itself may be a number that is no address of the program, so
/// it is one in the pool, whose slots lie behind its configuration. That two resources may share one hides little.
fn key(config: &conn_pool_config, resource: *const c_void) -> usize {
    /// Less than a slot takes.
    const STEP: usize = 32;
    let places = config.capacity as usize * STEP;
    let mixed = resource.addr().wrapping_mul(0x9E37_79B9) >> 7;
    core::ptr::from_ref(config).addr() + mixed % places
}

/// Tells the tool, if there is one.
#[cold]
pub(super) fn note(config: &conn_pool_config, note: conn_pool_note, at: usize, size: usize) -> i32 {
    let Some(call) = config.note else { return 0 };
    // SAFETY: a callback, which the program has named for this.
    unsafe { call(note, core::ptr::without_provenance(at), size) }
}
