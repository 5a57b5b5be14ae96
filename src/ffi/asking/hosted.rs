// knows: annotations, callbacks, config, platform, pool, status, tickets, engine, managed, slot · must not know: how a
// caller waits
//! The program as the pool's connector, for pools with `begin_create`: where a resource is wanted the program is asked
//! for one, and gets a ticket, by which it ends the connect when it likes. `bare` is the twin in a build without `std`.

use core::ffi::{CStr, c_int, c_void};
use core::ptr;
use core::task::{RawWaker, RawWakerVTable, Waker};
use core::time::Duration;

use crate::engine::{Engine, SlotToken, VacateReason, WakeBatch};
use crate::ffi::annotations;
use crate::ffi::callbacks::Resource;
use crate::ffi::config::{CONN_POOL_WAIT_FOREVER, conn_pool_event};
use crate::ffi::platform;
use crate::ffi::pool::conn_pool;
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{
    self, CONN_POOL_CLOSED, CONN_POOL_CREATE_FAILED, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_TIMED_OUT,
};
use crate::ffi::tickets::{Failure, Redeemed};
use crate::managed::{
    ConnectingSlot, ManagedParts, NoWait, Purpose, at_once, fail, fulfil, maintain_and_want, may_ask, note_ask,
    note_failure,
};
use crate::slot::PoolParts;

/// The program connects for the pool from now on, if it has said so.
pub(super) fn begin(pool: &conn_pool) {
    if pool.config().begin_create.is_some() {
        pool.engine().begin_asking();
        ask(pool, 0);
    }
}

/// Asks the program for each resource that is wanted: by callers, or to have `floor` of them idle.
fn ask(pool: &conn_pool, floor: usize) {
    loop {
        let floor = if floor > 0 && may_ask(pool) { floor } else { 0 };
        let is_for_pool = floor > 0 && pool.engine().waiting() == 0;
        match pool.engine().claim_wanted(floor) {
            Some(slot) => ask_for(pool, slot, is_for_pool),
            None if pool.engine().await_demand(&waker(pool), 0) => return,
            // A caller has come meanwhile.
            None => {}
        }
    }
}

/// Asks the program for a resource in a slot, which was claimed vacant.
fn ask_for(pool: &conn_pool, slot: SlotToken, is_for_pool: bool) {
    let (config, number) = (pool.config(), slot.index());
    let Some(begin_create) = config.begin_create else { unreachable!("a pool without `begin_create` never asks") };
    if is_for_pool {
        note_ask(pool);
    }
    pool.record(number).note_epoch(pool.shared().epoch());
    let ticket = pool.tickets().issue(slot, pool.ticket_record(number), is_for_pool, pool.now_ms());
    let within_ms = if config.connect_timeout_ms == 0 { CONN_POOL_WAIT_FOREVER } else { config.connect_timeout_ms };
    annotations::acquired(config, ptr::null());
    // SAFETY: a callback, which the program has named for this.
    let (code, text) = platform::with_own_text(|| unsafe { begin_create(config.user, ticket, within_ms) });
    // If the program has ended the connect within the callback, its code says nothing more.
    if code != 0
        && let Ok((slot, ended)) = redeem(pool, ticket)
    {
        end_in_failure(pool, slot, &ended, Failure { code, text });
    }
}

/// The slot of a ticket, whose connect counts as under way.
fn redeem(pool: &conn_pool, ticket: u64) -> Answer<(SlotToken, Redeemed)> {
    let record = |slot| (slot < pool.capacity()).then(|| pool.ticket_record(slot));
    let (slot, ended) = pool.tickets().redeem(ticket, record, pool.now_ms())?;
    if ended.is_late {
        pool.engine().resume_connect();
    }
    Ok((slot, ended))
}

/// As [`redeem`], for a ticket that the program passes.
fn redeem_or_complain(pool: &conn_pool, ticket: u64) -> Answer<(SlotToken, Redeemed)> {
    redeem(pool, ticket).inspect_err(|_| pool.counters().misused.add_one())
}

/// The program has made the resource: it is for the first waiter, or idle. A closed pool destroys it.
pub(super) fn connected(pool: &conn_pool, ticket: u64, resource: *mut c_void) -> Answer {
    if resource.is_null() {
        return Err(CONN_POOL_INVALID_ARGUMENT);
    }
    let (slot, ended) = redeem_or_complain(pool, ticket)?;
    pool.manager().tell(conn_pool_event::CONN_POOL_EVENT_CREATED, Resource(resource), 0);
    annotations::released(pool.config(), resource);
    fulfil(pool, ConnectingSlot::begun(pool, slot), Resource(resource), ended.took());
    Ok(())
}

/// The program could not make the resource.
pub(super) fn connect_failed(pool: &conn_pool, ticket: u64, code: c_int, text: Option<&CStr>) -> Answer {
    let (slot, ended) = redeem_or_complain(pool, ticket)?;
    annotations::released(pool.config(), ptr::null());
    end_in_failure(pool, slot, &ended, Failure { code, text: platform::error_text(text) });
    Ok(())
}

fn end_in_failure(pool: &conn_pool, slot: SlotToken, ended: &Redeemed, failure: Failure) {
    // Its caller was told already that it takes too long, and so was the pool.
    let vacate: fn(Engine<'_>, SlotToken) -> WakeBatch<'_> =
        if ended.is_late { not_connected } else { |engine, slot| engine.fail_for_callers(slot) };
    let purpose = if ended.is_late { Purpose::Caller } else { ended.purpose() };
    let code = failure.code;
    pool.tickets().note_failure(failure);
    fail(pool, slot, purpose, &code, ended.took(), |pool, slot| drop(vacate(pool.engine(), slot)));
}

fn not_connected(engine: Engine<'_>, slot: SlotToken) -> WakeBatch<'_> {
    engine.vacate(slot, VacateReason::NotConnected)
}

/// Counts the connects as failed that take too long.
fn give_up_late(pool: &conn_pool) {
    /// What the callers are told.
    const TEXT: &CStr = c"not connected within connect_timeout_ms";
    let limit_ms = u64::from(pool.config().connect_timeout_ms);
    if limit_ms == 0 || pool.engine().is_closed() {
        return;
    }
    for slot in 0..pool.capacity() {
        let give_up = |failure: &mut Failure| {
            *failure = Failure { code: CONN_POOL_TIMED_OUT as c_int, text: platform::error_text(Some(TEXT)) };
            pool.engine().give_up_connect()
        };
        let record = pool.ticket_record(slot);
        if let Some((late, wakes)) = pool.tickets().become_late(record, pool.now_ms(), limit_ms, give_up) {
            note_failure(pool, late.purpose());
            drop(wakes);
        }
    }
}

/// Maintains a pool that asks for its connects, and asks for what it lacks. Returns how many resources it destroyed,
/// and in how long the next pass is due; `None` for a pool of another kind.
pub(super) fn maintain(pool: &conn_pool) -> Option<(usize, Duration)> {
    pool.config().begin_create?;
    give_up_late(pool);
    let (report, floor) = at_once(maintain_and_want(pool, &NoWait, pool.coarse()));
    ask(pool, floor);
    let limit = pool.config().connect_timeout_ms;
    let next =
        if limit == 0 { report.next } else { report.next.min(Duration::from_millis((limit / 8).max(10).into())) };
    Some((report.discarded, next))
}

/// The thread has failed to connect for a caller elsewhere.
pub(super) fn note_failure_of_thread(pool: &conn_pool, code: c_int) {
    pool.tickets().note_failure(Failure { code, text: platform::own_error_text() });
}

/// Why the wait of a caller was ended: the pool is closed, or no resource could be made for it. The latter is the
/// thread's last error from then on.
pub(super) fn dismissed(pool: &conn_pool) -> conn_pool_status {
    if pool.engine().is_closed() {
        return CONN_POOL_CLOSED;
    }
    let Failure { code, text } = pool.tickets().failure();
    platform::set_last_error(code, text);
    CONN_POOL_CREATE_FAILED
}

/// Whether a caller that has found nothing may find what it has asked for: a program may end a connect at once.
pub(super) const fn may_have_helped(pool: &conn_pool) -> bool {
    pool.config().begin_create.is_some()
}

impl Redeemed {
    const fn purpose(&self) -> Purpose {
        if self.is_for_pool { Purpose::Pool } else { Purpose::Caller }
    }

    const fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms)
    }
}

fn waker(pool: &conn_pool) -> Waker {
    // SAFETY: the table's functions take what they are given here; a pool outlives the waker, which it keeps (I10).
    unsafe { Waker::from_raw(raw(ptr::from_ref(pool).cast())) }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(raw, wake, wake, forget);

const fn raw(pool: *const ()) -> RawWaker {
    RawWaker::new(pool, &TABLE)
}

/// # Safety
///
/// It is the address of a pool, which counts this call, and so is not ended before that has told of its end.
unsafe fn wake(pool: *const ()) {
    // SAFETY: as the caller promises.
    let pool = unsafe { &*pool.cast::<conn_pool>() };
    ask(pool, 0);
    // The last touch of the pool.
    drop(pool.engine().end_asking());
}

const fn forget(_: *const ()) {}
