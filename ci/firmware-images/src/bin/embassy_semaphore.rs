//! A peer: a fair semaphore of embassy-sync, a vector behind a mutex, and a guard that gives both back.
#![no_std]
#![no_main]

use conn_pool_firmware_images::semaphore_pool::SemaphorePool;
use conn_pool_firmware_images::{Driver, give_up, tasks};
use core::convert::Infallible;

#[unsafe(no_mangle)]
static POOL: SemaphorePool<Driver, 4> = SemaphorePool::new();

async fn task() -> Infallible {
    loop {
        let Some(mut driver) = POOL.get().await else { give_up() };
        driver.work();
        tasks::yield_now().await;
    }
}

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    for driver in Driver::ALL {
        if POOL.insert(driver).is_err() {
            give_up();
        }
    }
    tasks::run(task)
}
