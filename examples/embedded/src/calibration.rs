//! Whether the timer strikes before each instruction: it has to come between any two of a row that do nothing.
//!
//! The row is long, so that a step which is too long by a small part of an instruction misses one of them.

use core::arch::global_asm;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::board;

unsafe extern "C" {
    /// Does nothing, 256 times.
    pub safe fn nothing_256_times();
}

global_asm!(
    ".global nothing_256_times",
    ".type nothing_256_times, %function",
    ".balign 4",
    "nothing_256_times:",
    ".rept 256",
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
    let first = nothing_256_times as *const () as usize & !1;
    let mut seen = [false; 256];
    board::on_strike(|interrupted| STRUCK_AT.store(interrupted, Relaxed));
    // More than there are in the row, since the first ones come before it.
    for ticks in board::sweep_of_ticks().take(2 * seen.len()) {
        STRUCK_AT.store(0, Relaxed);
        board::strike_after(ticks);
        nothing_256_times();
        board::disarm();
        let number = STRUCK_AT.load(Relaxed).wrapping_sub(first) / SIZE;
        if let Some(seen) = seen.get_mut(number) {
            *seen = true;
        }
    }
    if seen == [true; 256] { Ok(256) } else { Err("some instructions were never interrupted") }
}
