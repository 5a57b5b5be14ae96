//! The boards, as QEMU has them. Each file gives the same: a timer whose handler strikes once, and a clock.

#[cfg(target_arch = "arm")]
#[path = "board/cortex_m.rs"]
mod imp;
#[cfg(target_arch = "riscv32")]
#[path = "board/virt.rs"]
mod imp;

use core::cell::Cell;

use critical_section::Mutex;
pub use imp::{NAME, TICKS_A_MILLISECOND, clock, disarm, instructions, masked, restore, start_clock, transmit, unmask};

/// What the timer's handler does.
type Handler = fn(interrupted: usize);

static HANDLER: Mutex<Cell<Option<Handler>>> = Mutex::new(Cell::new(None));

/// After how many ticks a sweep has the timer strike, one time after the other. From one to the next is no longer than
/// an instruction, which takes 1024 ns in the sweeps of `run`: so there is a strike before each of them.
pub fn sweep_of_ticks() -> impl Iterator<Item = u32> {
    (1..).step_by(imp::STEP)
}

/// Has the timer strike once, so many ticks from now: before the next instruction of the caller's at the earliest.
#[inline(always)]
pub fn strike_after(ticks: u32) {
    imp::strike_after(ticks);
    // A timer that is to strike at once does so a few instructions later.
    // SAFETY: does nothing.
    unsafe { core::arch::asm!("nop", "nop", "nop", "nop", options(nostack)) };
}

/// Sets what the timer's handler does. It gets the address of the instruction that it came before.
pub fn on_strike(handler: Handler) {
    critical_section::with(|token| HANDLER.borrow(token).set(Some(handler)));
}

/// The handler of the timer, which has struck and does not strike again until it is armed again.
extern "C" fn struck(interrupted: usize) {
    let handler = critical_section::with(|token| HANDLER.borrow(token).get());
    if let Some(handler) = handler {
        handler(interrupted);
    }
}
