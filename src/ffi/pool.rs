// knows: annotations, callbacks, config, counters, lease_record, platform, stamp, status, tickets, upkeep, engine,
// managed, slot, sync · must not know: leases, what callbacks do
//! The pool for C: one block of memory, with the slots behind the header.

use core::ffi::{c_char, c_void};
use core::mem::offset_of;
use core::ptr::{self, NonNull};
use core::slice;
use core::time::Duration;

use super::annotations;
use super::callbacks::{Callbacks, Resource};
use super::config::{CONN_POOL_MAX_NAME, conn_pool_config};
use super::counters::Counters;
use super::lease_record::LeaseRecord;
use super::platform::{self, present_stamp};
use super::stamp::is_stamp;
use super::status::Answer;
use super::status::conn_pool_status::{
    self, CONN_POOL_FORKED, CONN_POOL_INVALID_ARGUMENT, CONN_POOL_MISALIGNED, CONN_POOL_STORAGE_TOO_SMALL,
};
use super::tickets::{TicketRecord, Tickets};
use super::upkeep::Upkeep;
use crate::engine::{Engine, EngineState, Layout, SlotToken, SlowPath, VacateReason};
use crate::managed::{
    ConnRecord, LoanRecord, ManagedParts, Millis, ON_LEND, ON_RETURN, SELF_TIMED, Shared, TimeRecorders, discard,
    reason_of,
};
use crate::slot::{PoolParts, Releases, Slot, release, slow_path, storage, waiting_path};
use crate::sync::{AtomicUsize, Relaxed};

/// Bytes of storage for a pool without its slots: see `CONN_POOL_STORAGE_SIZE`.
pub const CONN_POOL_STORAGE_BASE: usize = 3072;
/// Bytes of storage for each slot, with room for what later versions may keep there.
pub const CONN_POOL_STORAGE_PER_SLOT: usize = 160;
/// The same for the library without threads (`CONN_POOL_BARE`), in words of the target: `sizeof(void *)`. There is no
/// room for later versions, since the archive is linked with the program.
pub const CONN_POOL_STORAGE_WORDS_BARE: usize = 216;
/// The same on targets of 64 bits, where numbers take fewer words.
pub const CONN_POOL_STORAGE_WORDS_BARE_64: usize = 165;
/// The same of each slot.
pub const CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE: usize = 12;

const _: () = assert!(size_of::<conn_pool>() <= CONN_POOL_STORAGE_BASE);
const _: () = assert!(size_of::<Slot<Resource, SlotExtra>>() <= CONN_POOL_STORAGE_PER_SLOT);
// That it is not much more than is needed either is for the C programs to check: a later compiler may need less.
#[cfg(not(feature = "std"))]
const _: () = assert!(
    size_of::<conn_pool>()
        <= size_of::<usize>()
            * if usize::BITS < 64 { CONN_POOL_STORAGE_WORDS_BARE } else { CONN_POOL_STORAGE_WORDS_BARE_64 }
);
#[cfg(not(feature = "std"))]
const _: () =
    assert!(size_of::<Slot<Resource, SlotExtra>>() <= CONN_POOL_STORAGE_WORDS_PER_SLOT_BARE * size_of::<usize>());
// What the unions and arrays of C that hold a pool are aligned to.
const _: () = assert!(align_of::<conn_pool>() <= align_of::<u64>());
const _: () = assert!(align_of::<conn_pool>() >= align_of::<Slot<Resource, SlotExtra>>());

/// What a pool for C keeps for each slot, beside the resource.
///
/// Valid from the beginning, also while the slot is vacant, because a damaged lease may name any slot.
pub(crate) struct SlotExtra {
    /// Odd while a lease of the slot is held. Only the slot's owner writes it; any thread may read it.
    generation: AtomicUsize,
    record: ConnRecord,
    lease: LeaseRecord,
    ticket: TicketRecord,
}

impl SlotExtra {
    #[inline(always)]
    pub(super) const fn generation(&self) -> &AtomicUsize {
        &self.generation
    }
}

/// A pool of resources. Opaque; made by `conn_pool_create` or `conn_pool_init`.
pub struct conn_pool {
    /// Marks the memory as a pool of a certain process: see `present_stamp`. 0 once it is destroyed.
    stamp: AtomicUsize,
    slots: NonNull<Slot<Resource, SlotExtra>>,
    capacity: usize,
    layout: Layout,
    /// The stamp, as long as a lease begins without a callback, a clock or the home of its thread; else 0. So one
    /// comparison tells that all is as usual.
    begins_at_once: AtomicUsize,
    /// The stamp, if a lease ends without a callback and without a look at the resource's record; else 0.
    ends_at_once: AtomicUsize,
    /// Not 0 once threads have met here: from then on each looks for a slot from a home of its own.
    ///
    /// A whole word, because the compiler moves smaller fields to the end, beside the first slot: see the assertion
    /// below.
    has_homes: AtomicUsize,
    engine: EngineState,
    shared: Shared,
    manager: Callbacks,
    counters: Counters,
    upkeep: Upkeep,
    tickets: Tickets,
    name: [c_char; CONN_POOL_MAX_NAME as usize + 1],
    /// Whether the library has allocated the storage.
    on_heap: bool,
}

// What each caller reads is on another cache line than the first slot, which its owner writes; where there may be
// caches.
const _: () = assert!(usize::BITS < 64 || offset_of!(conn_pool, has_homes) + 64 <= size_of::<conn_pool>());

// SAFETY: the slots are reached by the rules of I2, whose `Sync` asks for `Resource: Send`. The header tells the C
// program that any thread may call the callbacks with `user`.
unsafe impl Sync for conn_pool {}

impl conn_pool {
    /// The bytes that a pool of this capacity needs.
    pub(super) const fn storage_size(capacity: usize) -> usize {
        size_of::<Self>() + capacity * size_of::<Slot<Resource, SlotExtra>>()
    }

    /// What is copied to the place of a new pool, and filled in there: a pool that was made on the stack would take
    /// more of it than a small machine has.
    const fn without_slots() -> Self {
        Self {
            stamp: AtomicUsize::new(0),
            slots: NonNull::dangling(),
            capacity: 0,
            layout: Layout::new(0, storage::offsets::<Resource, SlotExtra>(0, 0)),
            begins_at_once: AtomicUsize::new(0),
            ends_at_once: AtomicUsize::new(0),
            has_homes: AtomicUsize::new(0),
            engine: EngineState::new(0),
            shared: conn_pool_config::without_limits(),
            manager: Callbacks(conn_pool_config::EMPTY),
            counters: Counters::new(),
            upkeep: Upkeep::new(),
            tickets: Tickets::new(),
            name: [0; CONN_POOL_MAX_NAME as usize + 1],
            on_heap: false,
        }
    }

    /// Makes a pool in `storage`.
    ///
    /// # Safety
    ///
    /// `storage` may be written for `size` bytes, and belongs to the pool until it is destroyed or abandoned. The
    /// configuration's name is NULL or a string.
    pub(super) unsafe fn place(
        storage: *mut c_void,
        size: usize,
        config: &mut conn_pool_config,
        on_heap: bool,
    ) -> Answer<*mut Self> {
        let pool = storage.cast::<Self>();
        let capacity = config.capacity as usize;
        // Once it is known that no tool looks on, nothing more is told.
        config.note = config.note.filter(|_| annotations::are_wanted(config));
        if pool.is_null() {
            return Err(CONN_POOL_INVALID_ARGUMENT);
        }
        if !pool.is_aligned() {
            return Err(CONN_POOL_MISALIGNED);
        }
        if size < Self::storage_size(capacity) {
            return Err(CONN_POOL_STORAGE_TOO_SMALL);
        }
        // SAFETY: the caller promises `size` bytes, so the header is followed by room for the slots; its size is a
        // multiple of its alignment, which is at least the slots' (asserted above).
        let slots = unsafe { pool.add(1) }.cast::<Slot<Resource, SlotExtra>>();
        for slot in 0..capacity {
            let empty = Slot::vacant(SlotExtra {
                generation: AtomicUsize::new(0),
                record: ConnRecord::new(),
                lease: LeaseRecord::new(),
                ticket: TicketRecord::new(),
            });
            // SAFETY: within the storage, as above; no other thread knows of it yet.
            unsafe { slots.wrapping_add(slot).write(empty) };
        }
        annotations::own(config, storage, Self::storage_size(capacity));
        // SAFETY: within the storage that the caller promises, whose size and alignment were checked.
        unsafe { pool.write(const { Self::without_slots() }) };
        // SAFETY: just written (I10), and no other thread knows of it yet.
        let new = unsafe { &mut *pool };
        // SAFETY: behind the header in one block that the caller promises, so it is not null.
        new.slots = unsafe { NonNull::new_unchecked(slots) };
        new.capacity = capacity;
        new.layout =
            Layout::new(capacity, storage::offsets::<Resource, SlotExtra>(offset_of!(Self, engine), size_of::<Self>()));
        new.engine.set_fairness(config.fairness());
        if config.connects() {
            new.engine.connects_mut().set_max_connecting(config.max_connecting());
            new.engine.connects_mut().spare_callbacks();
        }
        config.set_limits(&mut new.shared);
        // SAFETY: the name is NULL or a string, as the caller promises.
        unsafe { config.copy_name(&mut new.name) };
        config.name = ptr::null();
        new.tickets.begin();
        new.manager = Callbacks(*config);
        new.on_heap = on_heap;
        let stamp = present_stamp();
        let stamp_unless = |flags| if new.shared.has(flags) { 0 } else { stamp };
        new.stamp.store(stamp, Relaxed);
        new.begins_at_once.store(stamp_unless(!ON_RETURN), Relaxed);
        new.ends_at_once.store(stamp_unless(ON_RETURN | SELF_TIMED), Relaxed);
        // SAFETY: just written, and shared from here on (I10).
        let own = unsafe { &*pool };
        for slot in 0..capacity {
            // SAFETY: no other thread knows of the pool yet, so all slots are this function's (I2).
            let slot = unsafe { SlotToken::from_raw(slot) };
            // SAFETY: the slot is this function's (I2), and vacant (I3).
            unsafe { storage::cell(own.slots(), &slot).write(Resource(ptr::null_mut())) };
        }
        if config.max_size() < capacity {
            // SAFETY: it is this pool's slow path (I11).
            drop(unsafe { own.engine().resize(config.max_size(), slow_path::<Self>()) });
        }
        Ok(pool)
    }

    /// The pool that a caller passes.
    ///
    /// # Safety
    ///
    /// `pool` is NULL or points to a pool, or to the storage of one that was destroyed.
    #[inline(always)]
    pub(super) unsafe fn of<'a>(pool: *const Self) -> Answer<&'a Self> {
        // SAFETY: as the caller promises.
        match unsafe { pool.as_ref() } {
            Some(own) if own.is_present() => Ok(own),
            other => Err(absent(other)),
        }
    }

    /// As [`of`](Self::of), in a fork's child too.
    ///
    /// # Safety
    ///
    /// As for [`of`](Self::of).
    pub(super) unsafe fn of_any_process<'a>(pool: *const Self) -> Answer<&'a Self> {
        // SAFETY: as the caller promises.
        match unsafe { pool.as_ref() } {
            Some(own) if is_stamp(own.stamp.load(Relaxed)) => Ok(own),
            _ => Err(CONN_POOL_INVALID_ARGUMENT),
        }
    }

    /// Whether it is a pool of this process, and is not destroyed.
    #[inline(always)]
    pub(super) fn is_present(&self) -> bool {
        self.stamp.load(Relaxed) == present_stamp()
    }

    /// Whether it is present, and a lease begins without a callback, a clock or the home of its thread.
    #[inline(always)]
    pub(super) fn begins_at_once(&self) -> bool {
        self.begins_at_once.load(Relaxed) == present_stamp()
    }

    /// Whether it is present, and a lease ends without a callback and without a look at the resource's record.
    #[inline(always)]
    pub(super) fn ends_at_once(&self) -> bool {
        self.ends_at_once.load(Relaxed) == present_stamp()
    }

    /// Drops the locks, which may be resources of the system. Not for the child of a fork, where a lock may be locked
    /// for ever.
    ///
    /// # Safety
    ///
    /// It is a pool, which is not used again and is ended next.
    pub(super) unsafe fn release_locks(pool: *mut Self) {
        // SAFETY: a field of a pool, as the caller promises.
        let engine = unsafe { &raw mut (*pool).engine };
        // SAFETY: initialised (I10), and not used again, as the caller promises.
        unsafe { engine.drop_in_place() };
        // SAFETY: as above.
        let shared = unsafe { &raw mut (*pool).shared };
        // SAFETY: as above.
        unsafe { shared.drop_in_place() };
        // SAFETY: as above.
        let upkeep = unsafe { &raw mut (*pool).upkeep };
        // SAFETY: as above.
        unsafe { upkeep.drop_in_place() };
        // SAFETY: as above.
        let tickets = unsafe { &raw mut (*pool).tickets };
        // SAFETY: as above.
        unsafe { tickets.drop_in_place() };
    }

    /// Ends the pool, and frees its storage unless that is the caller's.
    ///
    /// # Safety
    ///
    /// It is a pool, which is not used again.
    pub(super) unsafe fn end(pool: *mut Self) {
        // SAFETY: as the caller promises.
        let own = unsafe { &*pool };
        for stamp in [&own.stamp, &own.begins_at_once, &own.ends_at_once] {
            stamp.store(0, Relaxed);
        }
        if own.on_heap {
            let size = Self::storage_size(own.capacity);
            // SAFETY: on the heap, so it was allocated in this size; and it is not used again, as the caller promises.
            unsafe { platform::free(pool.cast(), size, align_of::<Self>()) };
        }
    }

    #[inline(always)]
    pub(super) fn generation(&self, slot: usize) -> &AtomicUsize {
        &storage::extra(self.slots(), slot).generation
    }

    /// Who holds the slot, if the pool records that.
    #[inline(always)]
    pub(super) fn lease_record(&self, slot: usize) -> &LeaseRecord {
        &storage::extra(self.slots(), slot).lease
    }

    /// The ticket for a connect in the slot.
    #[cfg_attr(not(feature = "std"), expect(dead_code, reason = "no pool asks for its connects there"))]
    pub(super) fn ticket_record(&self, slot: usize) -> &TicketRecord {
        &storage::extra(self.slots(), slot).ticket
    }

    #[cfg_attr(not(feature = "std"), expect(dead_code, reason = "no pool asks for its connects there"))]
    pub(super) const fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    #[expect(clippy::cast_possible_truncation, reason = "half a billion years fit")]
    pub(super) fn now_ms(&self) -> u64 {
        self.config().now().as_millis() as u64
    }

    /// From now on each acquire and release looks at the record of its resource.
    pub(super) fn watch_records(&self) {
        self.shared.set(ON_LEND);
        for stamp in [&self.begins_at_once, &self.ends_at_once] {
            stamp.store(0, Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn has_homes(&self) -> bool {
        // Relaxed: a thread that sees the change late looks at the first word once more.
        self.has_homes.load(Relaxed) != 0
    }

    /// From now on each thread looks for a slot from a home of its own, if there is more than one home.
    #[inline(always)]
    pub(super) fn use_homes(&self) {
        // Written once only: every caller reads this cache line.
        if !self.has_homes() && !self.engine().has_one_word() {
            self.has_homes.store(1, Relaxed);
            self.begins_at_once.store(0, Relaxed);
        }
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline(always)]
    pub(super) const fn config(&self) -> &conn_pool_config {
        &self.manager.0
    }

    pub(super) const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) const fn upkeep(&self) -> &Upkeep {
        &self.upkeep
    }

    pub(super) const fn name(&self) -> *const c_char {
        self.name.as_ptr()
    }
}

#[cold]
fn absent(pool: Option<&conn_pool>) -> conn_pool_status {
    match pool {
        Some(pool) if is_stamp(pool.stamp.load(Relaxed)) => CONN_POOL_FORKED,
        _ => CONN_POOL_INVALID_ARGUMENT,
    }
}

impl Releases for conn_pool {
    fn release(&self, slot: SlotToken) {
        release(self, slot);
    }
}

impl PoolParts for conn_pool {
    type Connection = Resource;
    type Extra = SlotExtra;
    type Shown = ();

    #[inline(always)]
    fn engine(&self) -> Engine<'_> {
        // SAFETY: the slots lie behind the header in one block (I10).
        let pool = unsafe { self.slots.byte_sub(size_of::<Self>()) };
        // SAFETY: the layout says where the engine and the slots lie in this pool, which is shared for the borrow (I5).
        unsafe { Engine::new(pool.cast(), &self.layout) }
    }

    #[inline(always)]
    fn slots(&self) -> &[Slot<Resource, SlotExtra>] {
        // SAFETY: `capacity` slots, behind the header and for as long as it (I10).
        unsafe { slice::from_raw_parts(self.slots.as_ptr(), self.capacity) }
    }

    fn waiting_path(&self) -> &'static SlowPath {
        waiting_path::<Self>()
    }

    fn dispose(&self, slot: SlotToken, why: VacateReason) {
        discard(self, slot, reason_of(why));
    }
}

impl ManagedParts for conn_pool {
    type Manager = Callbacks;

    #[inline(always)]
    fn manager(&self) -> &Callbacks {
        &self.manager
    }

    #[inline(always)]
    fn shared(&self) -> &Shared {
        &self.shared
    }

    #[inline(always)]
    fn record(&self, slot: usize) -> &ConnRecord {
        &storage::extra(self.slots(), slot).record
    }

    #[inline(always)]
    fn loan_record(&self, _: usize) -> Option<&LoanRecord> {
        None
    }

    fn times(&self) -> Option<&TimeRecorders> {
        None
    }

    // A C program gets a number.
    fn tells_errors(&self) -> bool {
        false
    }

    fn now(&self) -> Duration {
        self.config().now()
    }

    fn coarse(&self) -> Millis {
        Millis::at(self.config().now())
    }
}
