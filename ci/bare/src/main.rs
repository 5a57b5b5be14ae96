//! A static pool on a bare target: borrow without waiting, give back, nothing else.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use conn_pool::Pool;

static POOL: Pool<u32, 4> = Pool::new();
static SEEN: AtomicU32 = AtomicU32::new(0);

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        match POOL.try_get() {
            Ok(mut connection) => *connection += 1,
            Err(error) => SEEN.store(u32::from(error.name().len() as u8), Ordering::Relaxed),
        }
    }
}

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
