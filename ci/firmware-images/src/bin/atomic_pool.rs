//! A peer: atomic-pool, which lends memory and keeps no value in it, so the program brings one. Nobody can wait for it.
#![no_std]
#![no_main]

use atomic_pool::{Box, pool};
use conn_pool_firmware_images::Driver;
use core::hint::black_box;

pool!(POOL: [Driver; 4]);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    loop {
        if let Some(mut driver) = Box::<POOL>::new(black_box(Driver::ALL[0])) {
            driver.work();
        }
    }
}
