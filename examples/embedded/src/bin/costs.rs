//! What the calls of a pool cost on this board. The critical sections that are counted are those of the pool, and of
//! the atomics if these are made of critical sections.
#![no_std]
#![no_main]

use core::future::Future;
use core::hint::black_box;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use conn_pool::Pool;
use conn_pool_embedded::board;
use conn_pool_embedded::measured::{self, Cost, measure};
use conn_pool_embedded::report::Report;
use semihosting::println;

static POOL: Pool<u32, 4> = Pool::from_array([1, 2, 3, 4]);
static BUFFERS: Pool<[u8; 1024], 2> = Pool::new();

fn show(name: &str, cost: Cost) {
    let Cost { instructions, sections, masked, stack } = cost;
    println!("cost of {name}: {instructions} instructions, {sections} sections, {masked} masked, {stack} stack");
}

fn hold_all() -> [impl Sized; 4] {
    core::array::from_fn(|_| POOL.try_get().expect("all are idle"))
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn is_counted_rightly() -> Result<u32, &'static str> {
    let nothing = measure(|| (), |()| conn_pool_embedded::calibration::nothing_256_times());
    // The call and the return.
    if (257..=261).contains(&nothing.instructions) {
        Ok(256)
    } else {
        Err("256 instructions are counted as another number")
    }
}

fn of_plain_pool() {
    show("pair", measure(|| (), |()| drop(black_box(POOL.try_get()))));
    let refused = |held| {
        black_box(POOL.try_get().is_err());
        held
    };
    show("refused", measure(hold_all, refused));
    let wait = |[first, rest @ ..]: [_; 4]| {
        let mut get = pin!(POOL.get_async());
        assert!(poll(get.as_mut()).is_pending(), "all are in use");
        drop(first);
        drop(black_box(poll(get)));
        rest
    };
    show("wait, grant and give back", measure(hold_all, wait));
    let cancel = |held| {
        let mut get = pin!(Some(POOL.get_async()));
        assert!(get.as_mut().as_pin_mut().is_some_and(|get| poll(get).is_pending()), "all are in use");
        get.set(None);
        held
    };
    show("wait and cancel", measure(hold_all, cancel));
    show("resize to 0 and back", measure(|| (), |()| black_box((POOL.resize(0), POOL.resize(4)))));
    let empty = || {
        BUFFERS.retain(|_| false);
    };
    show("insert_with of 1 KiB", measure(empty, |()| BUFFERS.insert_with(|| [0; 1024]).is_ok()));
    let insert_uninit = |()| {
        BUFFERS
            .insert_uninit(|cell| {
                // SAFETY: zeros are bytes, so the buffer is written whole.
                unsafe { cell.as_mut_ptr().write_bytes(0, 1) };
                // SAFETY: it was written just now.
                unsafe { cell.assume_init_mut() }
            })
            .is_ok()
    };
    show("insert_uninit of 1 KiB", measure(empty, insert_uninit));
}

#[cfg(feature = "managed")]
mod managed {
    use core::convert::Infallible;
    use core::time::Duration;

    use conn_pool::managed::{Clock, Config, ConnGuard, Lifecycle, Manager, Pool};

    use super::{black_box, measure, show};

    struct Bus;

    impl Lifecycle for Bus {
        type Connection = u32;
        type Error = Infallible;
    }

    impl Manager for Bus {
        fn connect(&self, _within: Option<Duration>) -> Result<u32, Infallible> {
            Ok(7)
        }
    }

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    static POOL: Pool<Bus, 4, Still> = Pool::const_with_clock(Bus, Config::new(), Still);

    pub fn measure_all() {
        drop(POOL.try_get());
        show("managed pair", measure(|| (), |()| drop(black_box(POOL.try_get()))));
        let vacate = || drop(POOL.try_get().map(ConnGuard::discard));
        show("managed pair that connects", measure(vacate, |()| drop(black_box(POOL.try_get()))));
    }
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut report = Report::begin("what a pool costs");
    board::unmask();
    measured::start();
    report.check("instructions are counted rightly", is_counted_rightly());
    of_plain_pool();
    #[cfg(feature = "managed")]
    managed::measure_all();
    report.end()
}
