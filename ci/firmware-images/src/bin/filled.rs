//! A static pool that is filled by its constructor.
#![no_std]
#![no_main]

use conn_pool::Pool;
use conn_pool_firmware_images::Driver;

#[unsafe(no_mangle)]
static POOL: Pool<Driver, 4> = Pool::from_array(Driver::ALL);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    loop {
        if let Ok(mut driver) = POOL.try_get() {
            driver.work();
        }
    }
}
