// knows: pool, engine, fairness, slot, sync · must not know: how a caller waits
//! How a pool comes into being: empty or full, as a value, in a constant, or in the memory that it will stay in.

use core::mem::{ManuallyDrop, MaybeUninit, forget};
use core::ptr;

use super::pool::Pool;
use crate::engine::{EngineState, MAX_SLOTS, SlotState};
use crate::fairness::Fairness;
use crate::slot::Slot;
#[cfg(not(feature = "managed"))]
use crate::slot::slow_path;
use crate::sync::const_fn;

/// Building.
///
/// `new`, `from_array` and `from_fn` return the pool, so they move it: fine for a `static`, where that happens in the
/// compiler, and for small pools. Where `N` connections may not fit on the stack, [`new_boxed`](Self::new_boxed) and
/// [`new_arc`](Self::new_arc) make each of them in its place, and [`init`](Self::init) makes an empty pool in place.
impl<C, const N: usize> Pool<C, N> {
    const_fn! {
        /// A pool of `N` vacant slots, to be filled with [`insert`](Self::insert). Usable in a `static`.
        ///
        /// # Examples
        ///
        /// ```
        /// let pool: conn_pool::Pool<&str, 2> = conn_pool::Pool::new();
        /// assert_eq!(pool.status().vacant, 2);
        /// ```
        #[must_use]
        pub const fn new() -> Self {
            let () = Self::FITS;
            let mut pool = MaybeUninit::uninit();
            Self::init(&mut pool);
            // SAFETY: it is written whole (I3), and never used or dropped again.
            unsafe { moved_out_of(&pool) }
        }
    }

    const_fn! {
        /// A pool of these connections: as `Pool::from`, and usable in a `static`.
        ///
        /// # Examples
        ///
        /// ```
        /// use conn_pool::Pool;
        ///
        /// static BUFFERS: Pool<[u8; 1024], 4> = Pool::from_array([[0; 1024]; 4]);
        ///
        /// let mut buffer = BUFFERS.try_get()?;
        /// buffer[0] = 1;
        /// # Ok::<(), conn_pool::PoolError>(())
        /// ```
        #[must_use]
        pub const fn from_array(connections: [C; N]) -> Self {
            let () = Self::FITS;
            let connections = ManuallyDrop::new(connections);
            let mut pool = MaybeUninit::uninit();
            let mut number = 0;
            // A constant has no iterators.
            while number < N {
                // SAFETY: one of the N connections (I5).
                let connection = unsafe { (&raw const connections).cast::<C>().add(number) };
                let cell = cell_of(&mut pool, number);
                // SAFETY: each is moved once, and never used or dropped again where it was; the cell is that of a place
                // which is the caller's own (I2).
                unsafe { ptr::copy_nonoverlapping(connection, cell, 1) };
                number += 1;
            }
            Self::init_around_connections(&mut pool);
            // SAFETY: it is written whole (I3), and never used or dropped again.
            unsafe { moved_out_of(&pool) }
        }
    }

    /// A pool with a connection in every slot, made by calling `connect` with 0 to `N - 1`.
    ///
    /// # Panics
    ///
    /// If `connect` does; the connections made until then are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = conn_pool::Pool::<_, 3>::from_fn(|number| format!("connection {number}"));
    /// assert_eq!(pool.status().idle, 3);
    /// ```
    pub fn from_fn(connect: impl FnMut(usize) -> C) -> Self {
        let () = Self::FITS;
        let mut pool = MaybeUninit::uninit();
        Self::init_full(&mut pool, connect);
        // SAFETY: it is written whole (I3), and never used or dropped again.
        unsafe { moved_out_of(&pool) }
    }

    const_fn! {
        /// Makes a pool of `N` vacant slots in place. Only what the pool records is written, not the cells of the
        /// connections, so this takes little time however large these are. To be filled with
        /// [`insert_with`](Self::insert_with), for instance.
        ///
        /// As with [`MaybeUninit::write`], the pool is not dropped with the place that it is in.
        ///
        /// # Examples
        ///
        /// ```
        /// use conn_pool::Pool;
        ///
        /// let mut place = Box::new_uninit();
        /// let pool: &mut Pool<[u8; 65536], 256> = Pool::init(&mut place);
        /// pool.insert_with(|| [0; 65536])?;
        /// assert_eq!(pool.status().vacant, 255);
        /// # Ok::<(), conn_pool::VacancyError>(())
        /// ```
        pub const fn init(this: &mut MaybeUninit<Self>) -> &mut Self {
            let () = Self::FITS;
            let mut number = 0;
            while number < N {
                // SAFETY: a slot of the place, which is borrowed exclusively (I2).
                unsafe { Slot::init_around(slot_of(this, number), SlotState::vacant(), ()) };
                number += 1;
            }
            // SAFETY: within the place, which is borrowed exclusively (I2).
            unsafe { engine_of(this).write(EngineState::new(0)) };
            // SAFETY: the engine and the states are written, and the cell of a vacant slot need not be (I3).
            unsafe { this.assume_init_mut() }
        }
    }

    /// Makes a full pool in place, and each connection in its cell. If `connect` panics there is no pool, and what was
    /// made is dropped.
    pub(super) fn init_full(this: &mut MaybeUninit<Self>, mut connect: impl FnMut(usize) -> C) {
        let mut made = Made { place: this, count: 0 };
        while made.count < N {
            let cell = cell_of(made.place, made.count);
            // SAFETY: a cell of the place, which is borrowed exclusively (I2) and has no connection yet (I3).
            unsafe { cell.write(connect(made.count)) };
            made.count += 1;
        }
        // The connections stay.
        forget(made);
        Self::init_around_connections(this);
    }

    const_fn! {
        /// Writes all of a full pool but the connections.
        const fn init_around_connections(this: &mut MaybeUninit<Self>) {
            let mut number = 0;
            while number < N {
                let state = SlotState::filled(&Self::LAYOUT, number);
                // SAFETY: a slot of the place, which is borrowed exclusively (I2).
                unsafe { Slot::init_around(slot_of(this, number), state, ()) };
                number += 1;
            }
            // SAFETY: within the place, which is borrowed exclusively (I2).
            unsafe { engine_of(this).write(EngineState::full(N)) };
        }
    }

    /// `N` is not too large. Each constructor that a user calls looks at it, so that the compiler names that call.
    pub(super) const FITS: () = assert!(N <= MAX_SLOTS, "a conn_pool::Pool has at most 4096 slots: choose a smaller N");

    /// The same pool with another policy for its waiters.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Fairness, Pool};
    ///
    /// let pool = Pool::from([1, 2]).with_fairness(Fairness::Bounded(16));
    /// # assert_eq!(pool.fairness(), Fairness::Bounded(16));
    /// ```
    #[must_use]
    pub const fn with_fairness(mut self, fairness: Fairness) -> Self {
        self.set_fairness(fairness);
        self
    }

    /// Sets another policy for its waiters, in a pool that cannot be moved: one that was made in place.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Fairness, Pool};
    ///
    /// let mut pool = Pool::<_, 2>::new_boxed(|number| number);
    /// pool.set_fairness(Fairness::Bounded(16));
    /// # assert_eq!(pool.fairness(), Fairness::Bounded(16));
    /// ```
    pub const fn set_fairness(&mut self, fairness: Fairness) {
        self.engine.set_fairness(fairness);
        // Waiters may have to be woken then to compete.
        #[cfg(not(feature = "managed"))]
        if matches!(fairness, Fairness::Bounded(_)) {
            self.engine.settle_all_by(slow_path::<Self>());
        }
    }

    /// The same pool, which records how long each wait takes: see [`wait_times`](Self::wait_times). Without it no wait
    /// reads the clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::Pool;
    ///
    /// static POOL: Pool<u32, 4> = Pool::new().with_wait_times();
    /// assert_eq!(POOL.wait_times().count(), 0);
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub const fn with_wait_times(mut self) -> Self {
        self.engine.record_wait_times();
        self
    }

    /// The policy that the pool was built with.
    #[must_use]
    pub const fn fairness(&self) -> Fairness {
        self.engine.fairness()
    }
}

/// The connections made so far in the cells of a pool to be; dropped, they are too.
struct Made<'a, C, const N: usize> {
    place: &'a mut MaybeUninit<Pool<C, N>>,
    count: usize,
}

impl<C, const N: usize> Drop for Made<'_, C, N> {
    fn drop(&mut self) {
        for number in 0..self.count {
            // SAFETY: so many cells were written (I3), and this is all that knows of them (I2).
            unsafe { cell_of(self.place, number).drop_in_place() };
        }
    }
}

/// Where a slot of a pool to be lies.
const fn slot_of<C, const N: usize>(place: &mut MaybeUninit<Pool<C, N>>, number: usize) -> *mut Slot<C> {
    debug_assert!(number < N);
    // SAFETY: within the place; no reference is made of what is not initialised (I3).
    let slots = unsafe { &raw mut (*place.as_mut_ptr()).slots };
    // SAFETY: slot numbers are below N (I5).
    unsafe { slots.cast::<Slot<C>>().add(number) }
}

/// Where the engine of a pool to be lies.
const fn engine_of<C, const N: usize>(place: &mut MaybeUninit<Pool<C, N>>) -> *mut EngineState {
    // SAFETY: within the place; no reference is made of what is not initialised (I3).
    unsafe { &raw mut (*place.as_mut_ptr()).engine }
}

/// Where a connection of a pool to be lies.
const fn cell_of<C, const N: usize>(place: &mut MaybeUninit<Pool<C, N>>, number: usize) -> *mut C {
    // SAFETY: a slot of the place, which is borrowed exclusively (I2).
    unsafe { Slot::cell_in(slot_of(place, number)) }
}

/// As `assume_init`, which without optimisation moves the pool through three more places on the stack.
///
/// # Safety
///
/// The place is initialised, and not used again.
const unsafe fn moved_out_of<C, const N: usize>(place: &MaybeUninit<Pool<C, N>>) -> Pool<C, N> {
    // SAFETY: the caller promises both.
    unsafe { place.as_ptr().read() }
}

impl<C, const N: usize> Default for Pool<C, N> {
    /// [`Pool::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl<C, const N: usize> From<[C; N]> for Pool<C, N> {
    /// [`Pool::from_array`].
    fn from(connections: [C; N]) -> Self {
        let () = Self::FITS;
        Self::from_array(connections)
    }
}
