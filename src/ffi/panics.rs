// knows: nothing · must not know: pools
//! The panic handler of the archive without `std`. A Rust program that uses the crate has its own, so this one is
//! compiled for the archive only (`--cfg conn_pool_archive`, see the Makefile).

use core::panic::PanicInfo;

unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: a call of the C library's, or of the firmware's own.
    unsafe { abort() }
}
