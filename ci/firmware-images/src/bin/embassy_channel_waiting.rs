//! A peer: drivers in a channel of embassy-sync, and tasks that wait for one.
#![no_std]
#![no_main]

use conn_pool_firmware_images::{Driver, give_up, tasks};
use core::convert::Infallible;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;

#[unsafe(no_mangle)]
static POOL: Channel<CriticalSectionRawMutex, Driver, 4> = Channel::new();

async fn task() -> Infallible {
    loop {
        let mut driver = POOL.receive().await;
        driver.work();
        tasks::yield_now().await;
        if POOL.try_send(driver).is_err() {
            give_up();
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    for driver in Driver::ALL {
        if POOL.try_send(driver).is_err() {
            give_up();
        }
    }
    tasks::run(task)
}
