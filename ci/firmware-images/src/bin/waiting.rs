//! A static pool that is filled by its constructor, and tasks that wait for its connections.
#![no_std]
#![no_main]

use conn_pool::Pool;
use conn_pool_firmware_images::{Driver, give_up, tasks};
use core::convert::Infallible;

#[unsafe(no_mangle)]
static POOL: Pool<Driver, 4> = Pool::from_array(Driver::ALL);

async fn task() -> Infallible {
    loop {
        let Ok(mut driver) = POOL.get_async().await else { give_up() };
        driver.work();
        tasks::yield_now().await;
    }
}

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    tasks::run(task)
}
