//! The `virt` machine with a 32-bit hart: the timer is the core-local interruptor's.

use core::ptr;

use riscv::interrupt::Interrupt;
use riscv::register::{mepc, mie, mstatus};

pub const NAME: &str = "virt";

pub const TICKS_A_MILLISECOND: u32 = 10_000;

/// So many ticks are 900 ns. They are counted from the last tick of the clock before it was read, which is anything up
/// to 100 ns earlier: so two strikes may be up to 1000 ns apart.
pub const STEP: usize = 9;

const COMPARE: *mut u32 = 0x0200_4000 as _;
const TIME: *const u32 = 0x0200_bff8 as _;

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn struck_once() {
    disarm();
    super::struck(mepc::read());
}

/// Has the timer strike once, so many ticks from now.
#[inline(always)]
pub fn strike_after(ticks: u32) {
    let (low, high) = now();
    let (low, carry) = low.overflowing_add(ticks);
    // While the lower half changes the timer must not strike.
    disarm();
    // SAFETY: a register of the board.
    unsafe { ptr::write_volatile(COMPARE, low) };
    // SAFETY: as above.
    unsafe { ptr::write_volatile(COMPARE.add(1), high + u32::from(carry)) };
    // SAFETY: the handler is in place.
    unsafe { mie::set_mtimer() };
    // SAFETY: as above.
    unsafe { mstatus::set_mie() };
}

/// Both halves of the time.
#[inline(always)]
fn now() -> (u32, u32) {
    loop {
        // SAFETY: a register of the board.
        let high = unsafe { ptr::read_volatile(TIME.add(1)) };
        let low = clock();
        // SAFETY: as above.
        if unsafe { ptr::read_volatile(TIME.add(1)) } == high {
            return (low, high);
        }
    }
}

/// From now on the timer does not strike.
#[inline(always)]
pub fn disarm() {
    // SAFETY: a register of the board. Whatever the lower half is, that time never comes.
    unsafe { ptr::write_volatile(COMPARE.add(1), u32::MAX) };
}

/// The clock runs always.
pub fn start_clock() {}

/// Ticks.
#[inline(always)]
pub fn clock() -> u32 {
    // SAFETY: a register of the board.
    unsafe { ptr::read_volatile(TIME) }
}

/// How many instructions take so many ticks. Outside of a sweep QEMU executes one in 256 ns, and a tick is
/// 100 ns.
#[must_use]
pub const fn instructions(ticks: u32) -> u32 {
    (ticks * 25 + 32) / 64
}

/// Lets interrupts through from the start.
pub fn unmask() {
    // SAFETY: outside of each critical section.
    unsafe { riscv::interrupt::enable() };
}

/// Masks interrupts, and answers whether they were not masked.
#[inline(always)]
pub fn masked() -> bool {
    let before: usize;
    // SAFETY: masks interrupts, and does nothing else.
    unsafe { core::arch::asm!("csrrci {}, mstatus, 8", out(reg) before) };
    before & 8 != 0
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
        unsafe { riscv::interrupt::enable() };
    }
}

/// Sends one byte by the serial port of the board.
pub fn transmit(byte: u8) {
    const UART: *mut u8 = 0x1000_0000 as _;
    // SAFETY: a register of the board, which nothing else uses.
    unsafe { ptr::write_volatile(UART, byte) };
}
