//! The one place that names atomics, locks, threads, clocks and panics. Every other module takes them from here, so
//! that the same source runs on bare metal, on `std`, under loom, under shuttle and under the counting layer of the
//! unit tests. For each part, the `cfg`s pick a whole file.

#[cfg(not(any(target_has_atomic = "ptr", feature = "portable-atomic")))]
compile_error!(
    "this target has no compare-and-swap: add the feature `portable-atomic` of conn_pool, and choose in the program how \
     the crate portable-atomic replaces it"
);

#[cfg(conn_pool_loom)]
mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicUsize, fence};
}
#[cfg(conn_pool_shuttle)]
mod atomics {
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicUsize, fence};
}
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), test))]
#[path = "sync/counting.rs"]
mod atomics;
#[cfg(all(
    feature = "portable-atomic",
    feature = "critical-section",
    not(any(feature = "std", test, conn_pool_loom, conn_pool_shuttle))
))]
mod atomics {
    pub(crate) use super::modifying::AtomicUsize;
    pub(crate) use portable_atomic::fence;
}
#[cfg(all(
    feature = "portable-atomic",
    any(feature = "std", not(feature = "critical-section")),
    not(any(test, conn_pool_loom, conn_pool_shuttle))
))]
mod atomics {
    pub(crate) use portable_atomic::{AtomicUsize, fence};
}
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), not(test), not(feature = "portable-atomic")))]
mod atomics {
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicUsize, fence};
}

// The pool's lock is a critical section too.
#[cfg(all(
    feature = "portable-atomic",
    feature = "critical-section",
    test,
    not(any(feature = "std", conn_pool_loom, conn_pool_shuttle))
))]
#[path = "sync/by_section.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "only its own tests run it")]
mod by_section;
#[cfg(all(
    feature = "portable-atomic",
    feature = "critical-section",
    not(any(feature = "std", test, conn_pool_loom, conn_pool_shuttle))
))]
#[path = "sync/by_section.rs"]
mod modifying;
#[cfg(not(all(
    feature = "portable-atomic",
    feature = "critical-section",
    not(any(feature = "std", test, conn_pool_loom, conn_pool_shuttle))
)))]
#[path = "sync/one_step.rs"]
mod modifying;

mod const_fn;
mod ordering;
mod run;

#[cfg(any(feature = "std", conn_pool_loom, conn_pool_shuttle))]
#[path = "sync/lock_std.rs"]
mod lock;
#[cfg(all(not(any(feature = "std", conn_pool_loom, conn_pool_shuttle)), feature = "critical-section"))]
#[path = "sync/lock_critical_section.rs"]
mod lock;
#[cfg(not(any(feature = "std", conn_pool_loom, conn_pool_shuttle, feature = "critical-section")))]
#[path = "sync/lock_spin.rs"]
mod lock;

// A pool for C may be gone as soon as a lease is released, so there nothing is done after unlocking.
#[cfg(any(
    conn_pool_loom,
    not(any(feature = "std", conn_pool_shuttle, feature = "critical-section", feature = "ffi"))
))]
#[path = "sync/mark.rs"]
mod mark;
#[cfg(not(any(
    conn_pool_loom,
    not(any(feature = "std", conn_pool_shuttle, feature = "critical-section", feature = "ffi"))
)))]
#[path = "sync/no_mark.rs"]
mod mark;

#[cfg(conn_pool_loom)]
#[path = "sync/explorer_loom.rs"]
mod explorer;
#[cfg(conn_pool_shuttle)]
#[path = "sync/explorer_shuttle.rs"]
mod explorer;

#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), not(feature = "std")))]
#[path = "sync/host_bare.rs"]
mod host;
#[cfg(any(conn_pool_loom, conn_pool_shuttle))]
#[path = "sync/host_model.rs"]
mod host;
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), feature = "std"))]
#[path = "sync/host_std.rs"]
mod host;

// Where thread identities come from, and the time.
#[cfg(any(conn_pool_loom, conn_pool_shuttle))]
use explorer as threads;
#[cfg(not(any(conn_pool_loom, conn_pool_shuttle)))]
use host as threads;
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), feature = "std"))]
use host as clock;
#[cfg(not(all(not(any(conn_pool_loom, conn_pool_shuttle)), feature = "std")))]
#[path = "sync/no_clock.rs"]
mod clock;

#[cfg(all(unix, feature = "std", not(any(conn_pool_loom, conn_pool_shuttle))))]
mod process;
#[cfg(not(all(unix, feature = "std", not(any(conn_pool_loom, conn_pool_shuttle)))))]
#[path = "sync/no_process.rs"]
mod process;

// How a task sleeps.
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), feature = "std", feature = "tokio"))]
#[path = "sync/sleep_tokio.rs"]
mod sleeping;
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), feature = "std", not(feature = "tokio")))]
#[path = "sync/sleep_own.rs"]
mod sleeping;
#[cfg(any(conn_pool_loom, conn_pool_shuttle, not(feature = "std")))]
#[path = "sync/no_sleep.rs"]
mod sleeping;
#[cfg(all(not(any(conn_pool_loom, conn_pool_shuttle)), feature = "std"))]
mod timer;

#[cfg(all(test, not(any(conn_pool_loom, conn_pool_shuttle))))]
pub(crate) use atomics::count;
pub(crate) use atomics::{AtomicUsize, fence as fence_of};
// For what is loaded and stored, and never modified in one step: each target can do that itself. Where `AtomicUsize`
// is made of critical sections, a store of one is a section, and without the feature `critical-section` a load too.
#[cfg(not(all(feature = "portable-atomic", not(any(conn_pool_loom, conn_pool_shuttle, test)))))]
pub(crate) use atomics::{
    AtomicBool as PlainBool, AtomicPtr as PlainPtr, AtomicU16 as PlainU16, AtomicUsize as PlainUsize,
};
// A sum that is only added to has nothing for loom to explore, and hundreds a pool would take most of its time.
#[cfg(all(feature = "std", not(conn_pool_loom)))]
pub(crate) use atomics::AtomicUsize as TotalWord;
#[cfg(feature = "managed")]
pub(crate) use clock::survive;
pub(crate) use clock::{Stamp, coarse_monotonic, is_panicking, suspended, thread_number};
pub(crate) use const_fn::const_fn;
#[cfg(feature = "managed")]
pub(crate) use core::sync::atomic::AtomicPtr as PlainAtomicPtr;
#[cfg(all(feature = "std", conn_pool_loom))]
pub(crate) use core::sync::atomic::AtomicUsize as TotalWord;
pub(crate) use core::sync::atomic::Ordering::Relaxed;
#[cfg(all(feature = "portable-atomic", not(any(conn_pool_loom, conn_pool_shuttle, test))))]
pub(crate) use core::sync::atomic::{
    AtomicBool as PlainBool, AtomicPtr as PlainPtr, AtomicU16 as PlainU16, AtomicUsize as PlainUsize,
};
#[cfg(all(test, conn_pool_loom))]
pub(crate) use explorer::set_home;
pub(crate) use host::run_to_end;
#[cfg(feature = "std")]
pub(crate) use host::{Parker, with_parker};
pub(crate) use lock::Lock;
pub(crate) use mark::Mark;
#[cfg(all(
    feature = "portable-atomic",
    feature = "critical-section",
    not(any(feature = "std", test, conn_pool_loom, conn_pool_shuttle))
))]
pub(crate) use modifying::exchange_with;
pub(crate) use modifying::{exchange_and, store_plain};
pub(crate) use ordering::{fence, is_weakened, ord};
pub(crate) use process::{KNOWS_FORKS, process, watched_process};
#[cfg(feature = "managed")]
pub(crate) use run::drop_once;
pub(crate) use run::{cold_path, run_once};
#[cfg(all(feature = "tokio", not(any(conn_pool_loom, conn_pool_shuttle))))]
pub(crate) use sleeping::run_blocking;
pub(crate) use sleeping::{CAN_SLEEP, present, sleep};
#[cfg(feature = "std")]
pub(crate) use sleeping::{Runtime, present_instant};
#[cfg(feature = "std")]
pub(crate) use std::sync::OnceLock;
#[cfg(feature = "std")]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};

/// By target and not by feature: whether an `Arc` is the standard library's does not depend on the rest of the program.
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(crate) use alloc::sync::Arc;
#[cfg(all(feature = "alloc", feature = "portable-atomic", not(target_has_atomic = "ptr")))]
pub(crate) use portable_atomic_util::Arc;
#[cfg(feature = "std")]
pub(crate) use threads::yield_now;
pub(crate) use threads::{collided, home, move_home};
