//! What a debug build does where a release build hangs without a word: a handler polls a future, of a pool that was
//! built without `critical-section`, while the code that it interrupts holds the pool's lock.
//!
//! This program has to end with the panic that says so.
#![no_std]
#![no_main]

use core::future::Future;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};

use conn_pool::Pool;
use conn_pool_embedded::board;
use conn_pool_embedded::report::Report;

static POOL: Pool<u32, 1> = Pool::from_array([1]);
static IS_RUNNING: AtomicBool = AtomicBool::new(false);

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn wait_and_leave() {
    let mut get = pin!(POOL.get_async());
    assert!(poll(get.as_mut()).is_pending(), "the connection is in use");
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let report = Report::begin("a handler that polls");
    let _held = POOL.try_get();
    board::on_strike(|_| {
        if IS_RUNNING.load(Relaxed) {
            wait_and_leave();
        }
    });
    for ticks in 1..10_000 {
        IS_RUNNING.store(true, Relaxed);
        board::strike_after(ticks);
        wait_and_leave();
        IS_RUNNING.store(false, Relaxed);
        board::disarm();
    }
    report.end()
}
