//! Marks what ci/firmware counts in the trace of a run, and talks to QEMU.
//!
//! Each mark is one instruction that a compiler has no use for. The trace shows it, and it is not counted.

use core::arch::asm;
use core::ffi::CStr;

const WRITE0: u32 = 0x04;
const EXIT: u32 = 0x18;
/// `ADP_Stopped_ApplicationExit`.
const STOPPED: u32 = 0x2_0026;

/// Prints the name of a row and counts what `section` executes for it.
#[inline(always)]
pub fn measured<R>(row: &CStr, section: impl FnOnce() -> R) -> R {
    semihosting(WRITE0, row.as_ptr() as u32);
    semihosting(WRITE0, c"\n".as_ptr() as u32);
    // SAFETY: does nothing.
    unsafe { asm!("mov r12, r12", options(nostack, preserves_flags)) };
    let result = section();
    // The registers are taken so that what the next row needs is not put into them before the mark.
    // SAFETY: does nothing.
    unsafe { asm!("mov r11, r11", clobber_abi("C"), options(nostack)) };
    result
}

/// Executes this many instructions that do nothing: what they are counted as says whether the counting is right.
#[macro_export]
macro_rules! nops {
    ($count:literal) => {
        // SAFETY: does nothing.
        unsafe { core::arch::asm!(concat!(".rept ", $count), "nop", ".endr", options(nostack, preserves_flags)) }
    };
}

/// Keeps a value alive up to here, in a register.
#[inline(always)]
pub fn used<T>(value: &T) {
    // SAFETY: does nothing.
    unsafe { asm!("/* {} */", in(reg) value, options(nostack, preserves_flags)) };
}

/// Ends the run.
pub fn exit() -> ! {
    semihosting(EXIT, STOPPED);
    crate::give_up()
}

#[inline(never)]
fn semihosting(operation: u32, argument: u32) {
    // SAFETY: QEMU reads a string that ends with 0, or ends the run.
    unsafe { asm!("bkpt 0xab", inout("r0") operation => _, in("r1") argument, options(nostack)) };
}
