// knows: pool, engine, error, slot · must not know: how a caller waits
//! How a connection gets into a pool that there is: as a value, or made in its slot.

use core::mem::MaybeUninit;
use core::ptr;

use super::pool::Pool;
use crate::engine::{AcquireError, SlotToken, VacateReason};
use crate::error::{InsertError, VacancyError};
use crate::slot::{release, storage, teardown};

/// Filling.
impl<C, const N: usize> Pool<C, N> {
    /// Puts a connection into a vacant slot; if callers wait, the oldest waiter gets it.
    ///
    /// # Errors
    ///
    /// Hands the connection back if every slot within the present maximum has one, or the pool is closed.
    ///
    /// # Panics
    ///
    /// If a waiter's waker does; the connection is in the pool by then.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool: conn_pool::Pool<&str, 1> = conn_pool::Pool::new();
    /// pool.insert("first").unwrap();
    /// let second = pool.insert("second").unwrap_err();
    /// assert_eq!(second.into_connection(), "second");
    /// ```
    pub fn insert(&self, connection: C) -> Result<(), InsertError<C>> {
        match self.reserve() {
            Ok(slot) => {
                // SAFETY: the slot was vacant, so it is not filled (I3).
                unsafe { storage::fill(&self.slots, &slot, connection) };
                release(self, slot);
                Ok(())
            }
            Err(reason) => Err(InsertError { connection, reason }),
        }
    }

    /// Makes a connection in a vacant slot, once there is one for it. It is not moved through the caller's frame, so it
    /// may be large. If callers wait, the oldest waiter gets it.
    ///
    /// No lock is held while `connect` runs. It may take its time, and it may call the pool, in which the slot counts
    /// as in use. If the pool is closed meanwhile, the connection is dropped at once.
    ///
    /// # Errors
    ///
    /// If every slot within the present maximum has a connection, or the pool is closed; `connect` is not called then.
    ///
    /// # Panics
    ///
    /// If `connect` does, and the slot is vacant again; or if a waiter's waker does, and the connection is in the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::{Pool, VacancyError};
    ///
    /// static BUFFERS: Pool<[u8; 65536], 2> = Pool::new();
    ///
    /// BUFFERS.insert_with(|| [0; 65536])?;
    /// BUFFERS.insert_with(|| [0; 65536])?;
    /// let error = BUFFERS.insert_with(|| unreachable!()).unwrap_err();
    /// assert_eq!(error, VacancyError::Full { max_size: 2 });
    /// # Ok::<(), VacancyError>(())
    /// ```
    pub fn insert_with(&self, connect: impl FnOnce() -> C) -> Result<(), VacancyError> {
        self.insert_in_place(|cell| {
            // SAFETY: the cell of a slot that this call owns (I2), and that has no connection (I3).
            unsafe { cell.write(connect()) };
        })
    }

    /// As [`insert_with`](Self::insert_with), for a connection that cannot be a value on the stack even for a moment:
    /// `connect` gets the cell of the slot, and returns it with a connection in it.
    ///
    /// # Errors
    ///
    /// As for [`insert_with`](Self::insert_with).
    ///
    /// # Panics
    ///
    /// As [`insert_with`](Self::insert_with). Also if `connect` returns something else than the cell; what that cell
    /// has in it is not dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::Pool;
    ///
    /// static FRAMES: Pool<[u32; 1_000_000], 2> = Pool::new();
    ///
    /// FRAMES.insert_uninit(|cell| {
    ///     // SAFETY: zeros are numbers.
    ///     unsafe {
    ///         cell.as_mut_ptr().write_bytes(0, 1);
    ///         cell.assume_init_mut()
    ///     }
    /// })?;
    /// # assert_eq!(FRAMES.status().idle, 1);
    /// # Ok::<(), conn_pool::VacancyError>(())
    /// ```
    pub fn insert_uninit(
        &self,
        connect: impl for<'a> FnOnce(&'a mut MaybeUninit<C>) -> &'a mut C,
    ) -> Result<(), VacancyError> {
        self.insert_in_place(|cell| {
            // SAFETY: the cell of a slot that this call owns (I2), and lends to the closure only.
            let made: *const C = connect(unsafe { &mut *cell.cast() });
            // A safe closure may return any connection that lives long enough: a leaked one.
            assert!(ptr::eq(made, cell), "the closure of insert_uninit has to return the cell that it was given");
        })
    }

    /// Fills a vacant slot by a function that leaves a connection in its cell. If that panics the slot is vacated.
    fn insert_in_place(&self, fill: impl FnOnce(*mut C)) -> Result<(), VacancyError> {
        let slot = teardown::VacateOnDrop::new(self.engine(), self.reserve()?, VacateReason::NotFilled);
        fill(storage::cell(&self.slots, slot.slot()));
        let slot = slot.into_slot();
        // SAFETY: the function has filled the cell of the slot, which was vacant (I3).
        unsafe { storage::fill_in_place(&self.slots, &slot) };
        release(self, slot);
        Ok(())
    }

    /// A vacant slot, for the caller to fill.
    ///
    /// The error has no connection in it: moving a large one into it is code, which is to be there once.
    fn reserve(&self) -> Result<SlotToken, VacancyError> {
        self.engine().reserve().map_err(|error| self.refuse(error))
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, error: AcquireError) -> VacancyError {
        match error {
            AcquireError::Closed => VacancyError::Closed,
            _ => VacancyError::Full { max_size: self.engine().max_size() },
        }
    }
}
