//! A static pool of eight that is filled by its constructor.
#![no_std]
#![no_main]

use conn_pool::Pool;
use conn_pool_firmware_images::Driver;

#[unsafe(no_mangle)]
static POOL: Pool<Driver, 8> = Pool::from_array(Driver::MORE);

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    loop {
        if let Ok(mut driver) = POOL.try_get() {
            driver.work();
        }
    }
}
