//! The first words of the flash, the critical section of a Cortex-M with one core, and the end of a panic.

use core::arch::asm;
use core::panic::PanicInfo;

unsafe extern "C" {
    /// Of the image.
    fn start() -> !;
    /// Of the linker script: not a variable, only its address counts.
    static stack_top: u32;
}

/// The initial stack pointer and the entry. No image has another exception.
#[repr(C)]
struct Vectors(&'static u32, unsafe extern "C" fn() -> !);

// SAFETY: the address of `stack_top` is taken here and never read.
#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: Vectors = Vectors(unsafe { &stack_top }, start);

struct Masked;
critical_section::set_impl!(Masked);

// SAFETY: with one core, nothing runs beside code that has masked the interrupts; a section within another one leaves
// them masked.
unsafe impl critical_section::Impl for Masked {
    unsafe fn acquire() -> bool {
        let primask: u32;
        // SAFETY: reads PRIMASK and masks the interrupts; the memory clobber keeps what follows behind it.
        unsafe { asm!("mrs {}, PRIMASK", "cpsid i", out(reg) primask, options(nostack, preserves_flags)) };
        primask & 1 == 0
    }

    unsafe fn release(was_unmasked: bool) {
        if was_unmasked {
            // SAFETY: they were unmasked when the outermost section began.
            unsafe { asm!("cpsie i", options(nostack, preserves_flags)) };
        }
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    crate::give_up()
}
