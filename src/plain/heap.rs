// knows: pool, sync · must not know: how a pool is made, how a caller waits
//! A pool that comes into being on the heap, for connections that the stack cannot bear.

use alloc::boxed::Box;

use super::pool::Pool;
use crate::sync::Arc;

/// Building on the heap.
impl<C, const N: usize> Pool<C, N> {
    /// As [`from_fn`](Self::from_fn), on the heap: neither the pool nor a connection is moved, so the stack need not
    /// hold the pool.
    ///
    /// # Panics
    ///
    /// If `connect` does; the connections made until then are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::Pool;
    ///
    /// let pool = Pool::<[u8; 65536], 256>::new_boxed(|_| [0; 65536]);
    /// assert_eq!(pool.status().idle, 256);
    /// ```
    pub fn new_boxed(connect: impl FnMut(usize) -> C) -> Box<Self> {
        let () = Self::FITS;
        let mut pool = Box::new_uninit();
        Self::init_full(&mut pool, connect);
        // SAFETY: it was written whole, slots and engine (I3).
        unsafe { pool.assume_init() }
    }

    /// As [`new_boxed`](Self::new_boxed), in an `Arc`. On targets without compare-and-swap that is the `Arc` of
    /// `portable-atomic-util`.
    ///
    /// # Panics
    ///
    /// If `connect` does; the connections made until then are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use conn_pool::Pool;
    ///
    /// let pool = Pool::<[u8; 65536], 256>::new_arc(|_| [0; 65536]);
    /// let theirs = pool.clone();
    /// std::thread::spawn(move || theirs.try_get().map(|mut buffer| buffer[0] = 1));
    /// # assert_eq!(pool.status().capacity, 256);
    /// ```
    pub fn new_arc(connect: impl FnMut(usize) -> C) -> Arc<Self> {
        let () = Self::FITS;
        let mut pool = Arc::new_uninit();
        let Some(place) = Arc::get_mut(&mut pool) else { unreachable!("a new Arc is shared with nobody") };
        Self::init_full(place, connect);
        // SAFETY: it was written whole, slots and engine (I3).
        unsafe { pool.assume_init() }
    }
}
