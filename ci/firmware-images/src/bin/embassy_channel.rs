//! A peer: drivers in a channel of embassy-sync, taken and sent back, without a guard.
#![no_std]
#![no_main]

use conn_pool_firmware_images::{Driver, give_up};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;

#[unsafe(no_mangle)]
static POOL: Channel<CriticalSectionRawMutex, Driver, 4> = Channel::new();

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    for driver in Driver::ALL {
        if POOL.try_send(driver).is_err() {
            give_up();
        }
    }
    loop {
        if let Ok(mut driver) = POOL.try_receive() {
            driver.work();
            if POOL.try_send(driver).is_err() {
                give_up();
            }
        }
    }
}
