//! Cortex-M: the timer is the core's own, SysTick.

use core::arch::global_asm;
use core::ptr;

pub const NAME: &str = if IS_M3 { "lm3s6965evb" } else { "microbit" };

pub const TICKS_A_MILLISECOND: u32 = if IS_M3 { 12_500 } else { 16_000 };

/// So many ticks are 960 ns on the M3, and 1000 ns on the M0. QEMU counts them from the moment at which the timer is
/// started, whatever it did before: so two strikes are just a step apart.
pub const STEP: usize = if IS_M3 { 12 } else { 16 };

const IS_M3: bool = cfg!(target_has_atomic = "ptr");
const CONTROL: *mut u32 = ptr::without_provenance_mut(0xe000_e010);
const RELOAD: *mut u32 = ptr::without_provenance_mut(0xe000_e014);
const CURRENT: *mut u32 = ptr::without_provenance_mut(0xe000_e018);
const INTERRUPT_CONTROL: *mut u32 = ptr::without_provenance_mut(0xe000_ed04);
const STOPPED: u32 = 0b100;
const COUNTING: u32 = 0b101;
const RUNNING: u32 = 0b111;
const CLEAR_PENDING: u32 = 1 << 25;

// The processor has pushed eight words; the seventh is the address that it returns to.
global_asm!(
    ".global SysTick",
    ".type SysTick, %function",
    ".thumb_func",
    "SysTick:",
    "mov r0, sp",
    "ldr r0, [r0, #24]",
    "ldr r1, ={handler}",
    "bx r1",
    ".pool",
    handler = sym struck_once,
);

extern "C" fn struck_once(interrupted: usize) {
    disarm();
    super::struck(interrupted);
}

/// Has the timer strike once, so many ticks from now.
#[inline(always)]
pub fn strike_after(ticks: u32) {
    write(RELOAD, ticks);
    write(CURRENT, 0);
    write(CONTROL, RUNNING);
}

/// From now on the timer does not strike.
#[inline(always)]
pub fn disarm() {
    write(CONTROL, STOPPED);
    write(INTERRUPT_CONTROL, CLEAR_PENDING);
}

/// From now on the timer is a [`clock`].
pub fn start_clock() {
    write(RELOAD, LONGEST);
    write(CURRENT, 0);
    write(CONTROL, COUNTING);
}

const LONGEST: u32 = 0x00ff_ffff;

/// Ticks, in 24 bits.
#[inline(always)]
pub fn clock() -> u32 {
    // SAFETY: a register of every Cortex-M.
    LONGEST - unsafe { ptr::read_volatile(CURRENT) }
}

/// How many instructions take so many ticks. Outside of a sweep QEMU executes one in 64 ns on the M0, whose ticks
/// are 62.5 ns, and in 128 ns on the M3, whose ticks are 80 ns.
#[must_use]
pub const fn instructions(ticks: u32) -> u32 {
    let ticks = ticks & LONGEST;
    if IS_M3 { (ticks * 5 + 4) / 8 } else { (ticks * 125 + 64) / 128 }
}

#[inline(always)]
fn write(register: *mut u32, value: u32) {
    // SAFETY: a register of every Cortex-M, which nothing else uses.
    unsafe { ptr::write_volatile(register, value) };
}

/// Lets interrupts through from the start.
pub fn unmask() {
    // SAFETY: outside of each critical section.
    unsafe { cortex_m::interrupt::enable() };
}

/// Masks interrupts, and answers whether they were not masked.
#[inline(always)]
pub fn masked() -> bool {
    let were_on = cortex_m::register::primask::read().is_active();
    cortex_m::interrupt::disable();
    were_on
}

/// Ends a [`masked`] section.
///
/// # Safety
///
/// It is the one that began last.
#[inline(always)]
pub unsafe fn restore(were_on: bool) {
    if were_on {
        // SAFETY: as the caller promises.
        unsafe { cortex_m::interrupt::enable() };
    }
}

/// Sends one byte by the serial port of the board.
pub fn transmit(byte: u8) {
    if IS_M3 {
        write(ptr::without_provenance_mut(0x4000_c000), byte.into());
    } else {
        const UART: usize = 0x4000_2000;
        const ENABLED: u32 = 4;
        write(ptr::without_provenance_mut(UART + 0x500), ENABLED);
        write(ptr::without_provenance_mut(UART + 0x008), 1);
        write(ptr::without_provenance_mut(UART + 0x51c), byte.into());
    }
}
