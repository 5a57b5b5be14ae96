//! The pool that a firmware author would write with embassy-sync, if it is to be first come, first served: a semaphore
//! counts the drivers, a vector behind a mutex keeps them, and a guard gives both back.

use core::cell::RefCell;
use core::ops::{Deref, DerefMut};

use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::semaphore::{FairSemaphore, Semaphore, SemaphoreReleaser};
use heapless::Vec;

type Permits = FairSemaphore<CriticalSectionRawMutex, 4>;

pub struct SemaphorePool<C, const N: usize> {
    permits: Permits,
    free: CriticalSectionMutex<RefCell<Vec<C, N>>>,
}

impl<C, const N: usize> SemaphorePool<C, N> {
    #[must_use]
    pub const fn new() -> Self {
        Self { permits: FairSemaphore::new(0), free: CriticalSectionMutex::new(RefCell::new(Vec::new())) }
    }

    pub fn insert(&self, connection: C) -> Result<(), C> {
        self.free.lock(|free| free.borrow_mut().push(connection))?;
        self.permits.release(1);
        Ok(())
    }

    /// Nothing if too many wait.
    pub async fn get(&self) -> Option<SemaphoreGuard<'_, C, N>> {
        let permit = self.permits.acquire(1).await.ok()?;
        self.guard(permit)
    }

    pub fn try_get(&self) -> Option<SemaphoreGuard<'_, C, N>> {
        self.guard(self.permits.try_acquire(1)?)
    }

    fn guard<'a>(&'a self, permit: SemaphoreReleaser<'a, Permits>) -> Option<SemaphoreGuard<'a, C, N>> {
        let connection = self.free.lock(|free| free.borrow_mut().pop())?;
        Some(SemaphoreGuard { pool: self, connection: Some(connection), _permit: permit })
    }
}

impl<C, const N: usize> Default for SemaphorePool<C, N> {
    fn default() -> Self {
        Self::new()
    }
}

pub struct SemaphoreGuard<'a, C, const N: usize> {
    pool: &'a SemaphorePool<C, N>,
    /// Taken by `drop`, and by nothing else.
    connection: Option<C>,
    /// Released after the connection is back.
    _permit: SemaphoreReleaser<'a, Permits>,
}

impl<C, const N: usize> Deref for SemaphoreGuard<'_, C, N> {
    type Target = C;

    fn deref(&self) -> &C {
        self.connection.as_ref().unwrap_or_else(|| crate::give_up())
    }
}

impl<C, const N: usize> DerefMut for SemaphoreGuard<'_, C, N> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().unwrap_or_else(|| crate::give_up())
    }
}

impl<C, const N: usize> Drop for SemaphoreGuard<'_, C, N> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.pool.free.lock(|free| free.borrow_mut().push(connection)).is_err()
        {
            crate::give_up();
        }
    }
}
