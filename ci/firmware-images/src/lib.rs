//! What every image is made of: the vector table, the critical section, the panic handler, and the work that is done
//! with a driver.
#![no_std]

pub mod measured;
pub mod semaphore_pool;
mod startup;
pub mod tasks;

use core::ptr;

/// What the pools lend: the base address of a device, say.
#[derive(Debug, Clone, Copy)]
pub struct Driver(pub u32);

impl Driver {
    /// The drivers that every image begins with.
    pub const ALL: [Self; 4] = [Self(0x4000_4000), Self(0x4000_5000), Self(0x4000_6000), Self(0x4000_7000)];

    /// Twice as many.
    pub const MORE: [Self; 8] = {
        let [a, b, c, d] = Self::ALL;
        [a, b, c, d, Self(0x4000_8000), Self(0x4000_9000), Self(0x4000_a000), Self(0x4000_b000)]
    };

    /// The work: something that the compiler cannot leave out, and no more.
    #[inline(always)]
    pub fn work(&mut self) {
        let device = &raw mut self.0;
        // SAFETY: the pointer is that of a field of `self`.
        unsafe { ptr::write_volatile(device, ptr::read_volatile(device).wrapping_add(1)) };
    }
}

/// The end of a program whose pool is not as it should be. QEMU ends with it.
#[cold]
#[inline(never)]
pub fn give_up() -> ! {
    // SAFETY: an instruction that is not one raises a fault, and no image handles faults.
    unsafe { core::arch::asm!("udf #0", options(noreturn, nomem, nostack)) }
}
