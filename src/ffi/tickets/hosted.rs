// knows: platform, status, engine, managed, sync · must not know: pools, who connects
//! Tickets: what a program ends a connect with that it was asked for. A slot is owned by its ticket, from when that is
//! issued until it is redeemed (I1), and the lock of the tickets passes it on (I2).
//!
//! `bare` is the twin in a build without `std`, where no pool asks for its connects.

use core::ffi::c_int;

use crate::engine::SlotToken;
use crate::ffi::platform::ErrorText;
use crate::ffi::status::Answer;
use crate::ffi::status::conn_pool_status::{
    CONN_POOL_FORGED, CONN_POOL_NOT_HELD, CONN_POOL_STALE, CONN_POOL_WRONG_POOL,
};
use crate::managed::Millis;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, PoisonError, Relaxed};

/// The bits of a ticket: the number of its pool, its slot, and which of the slot's tickets it is.
const SLOT_BITS: u32 = 12;
const COUNT_BITS: u32 = 32;
const POOL_BITS: u32 = u64::BITS - SLOT_BITS - COUNT_BITS;

/// What a pool keeps of its tickets.
pub(crate) struct Tickets {
    /// The pool's number, by which its tickets are told from those of others.
    pool: u64,
    failure: Mutex<Failure>,
}

/// The last connect that failed.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) code: c_int,
    pub(super) text: ErrorText,
}

/// The ticket of a slot. All words are Relaxed: they change under the lock of the tickets.
pub(crate) struct TicketRecord {
    /// Odd while a ticket is out.
    count: AtomicUsize,
    /// Of that ticket: when it was issued, in milliseconds.
    since: AtomicUsize,
    /// Of that ticket: whether it is `FOR_POOL`, or `LATE`.
    flags: AtomicUsize,
}

/// The connect is for no caller: it keeps connections idle.
const FOR_POOL: usize = 1;
/// It has taken too long, and is not counted on.
const LATE: usize = 2;

/// A ticket that was redeemed, or that has become late.
pub(super) struct Redeemed {
    pub(super) is_for_pool: bool,
    pub(super) is_late: bool,
    pub(super) took_ms: u64,
}

impl TicketRecord {
    pub(super) const fn new() -> Self {
        Self { count: AtomicUsize::new(0), since: AtomicUsize::new(0), flags: AtomicUsize::new(0) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a count may wrap")]
    fn count(&self) -> u32 {
        self.count.load(Relaxed) as u32
    }

    fn is_out(&self) -> bool {
        self.count() & 1 == 1
    }

    /// The ticket, as its owner sees it. It took no time if it was issued after the time was read: that is done without
    /// the lock, since the clock is the program's.
    #[expect(clippy::cast_possible_truncation, reason = "only differences are used, which are small")]
    fn read(&self, now_ms: u64) -> Redeemed {
        let flags = self.flags.load(Relaxed);
        Redeemed {
            is_for_pool: flags & FOR_POOL != 0,
            is_late: flags & LATE != 0,
            took_ms: Millis(now_ms as usize).since(Millis(self.since.load(Relaxed))) as u64,
        }
    }
}

impl Tickets {
    pub(super) const fn new() -> Self {
        Self { pool: 0, failure: Mutex::new(Failure { code: 0, text: [0; _] }) }
    }

    /// Gives the pool a number of its own, as far as there are so many.
    pub(super) fn begin(&mut self) {
        static POOLS: AtomicUsize = AtomicUsize::new(0);
        self.pool = POOLS.fetch_add(1, Relaxed) as u64 & ((1 << POOL_BITS) - 1);
    }

    fn lock(&self) -> MutexGuard<'_, Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A ticket for a slot, which is the ticket's from then on.
    #[expect(clippy::cast_possible_truncation, reason = "only differences are used, which are small")]
    pub(super) fn issue(&self, slot: SlotToken, record: &TicketRecord, is_for_pool: bool, now_ms: u64) -> u64 {
        let _locked = self.lock();
        let slot = slot.into_raw();
        debug_assert!(!record.is_out(), "a slot has one ticket");
        record.since.store(now_ms as usize, Relaxed);
        record.flags.store(if is_for_pool { FOR_POOL } else { 0 }, Relaxed);
        let count = record.count().wrapping_add(1);
        record.count.store(count as usize, Relaxed);
        self.pool << (SLOT_BITS + COUNT_BITS) | (slot as u64) << COUNT_BITS | u64::from(count)
    }

    /// Takes a ticket that is out: the slot is the caller's from then on. A ticket that is not is refused, and nothing
    /// is changed.
    #[expect(clippy::cast_possible_truncation, reason = "parts of the ticket")]
    pub(super) fn redeem<'r>(
        &self,
        ticket: u64,
        record: impl FnOnce(usize) -> Option<&'r TicketRecord>,
        now_ms: u64,
    ) -> Answer<(SlotToken, Redeemed)> {
        if ticket == 0 {
            return Err(CONN_POOL_NOT_HELD);
        }
        if ticket >> (SLOT_BITS + COUNT_BITS) != self.pool {
            return Err(CONN_POOL_WRONG_POOL);
        }
        let (slot, count) = ((ticket >> COUNT_BITS) as usize & ((1 << SLOT_BITS) - 1), ticket as u32);
        let record = record(slot).filter(|_| count & 1 == 1).ok_or(CONN_POOL_FORGED)?;
        let _locked = self.lock();
        match record.count().wrapping_sub(count) {
            0 => {
                record.count.store(count.wrapping_add(1) as usize, Relaxed);
                // SAFETY: the ticket owned the slot, and is not out any more (I1, I2).
                Ok((unsafe { SlotToken::from_raw(slot) }, record.read(now_ms)))
            }
            1 => Err(CONN_POOL_NOT_HELD),
            // An earlier one: half of all numbers lie in the past.
            2..=0x7fff_ffff => Err(CONN_POOL_STALE),
            _ => Err(CONN_POOL_FORGED),
        }
    }

    /// The slot's ticket, if it is out for longer than `limit_ms`: once. It stays out, and is not redeemed before
    /// `give_up` has returned.
    pub(super) fn become_late<T>(
        &self,
        record: &TicketRecord,
        now_ms: u64,
        limit_ms: u64,
        give_up: impl FnOnce(&mut Failure) -> T,
    ) -> Option<(Redeemed, T)> {
        let mut failure = self.lock();
        let ticket = record.read(now_ms);
        if !record.is_out() || ticket.is_late || ticket.took_ms < limit_ms {
            return None;
        }
        record.flags.store(record.flags.load(Relaxed) | LATE, Relaxed);
        Some((ticket, give_up(&mut failure)))
    }

    pub(super) fn note_failure(&self, failure: Failure) {
        *self.lock() = failure;
    }

    pub(super) fn failure(&self) -> Failure {
        *self.lock()
    }
}
