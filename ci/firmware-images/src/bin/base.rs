//! The program without a pool: four drivers in a static.
#![no_std]
#![no_main]

use conn_pool_firmware_images::Driver;
use core::hint::black_box;

static mut DRIVERS: [Driver; 4] = Driver::ALL;

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    loop {
        // SAFETY: nothing else uses the static.
        let drivers = unsafe { &mut *black_box(&raw mut DRIVERS) };
        drivers[0].work();
    }
}
