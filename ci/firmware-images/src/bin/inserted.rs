//! A static pool that is filled as the program begins.
#![no_std]
#![no_main]

use conn_pool::Pool;
use conn_pool_firmware_images::{Driver, give_up};

#[unsafe(no_mangle)]
static POOL: Pool<Driver, 4> = Pool::new();

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    for driver in Driver::ALL {
        if POOL.insert(driver).is_err() {
            give_up();
        }
    }
    loop {
        if let Ok(mut driver) = POOL.try_get() {
            driver.work();
        }
    }
}
