//! A peer: the object pool of heapless, which is filled as the program begins. Nobody can wait for it.
#![no_std]
#![no_main]

use conn_pool_firmware_images::Driver;
use heapless::object_pool;
use heapless::pool::object::ObjectBlock;

object_pool!(POOL: Driver);

static mut BLOCKS: [ObjectBlock<Driver>; 4] = {
    let [a, b, c, d] = Driver::ALL;
    [ObjectBlock::new(a), ObjectBlock::new(b), ObjectBlock::new(c), ObjectBlock::new(d)]
};

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    // SAFETY: the blocks are borrowed once.
    for block in unsafe { &mut *&raw mut BLOCKS } {
        POOL.manage(block);
    }
    loop {
        if let Some(mut driver) = POOL.request() {
            driver.work();
        }
    }
}
