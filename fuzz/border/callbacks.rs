//! What the pools call: each callback checks that it is due, may call a pool, and answers as its fate says.

use std::ffi::{c_int, c_void};
use std::ptr;

use ::conn_pool::ffi::conn_pool_event::{self, *};
use ::conn_pool::ffi::conn_pool_status::{
    self, CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED, CONN_POOL_EXHAUSTED, CONN_POOL_OK,
};
use ::conn_pool::ffi::{conn_pool_lease, conn_pool_note};

use super::record::{Place, Record};
use super::world::World;

/// The record of the pool that calls.
fn with_record<R>(user: *mut c_void, look: impl FnOnce(&mut Record) -> R) -> R {
    World::present().with(|state| {
        let record = state.stations[user.addr()].record.as_mut().expect("a pool that is there");
        record.answers.calls += 1;
        look(record)
    })
}

/// 0, or a code that stands for a failure.
fn result() -> c_int {
    World::present().with(|state| if state.fate.fails() { state.fate.draw(1000).cast_signed() - 1000 } else { 0 })
}

pub(super) unsafe extern "C" fn create(user: *mut c_void, within_ms: u32, resource: *mut *mut c_void) -> c_int {
    assert_ne!(within_ms, 0, "what would come too late is not begun");
    let world = World::present();
    with_record(user, |record| assert!(record.has.create, "it has none to call"));
    world.meddle(user.addr());
    let code = result();
    let (made, forgets) = world.with(|state| (state.new_resource(), state.fate.forgets()));
    with_record(user, |record| {
        if code == 0 && !forgets {
            record.created += 1;
            record.resources.insert(made, Place::Fresh);
        } else {
            record.create_failed += 1;
            record.answers.not_created += 1;
            record.failures_to_tell.push(code);
        }
    });
    // After a failure the pool does not read it.
    if !forgets {
        // SAFETY: a pool calls with a place to write to.
        unsafe { *resource = ptr::without_provenance_mut(made) };
    }
    code
}

/// It is done at once, cannot be begun, or is left for later.
pub(super) unsafe extern "C" fn begin_create(user: *mut c_void, ticket: u64, within_ms: u32) -> c_int {
    assert_ne!(within_ms, 0);
    let (world, at) = (World::present(), user.addr());
    with_record(user, |record| {
        assert!(record.has.begin_create && !record.tickets.contains(&ticket), "a ticket is issued once");
        record.tickets.push(ticket);
    });
    world.meddle(at);
    match world.with(|state| state.fate.draw(4)) {
        0 => world.end_connect(at, ticket, true),
        1 => world.end_connect(at, ticket, false),
        _ => {}
    }
    let code = result();
    with_record(user, |record| {
        if code != 0
            && let Some(index) = record.tickets.iter().position(|out| *out == ticket)
        {
            record.tickets.remove(index);
            record.create_failed += 1;
            record.answers.not_created += 1;
            record.failures_to_tell.push(code);
        }
    });
    code
}

pub(super) unsafe extern "C" fn validate(user: *mut c_void, resource: *mut c_void) -> c_int {
    // What was made for no caller, or for a waiter, is checked as what was idle.
    let is_made = with_record(user, |record| record.has.connects());
    let from: &[Place] =
        if is_made { &[Place::Pool, Place::Fit, Place::Fresh] } else { &[Place::Pool, Place::Fit] };
    check(user, resource, from, Place::Fit, |record| {
        record.invalid += 1;
        record.answers.unfit += 1;
    })
}

pub(super) unsafe extern "C" fn reset(user: *mut c_void, resource: *mut c_void) -> c_int {
    check(user, resource, &[Place::Returning], Place::Pool, |record| record.reset_failed += 1)
}

fn check(user: *mut c_void, resource: *mut c_void, from: &[Place], fit: Place, count: fn(&mut Record)) -> c_int {
    with_record(user, |record| record.moves(resource.addr(), from, Place::Checking));
    World::present().meddle(user.addr());
    let code = result();
    with_record(user, |record| {
        let to = if code == 0 { fit } else { Place::Doomed(code) };
        record.moves(resource.addr(), &[Place::Checking], to);
        if code != 0 {
            count(record);
        }
    });
    code
}

pub(super) unsafe extern "C" fn destroy(user: *mut c_void, resource: *mut c_void) {
    with_record(user, |record| {
        if record.has.on_event {
            record.moves(resource.addr(), &[Place::Ending], Place::Gone);
        } else {
            end(record, resource.addr(), Place::Gone);
        }
    });
    World::present().meddle(user.addr());
}

pub(super) unsafe extern "C" fn on_event(
    user: *mut c_void,
    event: conn_pool_event,
    resource: *mut c_void,
    code: c_int,
) {
    with_record(user, |record| match event {
        CONN_POOL_EVENT_CREATED => {
            assert_eq!((*record.place(resource.addr()), code), (Place::Fresh, 0), "a created resource is told of");
        }
        CONN_POOL_EVENT_CREATE_FAILED => {
            assert!(resource.is_null(), "there is no resource");
            let told = record.failures_to_tell.iter().position(|failure| *failure == code);
            record.failures_to_tell.remove(told.expect("the code that `create` has answered"));
        }
        CONN_POOL_EVENT_INVALID | CONN_POOL_EVENT_RESET_FAILED => {
            assert_eq!(*record.place(resource.addr()), Place::Doomed(code), "the code that its check has answered");
        }
        CONN_POOL_EVENT_DESTROYED => {
            assert!((1..=9).contains(&code), "reason {code}");
            let to = if record.has.destroy { Place::Ending } else { Place::Gone };
            end(record, resource.addr(), to);
        }
        CONN_POOL_EVENT_LEAKED => {
            assert!(record.tracks && *record.place(resource.addr()) == Place::Held, "what leaks is leased");
        }
    });
    World::present().meddle(user.addr());
}

/// Whether a resource is to be kept, by its number. It is none of the pool's callbacks.
pub(super) unsafe extern "C" fn keep(user: *mut c_void, resource: *mut c_void) -> c_int {
    c_int::from(resource.addr() % 3 == user.addr() % 3)
}

/// A tool looks on.
pub(super) unsafe extern "C" fn note(_: conn_pool_note, _: *const c_void, _: usize) -> c_int {
    1
}

/// The time of all pools.
pub(super) unsafe extern "C" fn clock_ms(_: *mut c_void) -> u64 {
    World::present().with(|state| state.now)
}

/// A resource may end if it is unfit or too old, or if it is not in use and the pool has no place for it any more.
fn end(record: &mut Record, resource: usize, to: Place) {
    let has_no_place = record.closed || record.was_shrunk || record.ages || record.was_evicted;
    let is_unfit = (record.ages || record.was_evicted) && !matches!(record.place(resource), Place::Doomed(_));
    let place = record.place(resource);
    let may_end = match place {
        Place::Doomed(_) => true,
        Place::Pool | Place::Fit | Place::Fresh => has_no_place,
        _ => false,
    };
    assert!(may_end, "resource {resource} was destroyed while {place:?}");
    *place = to;
    record.destroyed += 1;
    record.answers.destroyed += 1;
    // As if a check had found it so.
    record.answers.unfit += usize::from(is_unfit);
}

pub(super) unsafe extern "C" fn on_ready(user: *mut c_void, status: conn_pool_status, lease: *const conn_pool_lease) {
    let world = World::present();
    // SAFETY: NULL, or a lease to be copied.
    let lease = unsafe { lease.as_ref() };
    let at = world.with(|state| {
        let was_barred = state.barred[user.addr()];
        let (at, place) = state.in_line[user.addr()].take().expect("a waiter is called once, and while it waits");
        state.check_turn(at, place);
        let station = &mut state.stations[at];
        let record = station.record.as_mut().expect("a pool that is there");
        record.answers.calls += 1;
        match (status, lease) {
            (CONN_POOL_OK, Some(lease)) => {
                record.lend(station.pool, lease);
                state.leases.push((at, *lease));
            }
            (CONN_POOL_CLOSED, None) => assert!(record.closed, "it was not closed"),
            (CONN_POOL_CREATE_FAILED, None) => {
                assert!(record.answers.not_created > 0 || record.connects_end, "no create has failed");
            }
            (CONN_POOL_EXHAUSTED, None) => {
                assert!(was_barred && record.answers.unfit > 0, "it could have waited again");
            }
            (other, lease) => panic!("a waiter was told {other:?} with {lease:?}"),
        }
        at
    });
    world.meddle_when_ready(at);
}
