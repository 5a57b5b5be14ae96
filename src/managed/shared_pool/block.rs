// knows: clock, config, loan, manager, meeting, operations, parts, record, shared, shared_error, slots, spawner, times,
// told, engine, slot, sync · must not know: who acquires
//! The memory of a shared pool: one block, with the slots behind the header, and who keeps it.

use core::hint::assert_unchecked;
use core::mem::{ManuallyDrop, forget, offset_of, replace};
use core::ops::Deref;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};
use core::time::Duration;
use std::alloc::{Layout as Memory, alloc, dealloc, handle_alloc_error};

use super::spawner::Spawner;
use crate::engine::{Engine, EngineState, Layout, Offsets, SlotToken, SlowPath, VacateReason, Waiter, WaiterKind};
use crate::managed::clock::{Clock, Millis, SystemClock};
use crate::managed::config::Config;
use crate::managed::loan::release::reason_of;
use crate::managed::loan::release_last::release_last;
use crate::managed::loan::tokens::discard;
use crate::managed::manager::Lifecycle;
use crate::managed::meeting::Meeting;
use crate::managed::operations;
use crate::managed::parts::ManagedParts;
use crate::managed::record::{ConnRecord, LoanRecord};
use crate::managed::shared::Shared;
use crate::managed::shared_error::SharedError;
use crate::managed::slots::{SlotExtra, engine};
use crate::managed::times::TimeRecorders;
use crate::managed::told::BoxError;
use crate::slot::{Handle, PoolParts, Releases, Slot, storage, waiting_path};
use crate::sync::{AtomicUsize, Relaxed, ord, run_to_end};

type SlotOf<M> = Slot<<M as Lifecycle>::Connection, SlotExtra>;

/// How the pool is maintained.
pub(super) struct Upkeep<M: Lifecycle> {
    /// Begins maintenance, if there is none; `false` if that cannot be.
    pub(super) begin: fn(&BlockRef<M>) -> bool,
    /// `None`: it is maintained by threads.
    pub(super) spawner: Option<Spawner>,
}

/// The head of the block.
pub(crate) struct Block<M: Lifecycle> {
    whole: Whole,
    layout: Layout,
    /// How many own the memory: all handles together count as one (I12).
    owners: AtomicUsize,
    /// How many handles there are.
    pub(super) handles: AtomicUsize,
    engine: EngineState,
    shared: Shared,
    times: TimeRecorders,
    upkeep: Upkeep<M>,
    /// Makes the manager's error one that all callers can have.
    boxed: fn(M::Error) -> BoxError,
    /// Waits, once there is no handle any more, for the last connection in use.
    end: Waiter,
    manager: M,
    /// Behind the header, which is aligned as they are.
    slots: [SlotOf<M>; 0],
}

/// The block that it lies in: a pointer that is good for all of it.
struct Whole(NonNull<()>);

// SAFETY: it is followed by those who have a `Block`, which says what may be sent and shared (I12).
unsafe impl Send for Whole {}
// SAFETY: as for `Send`.
unsafe impl Sync for Whole {}

impl<M: Lifecycle> Block<M> {
    /// Where its parts lie, which the compiler knows. The slots begin where the header ends, which is aligned as they
    /// are.
    const OFFSETS: Offsets = storage::offsets::<M::Connection, SlotExtra>(offset_of!(Self, engine), size_of::<Self>());

    fn memory(capacity: usize) -> (Memory, usize) {
        let layout = Memory::array::<SlotOf<M>>(capacity).and_then(|slots| Memory::new::<Self>().extend(slots));
        // At most 4096 slots: see `build`.
        let (layout, first) = layout.unwrap_or_else(|_| handle_alloc_error(Memory::new::<Self>()));
        (layout.pad_to_align(), first)
    }

    /// A pool of so many slots, whose configuration was checked.
    pub(super) fn allocate(
        manager: M,
        config: Config,
        capacity: usize,
        upkeep: Upkeep<M>,
        boxed: fn(M::Error) -> BoxError,
    ) -> BlockRef<M> {
        let (memory, first) = Self::memory(capacity);
        // SAFETY: a call of the allocator's: the header alone has a size.
        let start = unsafe { alloc(memory) };
        let Some(block) = NonNull::new(start.cast::<Self>()) else { handle_alloc_error(memory) };
        let header = Self {
            whole: Whole(block.cast()),
            layout: Layout::new(capacity, Self::OFFSETS),
            owners: AtomicUsize::new(1),
            handles: AtomicUsize::new(1),
            engine: engine(&config, capacity),
            shared: Shared::new(config),
            times: TimeRecorders::new(),
            upkeep,
            boxed,
            end: Waiter::new(WaiterKind::Drainer),
            manager,
            slots: [],
        };
        // SAFETY: the block was allocated in this layout, and nobody else knows of it yet (I12).
        unsafe { block.write(header) };
        // SAFETY: within the block, as above.
        let slots = unsafe { block.byte_add(first) }.cast::<SlotOf<M>>();
        for slot in 0..capacity {
            let fresh = || SlotExtra::new();
            let made = if slot < config.size(capacity) { Slot::vacant(fresh()) } else { Slot::retired(fresh()) };
            // SAFETY: within the block, as above: it has room for so many slots behind the header.
            let place = unsafe { slots.add(slot) };
            // SAFETY: as above.
            unsafe { place.write(made) };
        }
        BlockRef(block)
    }

    fn start(&self) -> NonNull<Self> {
        self.whole.0.cast()
    }

    /// Has the pool maintained, if it is not; `false` if that cannot be.
    pub(super) fn begin_upkeep(&self) -> bool {
        (self.upkeep.begin)(&BlockRef::of(self))
    }

    pub(super) const fn spawner(&self) -> Option<&Spawner> {
        self.upkeep.spawner.as_ref()
    }

    pub(super) const fn time_recorders(&self) -> &TimeRecorders {
        &self.times
    }

    #[cfg(all(test, conn_pool_loom))]
    pub(crate) const fn own_manager(&self) -> &M {
        &self.manager
    }

    fn capacity(&self) -> usize {
        self.engine().states().len()
    }

    /// The last handle is gone: closes the pool, and leaves the memory to whoever is the last to use it.
    ///
    /// Guards do not count: as long as a connection is in use the pool is not drained, and until then the handles'
    /// share of the memory is kept by the waker of one that waits for that.
    pub(super) fn end(share: BlockRef<M>) {
        if share.shared.is_forked() {
            // The copy in a fork's child: a lock may be locked for ever. Its memory is lost.
            return forget(share);
        }
        let (own, mut share, mut is_closed) = (share.clone(), Some(share), false);
        // The share is left to the waker also if the close panics: a guard may be out, which is no owner.
        run_to_end(|| {
            if !replace(&mut is_closed, true) {
                operations::close(&*own);
                return true;
            }
            if let Some(share) = share.take() {
                own.leave_to_last(share);
            }
            false
        });
    }

    /// Leaves the handles' share to whoever brings back the last connection; it ends here if none is in use.
    fn leave_to_last(&self, share: BlockRef<M>) {
        // SAFETY: the block is not moved, nor freed while the waiter is queued: its waker is an owner (I4, I12).
        let waiter = unsafe { Pin::new_unchecked(&self.end) };
        // SAFETY: it is in no queue, since there is one last handle; it is pinned and alive while it is queued (I4,
        // I12).
        let _is_drained = unsafe { self.engine().join_drainers(waiter, share.into_waker()) };
    }

    /// # Safety
    ///
    /// No reference to the block is left, and it is not used again.
    unsafe fn free(block: NonNull<Self>) {
        // SAFETY: initialised (I12), and the caller's alone, as the caller promises.
        let own = unsafe { block.as_ref() };
        let capacity = own.capacity();
        let (memory, first) = Self::memory(capacity);
        // SAFETY: within the block, whose layout never changes (I12).
        let first = unsafe { block.byte_add(first) }.cast::<SlotOf<M>>();
        let mut slots = NonNull::slice_from_raw_parts(first, capacity);
        let mut steps = 0..4;
        // Each is taken also if the manager panics in one before it.
        run_to_end(|| {
            let step = steps.next();
            match step {
                Some(0) => {
                    // SAFETY: initialised (I12), and the caller's alone, as the caller promises.
                    let all = unsafe { slots.as_mut() };
                    operations::drop_all(&own.manager, &own.shared, all);
                }
                // SAFETY: as above; it is not used again, as the caller promises.
                Some(1) => unsafe { slots.drop_in_place() },
                // SAFETY: as above.
                Some(2) => unsafe { block.drop_in_place() },
                // SAFETY: a call of the allocator's, with the layout in which the block was allocated.
                Some(_) => unsafe { dealloc(block.as_ptr().cast(), memory) },
                None => {}
            }
            step.is_some()
        });
    }
}

#[cold]
#[inline(never)]
fn ensure_upkeep<M: Lifecycle>(block: &Block<M>) {
    let _cannot_be = block.ensure_connector();
}

/// One of the block's owners (I12): the handles together, or one who maintains the pool, or is about to release a slot.
pub(crate) struct BlockRef<M: Lifecycle>(NonNull<Block<M>>);

// SAFETY: a shared pointer to the block, which the last of the owners drops (I12).
unsafe impl<M: Lifecycle> Send for BlockRef<M> where Block<M>: Send + Sync {}
// SAFETY: as for `Send`.
unsafe impl<M: Lifecycle> Sync for BlockRef<M> where Block<M>: Send + Sync {}

impl<M: Lifecycle> BlockRef<M> {
    /// For one who knows that the pool is there.
    pub(super) fn of(block: &Block<M>) -> Self {
        // Relaxed: it is kept already. So many that they wrap do not fit into memory.
        block.owners.fetch_add(1, Relaxed);
        Self(block.start())
    }

    pub(super) fn into_block(self) -> NonNull<Block<M>> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    ///
    /// The block is that of one who was made a pointer, and is made one of this kind again once.
    pub(super) unsafe fn from_block(block: NonNull<Block<M>>) -> Self {
        Self(block)
    }

    const TABLE: RawWakerVTable = RawWakerVTable::new(Self::raw_clone, Self::raw_drop, |_| (), Self::raw_drop);

    /// A waker that keeps the memory until it is called or dropped.
    fn into_waker(self) -> Waker {
        let raw = RawWaker::new(self.into_block().as_ptr().cast_const().cast(), &Self::TABLE);
        // SAFETY: the functions of the table count one owner for each waker, from any thread (I12).
        unsafe { Waker::from_raw(raw) }
    }

    unsafe fn raw_clone(block: *const ()) -> RawWaker {
        // SAFETY: the pointer of a waker, which is an owner of the block during this call (I12).
        let own = unsafe { &*block.cast::<Block<M>>() };
        RawWaker::new(Self::of(own).into_block().as_ptr().cast_const().cast(), &Self::TABLE)
    }

    unsafe fn raw_drop(block: *const ()) {
        // SAFETY: the pointer of a waker, which was made of an owner, and is used no more (I12).
        drop(unsafe { NonNull::new(block.cast_mut().cast()).map(|block| Self::from_block(block)) });
    }
}

impl<M: Lifecycle> Clone for BlockRef<M> {
    fn clone(&self) -> Self {
        Self::of(self)
    }
}

impl<M: Lifecycle> Deref for BlockRef<M> {
    type Target = Block<M>;

    fn deref(&self) -> &Block<M> {
        // SAFETY: an owner of the block, which is shared (I12).
        unsafe { self.0.as_ref() }
    }
}

impl<M: Lifecycle> Drop for BlockRef<M> {
    fn drop(&mut self) {
        // O13: pairs with itself: what the others did with the pool comes before its end.
        if self.owners.fetch_sub(1, ord!(O13, AcqRel)) == 1 {
            // SAFETY: the last of the owners, so nobody has a reference (I12).
            unsafe { Block::free(self.0) };
        }
    }
}

/// A guard's reference to its pool: the slot in use keeps the memory, for as long as the guard has it.
pub(crate) struct InUse<M: Lifecycle>(NonNull<Block<M>>);

// SAFETY: a shared reference to the block (I12).
unsafe impl<M: Lifecycle> Send for InUse<M> where Block<M>: Sync {}
// SAFETY: as for `Send`.
unsafe impl<M: Lifecycle> Sync for InUse<M> where Block<M>: Sync {}

impl<M: Lifecycle> InUse<M> {
    #[inline(always)]
    pub(super) fn of(block: &Block<M>) -> Self {
        Self(block.start())
    }
}

impl<M: Lifecycle> Deref for InUse<M> {
    type Target = Block<M>;

    #[inline(always)]
    fn deref(&self) -> &Block<M> {
        // SAFETY: a connection of the pool is in use, so the pool is not drained, and the block has an owner (I12).
        unsafe { self.0.as_ref() }
    }
}

impl<M: Lifecycle> Handle for InUse<M> {}

impl<M: Lifecycle> Releases for Block<M> {
    #[inline(always)]
    fn release(&self, slot: SlotToken) {
        release_last(self, slot, || BlockRef::of(self));
    }
}

impl<M: Lifecycle> PoolParts for Block<M> {
    type Connection = M::Connection;
    type Extra = SlotExtra;
    type Shown = ();

    #[inline(always)]
    fn counts_callers(&self) -> bool {
        true
    }

    #[inline(always)]
    fn engine(&self) -> Engine<'_> {
        let (offsets, known) = (self.layout.offsets(), Self::OFFSETS);
        let is_known = offsets.engine == known.engine && offsets.first == known.first && offsets.stride == known.stride;
        // SAFETY: the layout is made of them, and never changes (I12).
        unsafe { assert_unchecked(is_known) };
        // SAFETY: the layout says where the engine and the slots lie in the block, which is shared for the borrow (I5).
        unsafe { Engine::new(self.whole.0, &self.layout) }
    }

    #[inline(always)]
    fn slots(&self) -> &[SlotOf<M>] {
        debug_assert!(self.slots.is_empty());
        // SAFETY: the slots begin where the header ends, which is aligned as they are (I12).
        let first = unsafe { self.start().add(1) }.cast::<SlotOf<M>>();
        // SAFETY: so many were written there, and they are shared (I12).
        unsafe { NonNull::slice_from_raw_parts(first, self.capacity()).as_ref() }
    }

    fn waiting_path(&self) -> &'static SlowPath {
        waiting_path::<Self>()
    }

    fn dispose(&self, slot: SlotToken, why: VacateReason) {
        discard(self, slot, reason_of(why));
    }
}

impl<M: Lifecycle> ManagedParts for Block<M> {
    type Manager = M;

    #[inline(always)]
    fn manager(&self) -> &M {
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
    fn loan_record(&self, slot: usize) -> Option<&LoanRecord> {
        Some(&storage::extra(self.slots(), slot).loan_record)
    }

    fn meeting(&self, slot: usize) -> Option<&Meeting> {
        Some(&storage::extra(self.slots(), slot).meeting)
    }

    fn times(&self) -> Option<&TimeRecorders> {
        Some(&self.times)
    }

    #[inline(always)]
    fn ensure_maintained(&self) {
        if self.shared.flags() != 0 {
            ensure_upkeep(self);
        }
    }

    fn ensure_connector(&self) -> bool {
        self.engine().has_connector() || !self.engine().is_closed() && self.begin_upkeep()
    }

    fn why_unattended(&self) -> SharedError {
        SharedError::of(self.spawner().map_or("the threads that maintain the pool have ended", Spawner::why_not))
    }

    fn keep_error(&self, told: &SharedError, error: M::Error) -> Result<(), M::Error> {
        told.keep((self.boxed)(error));
        Ok(())
    }

    fn note_room(&self) {
        if self.shared.settings().min_idle() > 0 {
            self.shared.wake();
        }
    }

    fn now(&self) -> Duration {
        SystemClock.now()
    }

    fn coarse(&self) -> Millis {
        Millis::at(SystemClock.coarse())
    }

    fn suspended(&self) -> Duration {
        SystemClock.suspended()
    }
}
