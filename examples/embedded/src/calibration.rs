//! Whether the timer strikes before each instruction: it has to come between any two of a row that do nothing.

use core::arch::global_asm;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::board;

unsafe extern "C" {
    /// Does nothing, 64 times.
    pub safe fn nothing_64_times();
}

global_asm!(
    ".global nothing_64_times",
    ".type nothing_64_times, %function",
    ".balign 4",
    "nothing_64_times:",
    ".rept 64",
    "nop",
    ".endr",
    #[cfg(target_arch = "arm")]
    "bx lr",
    #[cfg(target_arch = "riscv32")]
    "ret",
);

/// The instruction before which the timer has struck last.
static STRUCK_AT: AtomicUsize = AtomicUsize::new(0);

/// Answers how many instructions were interrupted.
///
/// # Errors
///
/// If one of them was not.
pub fn calibrate() -> Result<u32, &'static str> {
    const SIZE: usize = 2;
    let first = nothing_64_times as *const () as usize & !1;
    let mut seen = 0_u64;
    board::on_strike(|interrupted| STRUCK_AT.store(interrupted, Relaxed));
    for ticks in 1..256 {
        STRUCK_AT.store(0, Relaxed);
        board::strike_after(ticks);
        nothing_64_times();
        board::disarm();
        let number = STRUCK_AT.load(Relaxed).wrapping_sub(first) / SIZE;
        if number < 64 {
            seen |= 1 << number;
        }
    }
    if seen == u64::MAX { Ok(64) } else { Err("some instructions were never interrupted") }
}
