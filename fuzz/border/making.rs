//! Making pools, with configurations in order and out of order.

use std::ffi::{CStr, CString};
use std::mem::size_of;
use std::ptr;

use ::conn_pool::ffi::conn_pool_status::{self, *};
use ::conn_pool::ffi::{
    CONN_POOL_MAX_CAPACITY, CONN_POOL_MAX_NAME, CONN_POOL_TRACK, conn_pool, conn_pool_config, conn_pool_config_problem,
    conn_pool_create, conn_pool_init, conn_pool_storage_align, conn_pool_storage_size,
};

use super::callbacks;
use super::deed::{Act, Fate};
use super::record::{Has, Record};
use super::world::{Station, call};

const CAPACITIES: [u32; 16] = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 24, 33, 40, 300, 0, CONN_POOL_MAX_CAPACITY + 1];
const NAMES: [Option<&CStr>; 4] = [None, Some(c""), Some(c"pool"), Some(c"a name of forty bytes, which is cut short")];

/// What a pool is to be like, and what is wrong with that.
struct Wish {
    config: conn_pool_config,
    has: Has,
    faults: Vec<conn_pool_status>,
    /// Owns what `config` points to.
    name: Option<CString>,
}

/// Makes a pool, or is told why it cannot be made.
pub(super) fn make(at: usize, act: Act, station: &mut Station) {
    let mut fate = act.fate;
    let mut wish = wish(at, act);
    let bytes = lay_out(&mut wish, &mut fate);
    let config = bytes.as_ptr().cast::<conn_pool_config>();
    // SAFETY: as long as it says.
    let problem = call(|| unsafe { conn_pool_config_problem(config) });
    assert_eq!(problem.is_null(), wish.faults.is_empty(), "config_problem and {:?}", wish.faults);

    let before = ptr::without_provenance_mut::<conn_pool>(0x5a5a);
    let mut out = before;
    let status = if act.argument & 0x80 == 0 {
        station.storage = None;
        // SAFETY: the configuration is as long as it says.
        call(|| unsafe { conn_pool_create(config, &raw mut out) })
    } else {
        place(config, &mut wish, &mut fate, station, &mut out)
    };
    if wish.faults.is_empty() {
        assert_eq!(status, CONN_POOL_OK);
    } else {
        assert!(wish.faults.contains(&status), "{status:?}, but wrong is {:?}", wish.faults);
        assert!(ptr::eq(out, before), "an output is written on success only");
        station.pool = ptr::null_mut();
        return;
    }
    let conn_pool_config { capacity, max_size, max_overtakes, min_idle, .. } = wish.config;
    let max_size = if max_size == 0 { capacity } else { max_size };
    let mut name = wish.name.map_or(Vec::new(), CString::into_bytes);
    name.truncate(CONN_POOL_MAX_NAME as usize);
    station.pool = out;
    let mut record = Record::new(wish.has, capacity as usize, max_size as usize, max_overtakes, name);
    record.min_idle = min_idle as usize;
    record.connects_end = wish.config.connect_timeout_ms > 0;
    if wish.config.max_connecting > 0 {
        record.max_connecting = wish.config.max_connecting as usize;
    }
    record.ages = wish.config.idle_timeout_ms > 0 || wish.config.max_lifetime_ms > 0;
    record.tracks = wish.config.flags & CONN_POOL_TRACK != 0;
    record.validates_later = wish.config.validate_after_ms > 0;
    station.record = Some(record);
}

fn wish(at: usize, act: Act) -> Wish {
    let Act { argument, more, mut fate, .. } = act;
    let of_three = fate.draw(3);
    let has = Has {
        create: more & 1 != 0 && of_three != 0,
        begin_create: more & 1 != 0 && of_three == 0,
        validate: more & 2 != 0,
        reset: more & 4 != 0,
        destroy: more & 8 == 0,
        on_event: more & 16 == 0,
    };
    let capacity = CAPACITIES[usize::from(argument & 15)];
    let name = NAMES[usize::from(argument >> 4 & 3)].map(CString::from);
    let mut config = conn_pool_config {
        struct_size: size_of::<conn_pool_config>(),
        capacity,
        max_size: if argument & 0x40 == 0 { 0 } else { fate.draw(capacity + 2) },
        max_overtakes: [0, 0, 1, 3][usize::from(more >> 5 & 3)],
        min_idle: 0,
        idle_timeout_ms: 0,
        max_lifetime_ms: 0,
        name: name.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
        user: ptr::without_provenance_mut(at),
        create: has.create.then_some(callbacks::create),
        validate: has.validate.then_some(callbacks::validate),
        reset: has.reset.then_some(callbacks::reset),
        destroy: has.destroy.then_some(callbacks::destroy),
        on_event: has.on_event.then_some(callbacks::on_event),
        clock_ms: None,
        validate_after_ms: 0,
        keepalive_ms: 0,
        flags: 0,
        leak_after_ms: 0,
        note: None,
        begin_create: has.begin_create.then_some(callbacks::begin_create),
        connect_timeout_ms: 0,
        max_connecting: 0,
    };
    let mut faults = Vec::new();
    if !(1..=CONN_POOL_MAX_CAPACITY).contains(&capacity) || config.max_size > capacity {
        faults.push(CONN_POOL_INVALID_ARGUMENT);
    }
    let drawn = if more & 0x80 != 0 { fate.draw(16) } else { 0 };
    if drawn & 1 != 0 {
        config.min_idle = fate.draw(5);
        let most = if config.max_size == 0 { capacity } else { config.max_size };
        if config.min_idle > most || config.min_idle > 0 && !has.connects() {
            faults.push(CONN_POOL_INVALID_ARGUMENT);
        }
    }
    // If a pool does not tell of ends, the model cannot know what has grown too old.
    if drawn & 6 != 0 && (has.destroy || has.on_event) {
        config.idle_timeout_ms = if drawn & 2 == 0 { 0 } else { 1 + fate.draw(1000) };
        config.max_lifetime_ms = if drawn & 4 == 0 { 0 } else { 1 + fate.draw(1000) };
        config.clock_ms = Some(callbacks::clock_ms);
    }
    if drawn & 8 != 0 {
        config.validate_after_ms = fate.draw(3) * 400;
        config.clock_ms = Some(callbacks::clock_ms);
        if config.validate_after_ms > 0 && !has.validate {
            faults.push(CONN_POOL_INVALID_ARGUMENT);
        }
    }
    match fate.draw(16) {
        0 => {
            config.connect_timeout_ms = 1 + fate.draw(500);
            config.clock_ms = Some(callbacks::clock_ms);
            if !has.begin_create {
                faults.push(CONN_POOL_INVALID_ARGUMENT);
            }
        }
        1 => {
            config.max_connecting = fate.draw(capacity + 2);
            if config.max_connecting > capacity {
                faults.push(CONN_POOL_INVALID_ARGUMENT);
            }
        }
        2 if has.create => {
            config.begin_create = Some(callbacks::begin_create);
            faults.push(CONN_POOL_INVALID_ARGUMENT);
        }
        _ => {}
    }
    match fate.draw(8) {
        0 => config.flags = CONN_POOL_TRACK,
        1 => {
            config.flags = fate.draw(2) * CONN_POOL_TRACK;
            config.leak_after_ms = fate.draw(500);
            if config.leak_after_ms > 0 && config.flags == 0 {
                faults.push(CONN_POOL_INVALID_ARGUMENT);
            }
        }
        2 => {
            config.flags = CONN_POOL_TRACK << (1 + fate.draw(31));
            if config.flags != 0 {
                faults.push(CONN_POOL_CONFIG_TOO_NEW);
            }
        }
        3 => {
            config.keepalive_ms = fate.draw(500);
            config.clock_ms = Some(callbacks::clock_ms);
            if config.keepalive_ms > 0 && !has.validate {
                faults.push(CONN_POOL_INVALID_ARGUMENT);
            }
        }
        _ => {}
    }
    // As under a tool that looks for data races.
    config.note = (fate.draw(4) == 0).then_some(callbacks::note as _);
    Wish { config, has, faults, name }
}

/// The configuration in so many bytes as it says it has; more, fewer or just enough.
fn lay_out(wish: &mut Wish, fate: &mut Fate) -> Box<[u64]> {
    let known = size_of::<conn_pool_config>();
    let (size, tail) = match fate.draw(16) {
        0 => (8 * (1 + fate.draw(13) as usize), 0),
        1 => (known + 8 * (1 + fate.draw(4) as usize), 0),
        2 => (known + 8 * (1 + fate.draw(4) as usize), 1 << fate.draw(64)),
        // So large is no version of it, whatever is in there.
        3 => (4096 + 8 * (1 + fate.draw(64) as usize), 0),
        _ => (known, 0),
    };
    wish.config.struct_size = size;
    if size < known || size > 4096 {
        wish.faults.push(CONN_POOL_INVALID_ARGUMENT);
    }
    if tail != 0 {
        wish.faults.push(CONN_POOL_CONFIG_TOO_NEW);
    }
    let mut bytes = vec![0_u64; size / 8].into_boxed_slice();
    // SAFETY: both are as long as the shorter of them, and apart.
    unsafe {
        ptr::copy_nonoverlapping((&raw const wish.config).cast(), bytes.as_mut_ptr().cast::<u8>(), size.min(known))
    };
    if let Some(last) = bytes[known.min(size) / 8..].last_mut() {
        *last = tail;
    }
    bytes
}

/// Makes it in storage of its exact size, so that what is beyond is found out; or in storage that is not in order.
fn place(
    config: *const conn_pool_config,
    wish: &mut Wish,
    fate: &mut Fate,
    station: &mut Station,
    out: &mut *mut conn_pool,
) -> conn_pool_status {
    let needed = conn_pool_storage_size(wish.config.capacity);
    assert_eq!(needed % 8, 0);
    assert!(conn_pool_storage_align() <= align_of::<u64>());
    // The storage of the pool that was here before is as good as new.
    if station.storage.as_ref().is_none_or(|storage| storage.len() * 8 != needed) || fate.draw(2) == 0 {
        station.storage = Some(vec![0xA5A5_A5A5_A5A5_A5A5; needed / 8].into_boxed_slice());
    }
    let storage = station.storage.as_mut().map_or(ptr::null_mut(), |storage| storage.as_mut_ptr().cast::<u8>());
    let (storage, size) = match fate.draw(16) {
        0 => {
            wish.faults.push(CONN_POOL_INVALID_ARGUMENT);
            (ptr::null_mut(), needed)
        }
        1 if needed > 8 => {
            wish.faults.push(CONN_POOL_MISALIGNED);
            (storage.wrapping_add(1 + fate.draw(7) as usize), needed - 8)
        }
        2 if needed > 8 => {
            wish.faults.push(CONN_POOL_STORAGE_TOO_SMALL);
            (storage, fate.draw(needed as u32) as usize)
        }
        _ => (storage, needed),
    };
    // SAFETY: the storage is as long as that, and the configuration as it says.
    call(|| unsafe { conn_pool_init(storage.cast(), size, config, out) })
}
