//! The program with two tasks and without a pool.
#![no_std]
#![no_main]

use conn_pool_firmware_images::{Driver, tasks};
use core::convert::Infallible;
use core::hint::black_box;

static mut DRIVERS: [Driver; 4] = Driver::ALL;

async fn task() -> Infallible {
    loop {
        // SAFETY: no other reference is alive: this one is gone before the other task runs.
        let drivers = unsafe { &mut *black_box(&raw mut DRIVERS) };
        drivers[0].work();
        tasks::yield_now().await;
    }
}

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    tasks::run(task)
}
