//! A static managed pool on a bare target: with a clock and a manager of the firmware's own, it connects, gives back, and is
//! looked after by the main loop.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use conn_pool::managed::{Clock, Config, Lifecycle, Manager, Pool};

static TICKS: AtomicU32 = AtomicU32::new(0);
static SEEN: AtomicU32 = AtomicU32::new(0);
static POOL: Pool<Bus, 4, Timer> =
    Pool::const_with_clock(Bus, Config::new().min_idle(1).max_lifetime(Some(Duration::from_secs(60))), Timer);

struct Timer;

impl Clock for Timer {
    fn now(&self) -> Duration {
        Duration::from_millis(TICKS.load(Ordering::Relaxed).into())
    }
}

struct Bus;

impl Lifecycle for Bus {
    type Connection = u32;
    type Error = u8;
}

impl Manager for Bus {
    fn connect(&self, _within: Option<Duration>) -> Result<u32, u8> {
        match TICKS.load(Ordering::Relaxed) {
            0 => Err(7),
            ticks => Ok(ticks),
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        match POOL.try_get() {
            Ok(mut connection) => *connection += 1,
            Err(error) => SEEN.store(u32::from(error.name().len() as u8), Ordering::Relaxed),
        }
        POOL.maintain(POOL.clock().now());
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// As in the other program.
#[cfg(feature = "critical-section")]
mod interrupts {
    struct Masked;
    critical_section::set_impl!(Masked);

    // SAFETY: not a real one; this program is linked and measured, never run.
    unsafe impl critical_section::Impl for Masked {
        unsafe fn acquire() {}
        unsafe fn release((): ()) {}
    }
}
