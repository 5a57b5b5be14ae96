//! A pool of large buffers, still empty: as a static it must take room in the RAM only.
#![no_std]
#![no_main]

use conn_pool::Pool;
use conn_pool_firmware_images as _;

#[unsafe(no_mangle)]
static POOL: Pool<[u8; 1024], 8> = Pool::new();

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    loop {
        if let Ok(mut buffer) = POOL.try_get() {
            buffer[0] = 1;
        }
    }
}
