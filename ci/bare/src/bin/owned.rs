//! A pool on the heap of a bare target, with guards that own an `Arc` of it: the program's own `Arc`, whichever the target
//! has.
#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc;
#[cfg(not(target_has_atomic = "ptr"))]
use portable_atomic_util::Arc;

use conn_pool::{ConnGuard, OwnedConnGuard, Pool, managed};

static SEEN: AtomicU32 = AtomicU32::new(0);

/// Keeps the pool alive, and is kept by no borrow.
struct Session(OwnedConnGuard<u32, 4>);

struct Bus;

impl managed::Lifecycle for Bus {
    type Connection = u32;
    type Error = u8;
}

impl managed::Manager for Bus {
    fn connect(&self, _within: Option<core::time::Duration>) -> Result<u32, u8> {
        Ok(7)
    }
}

struct Still;

impl managed::Clock for Still {
    fn now(&self) -> core::time::Duration {
        core::time::Duration::ZERO
    }
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let pool = Arc::new(Pool::<u32, 4>::from([1, 2, 3, 4]));
    // A manager that two pools share is a manager.
    let bus = Arc::new(Bus);
    let config = managed::Config::new();
    let served = Arc::new(managed::Pool::<_, 4, _>::const_with_clock(Arc::clone(&bus), config, Still));
    loop {
        let owned = |guard| ConnGuard::into_owned(guard, &pool).ok();
        match pool.try_get() {
            Ok(guard) => owned(guard).map(Session).iter_mut().for_each(|session| *session.0 += 1),
            Err(error) => SEEN.store(u32::from(error.name().len() as u8), Ordering::Relaxed),
        }
        match served.try_get() {
            Ok(guard) => managed::ConnGuard::into_owned(guard, &served).iter_mut().for_each(|guard| **guard += 1),
            Err(error) => SEEN.store(u32::from(error.name().len() as u8), Ordering::Relaxed),
        }
    }
}

/// Has nothing to give: this program is linked and measured, never run.
struct Empty;

#[global_allocator]
static HEAP: Empty = Empty;

// SAFETY: it refuses each request, as an allocator may.
unsafe impl GlobalAlloc for Empty {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// The tables of the code that calls the allocator name it. Nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn __aeabi_unwind_cpp_pr0() {}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// The simplest critical section there is, so that the program links: the build is not meant to run.
#[cfg(feature = "critical-section")]
mod interrupts {
    struct Masked;
    critical_section::set_impl!(Masked);

    // SAFETY: not a real one; this program is linked and measured, never run.
    unsafe impl critical_section::Impl for Masked {
        unsafe fn acquire() {}
        unsafe fn release((): ()) {}
    }
}
