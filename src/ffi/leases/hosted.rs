// knows: callbacks, config, lease_record, platform, pool, managed, slot, sync · must not know: how a caller waits
//! The leases that are held, and by whom. `bare` is its twin in a build without `std`.

use core::ffi::{c_char, c_void};
use core::ptr;

use crate::ffi::callbacks::Resource;
use crate::ffi::config::conn_pool_event::CONN_POOL_EVENT_LEAKED;
use crate::ffi::lease_record::LeaseRecord;
use crate::ffi::platform;
use crate::ffi::pool::conn_pool;
use crate::managed::ManagedParts;
use crate::slot::{PoolParts, storage};
use crate::sync::Relaxed;

/// A lease that is held, and who holds it: from `conn_pool_get_leases`. Later versions add fields at the end only.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct conn_pool_lease_info {
    /// The resource. It is in use.
    pub resource: *mut c_void,
    /// What was passed to `conn_pool_acquire_tagged`, else NULL.
    pub tag: *const c_char,
    /// The thread that acquired it: its `pthread_self()`, as a number. 0: a callback was given it (`on_ready`).
    pub thread: u64,
    /// For how many milliseconds it has been held.
    pub held_ms: u64,
    /// The number of its slot.
    pub slot: u32,
    /// 0.
    pub reserved: u32,
}

/// The lease of a slot, if one is held, with its generation.
fn lease_of(pool: &conn_pool, slot: usize, now_ms: u64) -> Option<(usize, conn_pool_lease_info)> {
    let (record, generation) = (pool.lease_record(slot), pool.generation(slot).load(Relaxed));
    // SAFETY: the cell has been written (I10), and of what is read nothing is used but its number.
    let resource = unsafe { (*storage::cell_at(pool.slots(), slot)).0 };
    let info = conn_pool_lease_info {
        resource,
        tag: record.tag(),
        thread: record.thread() as u64,
        held_ms: record.held_ms(now_ms),
        #[expect(clippy::cast_possible_truncation, reason = "slots are below 4096")]
        slot: slot as u32,
        reserved: 0,
    };
    // A lease that has ended meanwhile is none, whoever's these words are.
    let is_held = generation & 1 == 1 && pool.generation(slot).load(Relaxed) == generation;
    is_held.then_some((generation, info))
}

fn held(pool: &conn_pool) -> impl Iterator<Item = (usize, conn_pool_lease_info)> {
    let now_ms = pool.now_ms();
    (0..pool.capacity()).filter_map(move |slot| lease_of(pool, slot, now_ms))
}

/// Writes as many as there is room for, each as far as its size goes. Returns how many there are.
///
/// # Safety
///
/// `out` may be written for `room` times `size` bytes.
pub(super) unsafe fn list(pool: &conn_pool, out: *mut conn_pool_lease_info, size: usize, room: usize) -> usize {
    let mut count = 0;
    for (_, info) in held(pool) {
        if count < room {
            let known = size.min(size_of::<conn_pool_lease_info>());
            let place = out.cast::<u8>().wrapping_add(count * size);
            // SAFETY: within the room that the caller promises; a local overlaps with nothing.
            unsafe { ptr::copy_nonoverlapping((&raw const info).cast::<u8>(), place, known) };
            // SAFETY: the rest of the room that the caller promises.
            unsafe { place.wrapping_add(known).write_bytes(0, size - known) };
        }
        count += 1;
    }
    count
}

fn own_leases(pool: &conn_pool) -> usize {
    let thread = platform::thread();
    let is_own =
        |slot: &usize| pool.generation(*slot).load(Relaxed) & 1 == 1 && pool.lease_record(*slot).thread() == thread;
    (0..pool.capacity()).filter(is_own).count()
}

/// Whether the calling thread holds all resources that there may be, so that it would wait for itself.
pub(super) fn has_all(pool: &conn_pool) -> bool {
    let most = pool.engine().status().max_size;
    pool.config().tracks() && most > 0 && own_leases(pool) >= most
}

/// Whether the calling thread holds a resource, so that it would wait for itself to release it.
pub(super) fn has_any(pool: &conn_pool) -> bool {
    pool.config().tracks() && own_leases(pool) > 0
}

/// Tells of each lease that lasts too long, once.
pub(super) fn tell_of_leaks(pool: &conn_pool) {
    let limit = u64::from(pool.config().leak_after_ms);
    if limit == 0 {
        return;
    }
    for (generation, info) in held(pool).filter(|(_, info)| info.held_ms > limit) {
        let record: &LeaseRecord = pool.lease_record(info.slot as usize);
        if record.tell_once(generation) {
            pool.manager().tell(CONN_POOL_EVENT_LEAKED, Resource(info.resource), info.slot.cast_signed());
        }
    }
}
