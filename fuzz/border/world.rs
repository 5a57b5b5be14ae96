//! Several pools, those who use them, and what each deed does to both pools and records.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::{CStr, c_char, c_void};
use std::mem::{self, size_of};
use std::ptr;

use ::conn_pool::ffi::conn_pool_status::{self, *};
use ::conn_pool::ffi::*;

use super::callbacks;
use super::deed::{Act, Deed, Fate};
use super::making;
use super::record::{Answers, Place, Record};

const STATIONS: usize = 4;
/// More than the pool calls in one go, which is eight.
const WAITERS: usize = 12;
/// As deep as callbacks call pools that call back.
const MOST_DEPTH: u32 = 3;
/// As often as callbacks call pools while one thing is done.
const MOST_MEDDLING: u32 = 24;
/// As often as an input sleeps, since it does nothing meanwhile.
const MOST_SLEEPS: u32 = 2;
const MOST_LEASES: usize = 64;
const MOST_OLD_LEASES: usize = 16;

/// A place for a pool.
#[derive(Default)]
pub(super) struct Station {
    /// NULL, a pool, or the storage of one that has ended.
    pub(super) pool: *mut conn_pool,
    /// The caller's, if the pool is not on the heap.
    pub(super) storage: Option<Box<[u64]>>,
    /// Of the pool that is there.
    pub(super) record: Option<Record>,
    /// Calls of it, and callbacks from it, that have not returned: nobody may end it meanwhile.
    pub(super) users: u32,
}

pub(super) struct State {
    pub(super) fate: Fate,
    /// In milliseconds.
    pub(super) now: u64,
    depth: u32,
    meddling_left: u32,
    /// A callback has called a pool since the act began.
    meddled: bool,
    sleeps_left: u32,
    next_resource: usize,
    next_place: u32,
    pub(super) stations: [Station; STATIONS],
    /// What is out, and of which station.
    pub(super) leases: Vec<(usize, conn_pool_lease)>,
    /// Copies of leases that are out no more.
    old: Vec<conn_pool_lease>,
    /// Tickets that were used.
    used_tickets: Vec<u64>,
    /// Which waiters are in line: at which station, and their number in the order of joining.
    pub(super) in_line: [Option<(usize, u32)>; WAITERS],
    /// Of those, whose cancelling came too late: they do not go back in line.
    pub(super) barred: [bool; WAITERS],
    /// Callbacks of waiters that have not returned: they must not wait.
    ready: u32,
}

pub(super) struct World {
    state: RefCell<State>,
    /// Apart from the state, since a pool writes to them while callbacks read it.
    waiters: Box<[UnsafeCell<conn_pool_waiter>; WAITERS]>,
}

// SAFETY: nothing but numbers.
const UNUSED: conn_pool_waiter = unsafe { mem::zeroed() };

thread_local!(static PRESENT: Cell<*const World> = const { Cell::new(ptr::null()) });

/// Does all that, and lets everything go at the end.
pub(crate) fn run(acts: &[Act]) {
    let world = World {
        state: RefCell::new(State {
            fate: Fate::KIND,
            now: 0,
            depth: 0,
            meddling_left: 0,
            meddled: false,
            sleeps_left: MOST_SLEEPS,
            next_resource: 0,
            next_place: 0,
            stations: Default::default(),
            leases: Vec::new(),
            old: Vec::new(),
            used_tickets: Vec::new(),
            in_line: [None; WAITERS],
            barred: [false; WAITERS],
            ready: 0,
        }),
        waiters: Box::new([const { UnsafeCell::new(UNUSED) }; WAITERS]),
    };
    PRESENT.set(&raw const world);
    for act in acts {
        world.act(*act);
    }
    world.finish();
    PRESENT.set(ptr::null());
}

/// Calls the library, which leaves `errno` alone.
pub(super) fn call<R>(function: impl FnOnce() -> R) -> R {
    const MARK: i32 = 4711;
    // SAFETY: the thread's own.
    let errno = || unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *errno() = MARK };
    let result = function();
    // SAFETY: as above.
    let after = unsafe { *errno() };
    assert_eq!(after, MARK, "errno was changed");
    result
}

/// A lease that no pool has given out.
fn junk() -> conn_pool_lease {
    let at = 0x5a5a_5a5a;
    conn_pool_lease {
        pool: ptr::without_provenance_mut(at),
        resource: ptr::without_provenance_mut(at),
        slot: 77,
        generation: 78,
    }
}

fn same(one: &conn_pool_lease, other: &conn_pool_lease) -> bool {
    let key = |lease: &conn_pool_lease| (lease.pool.addr(), lease.resource.addr(), lease.slot, lease.generation);
    key(one) == key(other)
}

fn is_empty(lease: &conn_pool_lease) -> bool {
    lease.pool.is_null() && lease.resource.is_null() && lease.slot == 0 && lease.generation == 0
}

#[track_caller]
fn expect(status: conn_pool_status, any_of: &[conn_pool_status]) {
    assert!(any_of.contains(&status), "{status:?}, not one of {any_of:?}");
}

impl Station {
    fn was_closed(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.closed)
    }

    fn end(&mut self) {
        self.record = None;
        if self.storage.is_none() {
            self.pool = ptr::null_mut();
        }
    }
}

impl State {
    pub(super) fn new_resource(&mut self) -> usize {
        // None is NULL, which `create` may not answer.
        self.next_resource += 1;
        self.next_resource
    }

    /// Nothing has happened that an exact answer could not be known for.
    fn is_exact(&self) -> bool {
        self.depth == 0 && !self.meddled
    }

    fn waiting(&self, at: usize) -> usize {
        self.in_line.iter().flatten().filter(|(station, _)| *station == at).count()
    }

    /// A waiter is called: the others in line have come later. A resource that fails, or a callback that brings one
    /// back, has others called before the one that it was meant for.
    pub(super) fn check_turn(&self, at: usize, place: u32) {
        let station = &self.stations[at];
        let answers = station.record.as_ref().map_or(Answers::default(), |record| record.answers);
        if self.meddled || answers.unfit > 0 || answers.not_created > 0 {
            return;
        }
        for (other_at, other) in self.in_line.iter().flatten() {
            assert!(*other_at != at || *other > place, "waiter {place} was called before {other}");
        }
    }

    /// A lease is out no more.
    fn retire(&mut self, at: usize, slot: u32) {
        let index = self.leases.iter().position(|(station, lease)| *station == at && lease.slot == slot);
        let (_, lease) = self.leases.remove(index.expect("a lease that is out"));
        self.remember(lease);
    }

    fn remember(&mut self, lease: conn_pool_lease) {
        if self.old.len() == MOST_OLD_LEASES {
            self.old.remove(0);
        }
        self.old.push(lease);
    }
}

impl World {
    pub(super) fn present<'a>() -> &'a Self {
        // SAFETY: set by `run` for as long as there are pools that call back.
        unsafe { PRESENT.get().as_ref() }.expect("callbacks come while there is a world")
    }

    /// Looks at the state; nothing is called meanwhile.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.borrow_mut())
    }

    fn act(&self, act: Act) {
        self.begin(act.fate);
        self.perform(act);
        self.compare();
    }

    fn begin(&self, fate: Fate) {
        self.with(|state| {
            state.fate = fate;
            state.meddled = false;
            state.meddling_left = MOST_MEDDLING;
            for record in state.stations.iter_mut().filter_map(|station| station.record.as_mut()) {
                record.answers = Answers::default();
            }
        });
    }

    /// The callback of a waiter of this station may call a pool.
    pub(super) fn meddle_when_ready(&self, from: usize) {
        self.with(|state| state.ready += 1);
        self.meddle(from);
        self.with(|state| state.ready -= 1);
    }

    /// A callback from the pool at this station may call a pool.
    pub(super) fn meddle(&self, from: usize) {
        let act = self.with(|state| {
            if state.depth == MOST_DEPTH || state.meddling_left == 0 || !state.fate.meddles() {
                return None;
            }
            state.depth += 1;
            state.meddling_left -= 1;
            state.meddled = true;
            Some(Act::of_callback(&mut state.fate))
        });
        if let Some(act) = act {
            self.use_during(from, || self.perform(act));
            self.with(|state| state.depth -= 1);
        }
    }

    fn perform(&self, act: Act) {
        let at = usize::from(act.at) % STATIONS;
        match act.deed {
            Deed::Make => self.make(at, act),
            Deed::Add => self.add(at),
            Deed::TryAcquire | Deed::AcquireNow | Deed::AcquireBriefly => self.acquire(at, act.deed),
            Deed::AcquireUntil | Deed::Drain if self.with(|state| state.ready > 0) => {}
            Deed::AcquireUntil => self.acquire_until(at, act.argument),
            Deed::AcquireAsync => self.acquire_async(at, usize::from(act.argument) % WAITERS),
            Deed::Cancel => self.cancel(at, usize::from(act.argument) % WAITERS),
            Deed::Release => self.give_any_back(act.argument, false),
            Deed::Discard => self.give_any_back(act.argument, true),
            Deed::Misuse => self.misuse(at, act),
            Deed::Resize => self.resize(at, act.argument),
            Deed::Maintain => self.maintain(at, act.argument),
            Deed::EndConnect => self.end_any_connect(at, act),
            Deed::Suspend => self.suspend(at, true),
            Deed::Resume => self.suspend(at, false),
            Deed::EvictAll => self.evict(at),
            Deed::Retain => self.retain(at, act.argument),
            Deed::Ask => self.ask(at, act.argument),
            Deed::Stats => self.get_stats(at, usize::from(act.argument)),
            Deed::ResetPeaks => self.reset_peaks(at),
            Deed::Close => self.close(at),
            Deed::Drain => self.drain(at, act.argument % 2 == 1),
            Deed::Destroy => self.destroy(at, act.argument % 2 == 1),
            Deed::Abandon => self.abandon(at),
            Deed::Nulls => self.nulls(at, act.argument),
            Deed::Words => self.words(at, act.argument, act.more),
        }
    }

    /// Calls the pool at a station.
    fn call<R>(&self, at: usize, function: impl FnOnce() -> R) -> R {
        self.use_during(at, || call(function))
    }

    fn use_during<R>(&self, at: usize, work: impl FnOnce() -> R) -> R {
        self.with(|state| state.stations[at].users += 1);
        let result = work();
        self.with(|state| state.stations[at].users -= 1);
        result
    }

    fn pool(&self, at: usize) -> *mut conn_pool {
        self.with(|state| state.stations[at].pool)
    }

    /// The pool's place, whether there is a pool, and whether it is closed.
    fn look(&self, at: usize) -> (*mut conn_pool, bool, bool) {
        self.with(|state| {
            let station = &state.stations[at];
            (station.pool, station.record.is_some(), station.was_closed())
        })
    }

    /// For calls with one right answer: `OK`, or that there is no such pool.
    #[track_caller]
    fn expect_ok(&self, at: usize, status: conn_pool_status) {
        let is_there = self.with(|state| state.stations[at].record.is_some());
        assert_eq!(status, if is_there { CONN_POOL_OK } else { CONN_POOL_INVALID_ARGUMENT });
    }
}

/// Borrowing.
impl World {
    fn make(&self, at: usize, act: Act) {
        self.with(|state| {
            let station = &mut state.stations[at];
            if station.record.is_none() {
                making::make(at, act, station);
            }
        });
    }

    fn add(&self, at: usize) {
        let (pool, is_there, was_closed) = self.look(at);
        let (resource, room) = self.with(|state| {
            let (resource, is_exact) = (state.new_resource(), state.is_exact());
            let record = state.stations[at].record.as_mut();
            let room = record.and_then(|record| {
                // It may be lent before the call returns.
                record.resources.insert(resource, Place::Pool);
                record.added += 1;
                is_exact.then_some(record.vacant)
            });
            (resource, room)
        });
        // SAFETY: a pool, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_add(pool, ptr::without_provenance_mut(resource)) });
        match (is_there, was_closed, room) {
            (false, ..) => expect(status, &[CONN_POOL_INVALID_ARGUMENT]),
            (_, true, _) => expect(status, &[CONN_POOL_CLOSED]),
            (_, _, Some(0)) => expect(status, &[CONN_POOL_FULL]),
            (_, _, Some(_)) => expect(status, &[CONN_POOL_OK]),
            _ => expect(status, &[CONN_POOL_OK, CONN_POOL_FULL]),
        }
        self.with(|state| {
            if let Some(record) = state.stations[at].record.as_mut()
                && status != CONN_POOL_OK
            {
                record.moves(resource, &[Place::Pool], Place::Pool);
                record.resources.remove(&resource);
                record.added -= 1;
            }
        });
    }

    fn acquire(&self, at: usize, deed: Deed) {
        let (pool, _, was_closed) = self.look(at);
        let sleeps = deed == Deed::AcquireBriefly && self.may_sleep();
        let refusal = if sleeps { CONN_POOL_TIMED_OUT } else { CONN_POOL_EXHAUSTED };
        let mut lease = junk();
        let out = &raw mut lease;
        let status = match deed {
            // SAFETY: a pool, the storage of one, or NULL; and a lease that may be written.
            Deed::TryAcquire => self.call(at, || unsafe { conn_pool_try_acquire(pool, out) }),
            // SAFETY: as above.
            _ => self.call(at, || unsafe { conn_pool_acquire(pool, sleeps.into(), out) }),
        };
        self.note_late(at, sleeps);
        self.with(|state| {
            if let Some(record) = state.stations[at].record.as_mut() {
                record.exhausted += usize::from(status == CONN_POOL_EXHAUSTED);
            }
        });
        self.took(at, status, refusal, was_closed, &lease);
    }

    /// A call has so little time that nothing may be created for it.
    fn note_late(&self, at: usize, is_late: bool) {
        self.with(|state| {
            if let Some(record) = state.stations[at].record.as_mut() {
                record.answers.may_be_late = is_late;
            }
        });
    }

    /// Whether a call may sleep; only one that nobody else waits for.
    fn may_sleep(&self) -> bool {
        self.with(|state| {
            let may = state.depth == 0 && state.sleeps_left > 0;
            state.sleeps_left -= u32::from(may);
            may
        })
    }

    fn acquire_until(&self, at: usize, argument: u8) {
        let (pool, is_there, was_closed) = self.look(at);
        let served_at_once = self.with(|state| {
            let record = state.stations[at].record.as_ref();
            state.depth == 0 && record.is_some_and(|record| record.idle > 0 && !record.has.validate && !record.ages)
        });
        let (seconds, nanoseconds) = match argument % 8 {
            0 => (0, -1),
            1 => (0, 1_000_000_000),
            2 => (i64::MAX, i64::MAX),
            3 => (i64::MIN, 0),
            4 if served_at_once => (i64::MAX, 999_999_999),
            5 => (-1, 999_999_999),
            // What the header's `conn_pool_acquire_until` makes of NULL.
            6 => (0, -1),
            _ => (0, 0),
        };
        let mut lease = junk();
        // SAFETY: a pool, the storage of one, or NULL; and a lease that may be written.
        let acquire = || unsafe { conn_pool_acquire_deadline(pool, seconds, nanoseconds, &raw mut lease) };
        let status = self.call(at, acquire);
        self.note_late(at, argument % 8 != 2 && !served_at_once);
        if is_there && (argument % 8 < 3 || argument % 8 == 6) {
            assert_eq!(status, CONN_POOL_INVALID_ARGUMENT);
            assert!(same(&lease, &junk()), "an output is written on success only");
        } else {
            self.took(at, status, CONN_POOL_TIMED_OUT, was_closed, &lease);
        }
    }

    /// An attempt has answered.
    fn took(
        &self,
        at: usize,
        status: conn_pool_status,
        refusal: conn_pool_status,
        was_closed: bool,
        lease: &conn_pool_lease,
    ) {
        self.with(|state| {
            let meddled = !state.is_exact();
            let station = &mut state.stations[at];
            match station.record.as_mut() {
                Some(record) => {
                    let right = record.attempt(refusal, was_closed, meddled);
                    assert!(right.contains(&status), "{status:?}, not one of {right:?}; {record:?}");
                    record.timed_out += usize::from(status == CONN_POOL_TIMED_OUT);
                    if status == CONN_POOL_OK {
                        record.lend(station.pool, lease);
                        state.leases.push((at, *lease));
                    }
                }
                None => expect(status, &[CONN_POOL_INVALID_ARGUMENT]),
            }
            assert!(status == CONN_POOL_OK || same(lease, &junk()), "an output is written on success only");
        });
        self.keep_few();
    }

    /// Gives the oldest lease back when there are too many to look through.
    fn keep_few(&self) {
        let (depth, many) = self.with(|state| (state.depth, state.leases.len() > MOST_LEASES));
        if depth == 0 && many {
            self.give_any_back(0, false);
        }
    }

    fn acquire_async(&self, at: usize, name: usize) {
        let (pool, is_there, was_closed) = self.look(at);
        // In line before the call, since it may be called back before the call returns.
        let joined = self.with(|state| {
            if !is_there || state.in_line[name].is_some() {
                return None;
            }
            state.next_place += 1;
            state.barred[name] = false;
            state.in_line[name] = Some((at, state.next_place));
            state.in_line[name]
        });
        let mut lease = junk();
        let user = ptr::without_provenance_mut(name);
        let on_ready: conn_pool_ready_fn = Some(callbacks::on_ready);
        let waiter = self.waiters[name].get();
        // SAFETY: a pool, the storage of one, or NULL; a waiter that stays where it is; a lease that may be written.
        let status = self.call(at, || unsafe { conn_pool_acquire_async(pool, waiter, on_ready, user, &raw mut lease) });
        if joined.is_none() {
            expect(status, &[if is_there { CONN_POOL_ALREADY_WAITING } else { CONN_POOL_INVALID_ARGUMENT }]);
            assert!(same(&lease, &junk()), "an output is written on success only");
            return;
        }
        if status != CONN_POOL_PENDING {
            let in_line = self.with(|state| state.in_line[name].take());
            assert_eq!(in_line, joined, "{status:?} comes without a callback");
        }
        let was_barred = self.with(|state| state.barred[name]);
        let refusal = if was_barred && status == CONN_POOL_EXHAUSTED { status } else { CONN_POOL_PENDING };
        self.took(at, status, refusal, was_closed, &lease);
    }

    fn cancel(&self, at: usize, name: usize) {
        let (pool, is_there, _) = self.look(at);
        let right: &[_] = self.with(|state| match state.in_line[name] {
            _ if !is_there => &[CONN_POOL_INVALID_ARGUMENT][..],
            None => &[CONN_POOL_NOT_WAITING],
            Some((station, _)) if station != at => &[CONN_POOL_WRONG_POOL],
            Some(_) if state.is_exact() => &[CONN_POOL_OK],
            // It may have been granted something already.
            Some(_) => &[CONN_POOL_OK, CONN_POOL_NOT_WAITING],
        });
        // SAFETY: a pool, the storage of one, or NULL; a waiter that is zeroed or was used before.
        let status = self.call(at, || unsafe { conn_pool_cancel(pool, self.waiters[name].get()) });
        expect(status, right);
        self.with(|state| match status {
            CONN_POOL_OK => state.in_line[name] = None,
            CONN_POOL_NOT_WAITING => state.barred[name] = state.in_line[name].is_some(),
            _ => {}
        });
    }
}

/// Giving back.
impl World {
    fn give_any_back(&self, index: u8, discard: bool) {
        let chosen = self.with(|state| {
            let index = usize::from(index).checked_rem(state.leases.len())?;
            Some(state.leases[index])
        });
        if let Some((at, lease)) = chosen {
            let status = self.give_back(at, lease, discard);
            assert_eq!(status, CONN_POOL_OK, "a lease in order");
        }
    }

    /// Gives a copy of a lease back, in order or not.
    fn give_back(&self, at: usize, lease: conn_pool_lease, discard: bool) -> conn_pool_status {
        let (pool, right, calls) = self.with(|state| {
            let station = &mut state.stations[at];
            let pool = station.pool;
            let Some(record) = station.record.as_mut() else { return (pool, CONN_POOL_INVALID_ARGUMENT, 0) };
            let right = record.judge(pool, &lease);
            let calls = record.answers.calls;
            if right == CONN_POOL_OK {
                let to = match discard {
                    true => Place::Doomed(0),
                    false if record.has.reset => Place::Returning,
                    false => Place::Pool,
                };
                record.redeem(&lease, to);
                state.retire(at, lease.slot);
            } else {
                record.misused += 1;
            }
            (pool, right, calls)
        });
        let mut given = lease;
        // SAFETY: a pool, the storage of one, or NULL; and a lease that may be read and written.
        let status = self.call(at, || unsafe {
            if discard { conn_pool_discard(pool, &raw mut given) } else { conn_pool_release(pool, &raw mut given) }
        });
        assert_eq!(status, right, "{lease:?}");
        if status == CONN_POOL_OK {
            assert!(is_empty(&given), "a lease that was given back is zeroed: {given:?}");
        } else {
            assert!(same(&given, &lease), "a lease that was refused is as it was");
            let calls_now =
                self.with(|state| state.stations[at].record.as_ref().map_or(0, |record| record.answers.calls));
            assert_eq!(calls_now, calls, "nothing happens to what was refused");
        }
        status
    }

    fn misuse(&self, at: usize, act: Act) {
        let Act { argument, more, .. } = act;
        let (at, mut lease, other) = self.with(|state| {
            let old = usize::from(more >> 2).checked_rem(state.old.len()).map(|index| (at, state.old[index]));
            let held = usize::from(more >> 2).checked_rem(state.leases.len()).map(|index| state.leases[index]);
            let (own, lease) = match more & 1 {
                0 => held.or(old),
                _ => old.or(held),
            }
            .unwrap_or((at, junk()));
            let at = if more & 2 == 0 { own } else { at };
            (at, lease, state.stations[(at + 1) % STATIONS].pool)
        });
        match argument >> 1 & 15 {
            0 | 1 => {}
            2 => lease.pool = ptr::null_mut(),
            3 => lease.pool = other,
            4 => lease.pool = lease.pool.wrapping_byte_add(1),
            5 => lease.resource = ptr::without_provenance_mut(lease.resource.addr() ^ 1),
            6 => lease.resource = ptr::null_mut(),
            7 => lease.slot ^= 1,
            8 => lease.slot = lease.slot.wrapping_add(argument.into()),
            9 => lease.slot = u32::MAX - u32::from(more),
            10 => lease.generation = lease.generation.wrapping_add(1),
            11 => lease.generation = lease.generation.wrapping_add(2),
            12 => lease.generation = lease.generation.wrapping_sub(2),
            13 => lease.generation ^= 0x8000_0000,
            14 => lease.generation = more.into(),
            _ => lease = conn_pool_lease { pool: ptr::null_mut(), ..lease },
        }
        self.give_back(at, lease, argument & 1 == 1);
    }
}

/// Connecting for a pool.
impl World {
    /// A ticket that is out, or was used, or is another pool's, or none.
    fn end_any_connect(&self, at: usize, act: Act) {
        let Act { argument, more, .. } = act;
        let ticket = self.with(|state| {
            let of = |tickets: &[u64]| usize::from(more >> 2).checked_rem(tickets.len()).map(|index| tickets[index]);
            let station = if argument & 6 == 2 { (at + 1) % STATIONS } else { at };
            let out = state.stations[station].record.as_ref().and_then(|record| of(&record.tickets));
            let ticket = if argument & 6 == 4 { of(&state.used_tickets) } else { out }.unwrap_or(u64::from(more & 1));
            if argument & 0x38 == 0x38 { ticket ^ 1 << (argument >> 1 & 3) << (more & 60) } else { ticket }
        });
        self.end_connect(at, ticket, argument & 1 == 0);
    }

    pub(super) fn end_connect(&self, at: usize, ticket: u64, succeeds: bool) {
        let (pool, resource, right) = self.with(|state| {
            let resource = state.new_resource();
            let station = &mut state.stations[at];
            let Some(record) = station.record.as_mut() else {
                return (station.pool, resource, Some(CONN_POOL_INVALID_ARGUMENT));
            };
            let right = match record.tickets.iter().position(|out| *out == ticket) {
                None => {
                    record.misused += 1;
                    None
                }
                Some(index) => {
                    record.tickets.remove(index);
                    if succeeds {
                        record.resources.insert(resource, Place::Fresh);
                        record.created += 1;
                    } else {
                        record.create_failed += 1;
                        record.answers.not_created += 1;
                        record.failures_to_tell.push(-7);
                    }
                    state.used_tickets.push(ticket);
                    Some(CONN_POOL_OK)
                }
            };
            (station.pool, resource, right)
        });
        let resource = ptr::without_provenance_mut(resource);
        // SAFETY: a pool, the storage of one, or NULL.
        let status = self.call(at, || unsafe {
            if succeeds {
                conn_pool_connected(pool, ticket, resource)
            } else {
                conn_pool_connect_failed(pool, ticket, -7, c"cannot be".as_ptr())
            }
        });
        match right {
            Some(right) => assert_eq!(status, right),
            None => expect(status, &[CONN_POOL_NOT_HELD, CONN_POOL_STALE, CONN_POOL_WRONG_POOL, CONN_POOL_FORGED]),
        }
    }
}

/// Looking after a pool.
impl World {
    fn resize(&self, at: usize, argument: u8) {
        let pool = self.pool(at);
        let (size, right) = self.with(|state| {
            let Some(record) = state.stations[at].record.as_mut() else { return (0, CONN_POOL_INVALID_ARGUMENT) };
            // By steps in a large pool; two sizes are too large.
            let size = usize::from(argument) * record.capacity.div_ceil(255) % (record.capacity + 3);
            if size > record.capacity {
                return (size, CONN_POOL_INVALID_ARGUMENT);
            }
            if !record.closed {
                record.max_size = size;
                record.was_shrunk |= size < record.capacity;
            }
            (size, CONN_POOL_OK)
        });
        // SAFETY: a pool, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_resize(pool, size as u32) });
        assert_eq!(status, right);
    }

    /// After some time, which passes for all pools.
    fn maintain(&self, at: usize, argument: u8) {
        let (pool, is_there, was_closed) = self.look(at);
        let asks = argument.is_multiple_of(2);
        self.with(|state| state.now += u64::from(argument >> 1) * 4);
        let mut ended = usize::MAX;
        let out = if asks { &raw mut ended } else { ptr::null_mut() };
        // SAFETY: a pool, the storage of one, or NULL; and NULL or a number that may be written.
        let status = self.call(at, || unsafe { conn_pool_maintain(pool, out) });
        self.expect_ok(at, status);
        self.with(|state| {
            let is_exact = state.is_exact();
            match state.stations[at].record.as_ref() {
                Some(record) if asks && is_exact && record.tells_ends() => {
                    assert_eq!(ended, record.answers.destroyed, "as many as were destroyed");
                }
                _ => assert_eq!(ended != usize::MAX, asks && is_there, "an output is written on success only"),
            }
        });
        let is_kept = self.with(|state| {
            let is_exact = state.is_exact();
            // After a failure the next attempt may have to wait; and what is checked is checked last.
            let record = state.stations[at].record.as_ref();
            record
                .filter(|record| is_exact && !was_closed && record.create_failed + record.answers.unfit == 0)
                .filter(|record| !record.has.begin_create)
                .is_some()
        });
        if is_kept && let Some(stats) = self.stats(at) {
            let min_idle = self.with(|state| state.stations[at].record.as_ref().map_or(0, |record| record.min_idle));
            assert!(stats.idle >= min_idle || stats.vacant == 0, "too few are idle: {stats:?}");
        }
    }

    /// NULL if there is no pool.
    fn suspend(&self, at: usize, suspends: bool) {
        let pool = self.pool(at);
        self.with(|state| {
            if let Some(record) = state.stations[at].record.as_mut() {
                record.suspended = suspends;
            }
        });
        // SAFETY: a pool, the storage of one, or NULL.
        let status =
            self.call(at, || unsafe { if suspends { conn_pool_suspend(pool) } else { conn_pool_resume(pool) } });
        self.expect_ok(at, status);
    }

    fn note_eviction(&self, at: usize) {
        self.with(|state| {
            if let Some(record) = state.stations[at].record.as_mut() {
                record.was_evicted = true;
            }
        });
    }

    fn evict(&self, at: usize) {
        let pool = self.pool(at);
        self.note_eviction(at);
        let mut ended = usize::MAX;
        // SAFETY: a pool, the storage of one, or NULL; and a number that may be written.
        let status = self.call(at, || unsafe { conn_pool_evict_all(pool, &raw mut ended) });
        self.expect_ok(at, status);
        assert!((status == CONN_POOL_OK) == (ended != usize::MAX), "an output is written on success only");
    }

    fn retain(&self, at: usize, argument: u8) {
        let pool = self.pool(at);
        self.note_eviction(at);
        let keep: conn_pool_check_fn = if argument == 0 { None } else { Some(callbacks::keep) };
        let user = ptr::without_provenance_mut(usize::from(argument));
        // SAFETY: a pool, the storage of one, or NULL; a function that may be called with that; and NULL.
        let status = self.call(at, || unsafe { conn_pool_retain(pool, keep, user, ptr::null_mut()) });
        if argument == 0 {
            assert_eq!(status, CONN_POOL_INVALID_ARGUMENT);
        } else {
            self.expect_ok(at, status);
        }
    }

    fn ask(&self, at: usize, argument: u8) {
        let pool = self.pool(at);
        let (tracks, held) = self.with(|state| {
            let record = state.stations[at].record.as_ref();
            (record.map(|record| record.tracks), record.map_or(0, Record::held))
        });
        let (size, room) = (usize::from(argument % 64), usize::from(argument / 64));
        let mut bytes = vec![0xA5_u8; size * room + 1];
        let mut count = usize::MAX;
        // SAFETY: a pool, the storage of one, or NULL; and so much that may be written.
        let status = self
            .call(at, || unsafe { conn_pool_get_leases(pool, bytes.as_mut_ptr().cast(), size, room, &raw mut count) });
        let right = match tracks {
            None => CONN_POOL_INVALID_ARGUMENT,
            Some(_) if room > 0 && size == 0 => CONN_POOL_INVALID_ARGUMENT,
            Some(false) => CONN_POOL_UNSUPPORTED,
            Some(true) => CONN_POOL_OK,
        };
        assert_eq!(status, right);
        if status == CONN_POOL_OK {
            assert_eq!(count, held);
        }
        assert!(bytes[size * room.min(count)..].iter().all(|byte| *byte == 0xA5), "no more than there are");
        let mut text = ptr::null();
        // SAFETY: a place for a pointer.
        call(|| unsafe { conn_pool_last_error(&raw mut text) });
        // SAFETY: a string of the library's.
        assert!(unsafe { CStr::from_ptr(text) }.count_bytes() <= CONN_POOL_MAX_ERROR as usize);
    }

    fn stats(&self, at: usize) -> Option<conn_pool_stats> {
        let pool = self.pool(at);
        let mut stats = conn_pool_stats::default();
        // SAFETY: a pool, the storage of one, or NULL; and so much that may be written.
        let status =
            self.call(at, || unsafe { conn_pool_get_stats(pool, &raw mut stats, size_of::<conn_pool_stats>()) });
        self.expect_ok(at, status);
        (status == CONN_POOL_OK).then_some(stats)
    }

    /// Into room of another size.
    fn get_stats(&self, at: usize, size: usize) {
        let (pool, is_there, _) = self.look(at);
        let stats = self.stats(at);
        let mut room = vec![0xA5_u8; size].into_boxed_slice();
        // SAFETY: a pool, the storage of one, or NULL; and so much that may be written.
        let status = self.call(at, || unsafe { conn_pool_get_stats(pool, room.as_mut_ptr().cast(), size) });
        assert_eq!(status, if is_there && size > 0 { CONN_POOL_OK } else { CONN_POOL_INVALID_ARGUMENT });
        let Some(stats) = stats.filter(|_| size > 0) else {
            assert!(room.iter().all(|byte| *byte == 0xA5), "an output is written on success only");
            return;
        };
        let known = size_of::<conn_pool_stats>();
        // It says how much of it was written.
        let stats = conn_pool_stats { struct_size: size.min(known), ..stats };
        // SAFETY: nothing but numbers, so all of its bytes are initialised.
        let whole = unsafe { std::slice::from_raw_parts((&raw const stats).cast::<u8>(), known) };
        let (written, beyond) = room.split_at(size.min(known));
        assert_eq!(written, &whole[..written.len()], "as much as there is room for");
        assert!(beyond.iter().all(|byte| *byte == 0), "what is not known is zero");
    }

    fn reset_peaks(&self, at: usize) {
        let pool = self.pool(at);
        // SAFETY: a pool, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_reset_peaks(pool) });
        self.expect_ok(at, status);
        if let Some(stats) = self.stats(at) {
            let marks = (stats.peak_in_use, stats.peak_waiting);
            assert_eq!(marks, (stats.in_use, stats.waiting), "the marks start anew");
        }
    }

    fn close(&self, at: usize) {
        let pool = self.pool(at);
        self.note_closed(at);
        // SAFETY: a pool, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_close(pool) });
        self.expect_ok(at, status);
    }

    fn note_closed(&self, at: usize) {
        self.with(|state| {
            if let Some(record) = state.stations[at].record.as_mut() {
                record.closed = true;
            }
        });
    }

    fn drain(&self, at: usize, sleeps: bool) {
        let (pool, is_there, _) = self.look(at);
        let sleeps = sleeps && self.may_sleep();
        self.note_closed(at);
        // SAFETY: a pool, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_drain(pool, sleeps.into()) });
        self.with(|state| {
            let out = |record: &Record| record.held() + record.tickets.len();
            let held = state.stations[at].record.as_ref().map_or(0, out);
            match (is_there, state.is_exact(), held) {
                (false, ..) => expect(status, &[CONN_POOL_INVALID_ARGUMENT]),
                (_, true, 0) => expect(status, &[CONN_POOL_OK]),
                (_, true, _) => expect(status, &[CONN_POOL_BUSY]),
                _ => expect(status, &[CONN_POOL_OK, CONN_POOL_BUSY]),
            }
        });
    }

    fn destroy(&self, at: usize, closes: bool) {
        if self.with(|state| state.stations[at].users > 0) {
            return;
        }
        if closes {
            self.close(at);
        }
        let (pool, right) = self.with(|state| {
            let waiting = state.waiting(at);
            let station = &mut state.stations[at];
            let right = match station.record.as_mut() {
                None if station.pool.is_null() => CONN_POOL_OK,
                None => CONN_POOL_INVALID_ARGUMENT,
                Some(record) if record.held() + record.tickets.len() > 0 || waiting > 0 => CONN_POOL_BUSY,
                Some(record) => {
                    record.closed = true;
                    CONN_POOL_OK
                }
            };
            (station.pool, right)
        });
        // SAFETY: a pool that nobody else uses, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_destroy(pool) });
        assert_eq!(status, right);
        if status == CONN_POOL_OK {
            self.with(|state| {
                if let Some(record) = state.stations[at].record.as_ref().filter(|record| record.tells_ends()) {
                    let all_gone = record.resources.values().all(|place| *place == Place::Gone);
                    assert!(all_gone && record.destroyed == record.added + record.created, "{record:?}");
                }
            });
            self.forget(at);
        }
    }

    fn abandon(&self, at: usize) {
        let (pool, is_there, _) = self.look(at);
        let calls = |state: &State| state.stations[at].record.as_ref().map_or(0, |record| record.answers.calls);
        let before = self.with(|state| calls(state));
        // SAFETY: a pool that nobody uses from now on, the storage of one, or NULL.
        let status = self.call(at, || unsafe { conn_pool_abandon(pool) });
        let is_fine = is_there || pool.is_null();
        assert_eq!(status, if is_fine { CONN_POOL_OK } else { CONN_POOL_INVALID_ARGUMENT });
        assert_eq!(self.with(|state| calls(state)), before, "no callback is called");
        self.forget(at);
    }

    /// The pool has ended: its leases and waiters are nobody's.
    fn forget(&self, at: usize) {
        self.with(|state| {
            state.stations[at].end();
            let (gone, left) = mem::take(&mut state.leases).into_iter().partition(|(station, _)| *station == at);
            state.leases = left;
            for (_, lease) in Vec::from_iter::<Vec<_>>(gone) {
                state.remember(lease);
            }
            for (in_line, memory) in state.in_line.iter_mut().zip(self.waiters.iter()) {
                if in_line.is_some_and(|(station, _)| station == at) {
                    *in_line = None;
                    // SAFETY: nobody knows of it any more.
                    unsafe { memory.get().write(UNUSED) };
                }
            }
        });
    }
}

/// What only tells something, and what is refused at once.
impl World {
    fn nulls(&self, at: usize, which: u8) {
        let pool = self.pool(at);
        let none = ptr::null_mut();
        let mut lease = junk();
        let lease = &raw mut lease;
        let mut waiter = UNUSED;
        let waiter = &raw mut waiter;
        let ready: conn_pool_ready_fn = Some(callbacks::on_ready);
        let mut stats = conn_pool_stats::default();
        let (user, no_lease) = (ptr::null_mut::<c_void>(), ptr::null_mut());
        // SAFETY: each pointer is NULL or what it has to be.
        let status = call(|| unsafe {
            match which % 32 {
                0 => conn_pool_add(none, user),
                1 => conn_pool_try_acquire(none, lease),
                2 => conn_pool_try_acquire(pool, no_lease),
                3 => conn_pool_acquire(none, CONN_POOL_WAIT_FOREVER, lease),
                4 => conn_pool_acquire(pool, CONN_POOL_WAIT_FOREVER, no_lease),
                5 => conn_pool_acquire_deadline(pool, 0, 0, no_lease),
                6 => conn_pool_acquire_async(none, waiter, ready, user, lease),
                7 => conn_pool_acquire_async(pool, ptr::null_mut(), ready, user, lease),
                8 => conn_pool_acquire_async(pool, waiter, None, user, lease),
                9 => conn_pool_acquire_async(pool, waiter, ready, user, no_lease),
                10 => conn_pool_cancel(none, waiter),
                11 => conn_pool_cancel(pool, ptr::null_mut()),
                12 => conn_pool_release(none, lease),
                13 => conn_pool_release(pool, no_lease),
                14 => conn_pool_discard(none, lease),
                15 => conn_pool_discard(pool, no_lease),
                16 => conn_pool_resize(none, 0),
                17 => conn_pool_maintain(none, ptr::null_mut()),
                18 => conn_pool_get_stats(none, &raw mut stats, size_of::<conn_pool_stats>()),
                19 => conn_pool_get_stats(pool, ptr::null_mut(), size_of::<conn_pool_stats>()),
                20 => conn_pool_reset_peaks(none),
                21 => conn_pool_close(none),
                22 => conn_pool_drain(none, CONN_POOL_WAIT_FOREVER),
                23 => conn_pool_create(ptr::null(), &mut ptr::null_mut()),
                24 => conn_pool_create(ptr::null(), ptr::null_mut()),
                25 => conn_pool_init(ptr::null_mut(), 0, ptr::null(), ptr::null_mut()),
                26 => conn_pool_acquire(pool, 0, no_lease),
                // With a pool its thread would call back beside the model.
                27 => conn_pool_start_maintenance(none),
                28 => conn_pool_connected(none, 1, user),
                29 => conn_pool_connect_failed(none, 1, 0, ptr::null()),
                _ => match conn_pool_destroy(none) {
                    CONN_POOL_OK => conn_pool_abandon(none),
                    other => other,
                },
            }
        });
        assert_eq!(status, if which % 32 > 29 { CONN_POOL_OK } else { CONN_POOL_INVALID_ARGUMENT });
        // SAFETY: a lease of this function's.
        assert!(same(unsafe { &*lease }, &junk()), "an output is written on success only");
    }

    fn words(&self, at: usize, argument: u8, more: u8) {
        let number = i32::from(argument).wrapping_mul(1 << (more % 25)).wrapping_sub(32);
        let (text, name) = (call(|| conn_pool_strerror(number)), call(|| conn_pool_status_name(number)));
        let known = (CONN_POOL_DEADLOCK as i32..=CONN_POOL_PENDING as i32).contains(&number);
        assert_eq!(read(name) != b"CONN_POOL_UNKNOWN", known, "{number}");
        assert!(!read(text).is_empty());
        assert!(read(call(|| conn_pool_version_string())).contains(&b'.') && call(|| conn_pool_version()) > 0);
        let size = call(|| conn_pool_storage_size(number.cast_unsigned()));
        assert_eq!(size > 0, (1..=CONN_POOL_MAX_CAPACITY).contains(&number.cast_unsigned()));
        // SAFETY: a pool, the storage of one, or NULL.
        let name = call(|| unsafe { conn_pool_name(self.pool(at)) });
        self.with(|state| {
            let kept = state.stations[at].record.as_ref().map_or(&[][..], |record| &record.name);
            assert_eq!(read(name), kept);
        });
    }
}

fn read<'a>(text: *const c_char) -> &'a [u8] {
    assert!(!text.is_null());
    // SAFETY: a string of the library's, as the header says.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

/// Between the acts, and at the end.
impl World {
    fn compare(&self) {
        for at in 0..STATIONS {
            if self.with(|state| state.stations[at].record.is_none()) {
                continue;
            }
            let stats = self.stats(at).expect("the stats of a pool that is there");
            self.with(|state| {
                let waiting = state.waiting(at);
                let station = &mut state.stations[at];
                let record = station.record.as_mut().expect("as above");
                record.compare(&stats, waiting);
            });
        }
    }

    /// Gives everything back, and ends all pools.
    fn finish(&self) {
        while self.with(|state| !state.leases.is_empty()) {
            self.begin(Fate::KIND);
            self.give_any_back(0, false);
            self.compare();
        }
        for at in 0..STATIONS {
            self.begin(Fate::KIND);
            self.close(at);
            self.compare();
            while let Some(ticket) =
                self.with(|state| state.stations[at].record.as_ref()?.tickets.last().copied())
            {
                self.end_connect(at, ticket, ticket % 4 == 1);
                self.compare();
            }
            assert_eq!(self.with(|state| state.waiting(at)), 0, "everybody in line was called");
            self.drain(at, false);
            self.compare();
            if let Some(stats) = self.stats(at) {
                let made =
                    self.with(|state| state.stations[at].record.as_ref().map(|record| record.added + record.created));
                assert_eq!(Some(stats.destroyed), made, "what was made is destroyed");
            }
            self.destroy(at, false);
        }
    }
}
