//! The example to copy: three tasks and an interrupt handler share two serial ports.
//!
//! A task that finds no port free waits, in the order of arrival. The handler cannot wait: it does without, and counts
//! that it did.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use conn_pool::Pool;
use conn_pool_embedded::report::Report;
use conn_pool_embedded::time;
use conn_pool_embedded::uart::Uart;
use embassy_executor::{Executor, Spawner};
use embassy_time::{Duration, Timer};
use static_cell::StaticCell;

/// Both ports, put there by the compiler.
static UARTS: Pool<Uart, 2> = Pool::from_array([Uart::new(0), Uart::new(1)]);

const LINES: u32 = 20;

#[embassy_executor::task(pool_size = 3)]
async fn talk(line: &'static str) {
    for _ in 0..LINES {
        let mut uart = UARTS.get_async().await.expect("the pool is never closed");
        uart.send(line).await;
        // The guard is dropped before the task sleeps: the port is for the others meanwhile.
        drop(uart);
        Timer::after(Duration::from_millis(3)).await;
    }
    DONE.store(DONE.load(Relaxed) + 1, Relaxed);
}

static DONE: AtomicU32 = AtomicU32::new(0);
static LOGGED: AtomicU32 = AtomicU32::new(0);
static MISSED: AtomicU32 = AtomicU32::new(0);

/// Called every millisecond, in the interrupt handler.
fn on_tick() {
    let counter = match UARTS.try_get() {
        Ok(mut uart) => {
            uart.send_now("tick");
            &LOGGED
        }
        Err(_) => &MISSED,
    };
    // Only the handler writes it.
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

#[embassy_executor::task]
async fn watch(mut report: Report) {
    while DONE.load(Relaxed) < 3 {
        Timer::after(Duration::from_millis(1)).await;
    }
    let (first, second) = (UARTS.get_async().await, UARTS.get_async().await);
    let (Ok(first), Ok(second)) = (first, second) else { panic!("the pool is never closed") };
    let (logged, missed) = (LOGGED.load(Relaxed), MISSED.load(Relaxed));
    let lines = first.lines() + second.lines();
    let as_sent = lines == 3 * LINES + logged;
    report.check("each line was sent once", if as_sent { Ok(lines) } else { Err("some were not") });
    report.check("the handler found a port free", if logged > 0 { Ok(logged) } else { Err("never") });
    report.check("the handler found none free", if missed > 0 { Ok(missed) } else { Err("never") });
    report.end()
}

fn spawn(spawner: Spawner, report: Report) {
    for line in ["temperature 21.5", "pressure 1013", "humidity 40"] {
        spawner.spawn(talk(line).expect("there is room for three"));
    }
    spawner.spawn(watch(report).expect("there is room for one"));
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let report = Report::begin("three tasks and an interrupt handler share two serial ports");
    time::start(Some(on_tick));
    EXECUTOR.init(Executor::new()).run(|spawner| spawn(spawner, report))
}
