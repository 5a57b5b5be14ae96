//! Runs what ci/firmware counts. Most rows run twice: the first run raises the high-water marks, the second counts.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use conn_pool::{ConnGuard, Get, Pool};
use conn_pool_firmware_images::measured::{exit, measured, used};
use conn_pool_firmware_images::semaphore_pool::SemaphorePool;
use conn_pool_firmware_images::{Driver, give_up, nops};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use heapless::object_pool;
use heapless::pool::object::ObjectBlock;

#[unsafe(no_mangle)]
extern "C" fn start() -> ! {
    calibrate();
    small_pool();
    crowded_pool();
    wide_pool();
    halved_pool();
    object();
    box_of_atomic_pool();
    channel();
    semaphore();
    exit()
}

fn calibrate() {
    measured(c"0 nops", || {});
    measured(c"1 nops", || nops!(1));
    measured(c"100 nops", || nops!(100));
    measured(c"hold of 0 nops", || critical_section::with(|_| {}));
    measured(c"hold of 100 nops", || critical_section::with(|_| nops!(100)));
}

static SMALL: Pool<Driver, 4> = Pool::new();

fn small_pool() {
    fill(&SMALL);
    twice(c"pair", || {
        if let Ok(driver) = SMALL.try_get() {
            used(&*driver);
        }
    });
    let held = hold_all(&SMALL);
    twice(c"refused", || used(&SMALL.try_get().is_err()));
    drop(held);
    for _ in 0..2 {
        let [first, _rest @ ..] = hold_all(&SMALL);
        measured(c"wait", || {
            let mut get = pin!(SMALL.get_async());
            used(&poll(get.as_mut()).is_pending());
            drop(first);
            if let Poll::Ready(Ok(driver)) = poll(get) {
                used(&*driver);
            }
        });
    }
    for _ in 0..2 {
        let [first, _rest @ ..] = hold_all(&SMALL);
        let mut get = pin!(SMALL.get_async());
        measured(c"join", || used(&poll(get.as_mut()).is_pending()));
        measured(c"drop that serves a waiter", || drop(first));
        let driver = measured(c"look", || poll(get));
        measured(c"give back", || drop(driver));
    }
    for _ in 0..2 {
        let _held = hold_all(&SMALL);
        let mut get = pin!(Some(SMALL.get_async()));
        if let Some(get) = get.as_mut().as_pin_mut() {
            used(&poll(get).is_pending());
        }
        measured(c"cancel", || get.set(None));
    }
}

static CROWDED: Pool<Driver, 4> = Pool::new();

/// A hundred waiters of four connections.
fn crowded_pool() {
    fill(&CROWDED);
    used(&CROWDED.resize(0));
    let mut gets = pin!([const { CROWDED.get_async() }; 100]);
    let mut late = pin!([const { CROWDED.get_async() }; 4]);
    for number in 0..100 {
        expect(poll(nth(gets.as_mut(), number)).is_pending());
    }
    measured(c"resize from 0 to 4, 100 waiters", || used(&CROWDED.resize(4)));
    let _held: [_; 4] = core::array::from_fn(|number| match poll(nth(gets.as_mut(), number)) {
        Poll::Ready(Ok(driver)) => driver,
        _ => give_up(),
    });
    for number in 0..4 {
        expect(poll(nth(late.as_mut(), number)).is_pending());
    }
    measured(c"close, 100 waiters", || CROWDED.close());
    for number in 4..100 {
        expect(matches!(poll(nth(gets.as_mut(), number)), Poll::Ready(Err(_))));
    }
}

static WIDE: Pool<Driver, 256> = Pool::new();

fn wide_pool() {
    for number in 0..255 {
        expect(WIDE.insert(Driver(number)).is_ok());
    }
    measured(c"insert, 256 slots", || used(&WIDE.insert(Driver(255)).is_ok()));
    measured(c"resize from 256 to 0", || used(&WIDE.resize(0)));
    measured(c"resize from 0 to 256", || used(&WIDE.resize(256)));
    let mut held: [_; 256] = core::array::from_fn(|_| WIDE.try_get().ok());
    expect(held.iter().all(Option::is_some));
    measured(c"refused, 256 slots", || used(&WIDE.try_get().is_err()));
    let mut get = pin!(WIDE.get_async());
    let mut next = pin!(WIDE.get_async());
    measured(c"join, 256 slots", || used(&poll(get.as_mut()).is_pending()));
    let last = held[255].take();
    measured(c"release with a waiter, 256 slots", || drop(last));
    let driver = match poll(get) {
        Poll::Ready(Ok(driver)) => driver,
        _ => give_up(),
    };
    expect(poll(next.as_mut()).is_pending());
    measured(c"close with a waiter, 256 slots", || WIDE.close());
    expect(matches!(poll(next), Poll::Ready(Err(_))));
    drop(driver);
}

static HALVED: Pool<Driver, 256> = Pool::new();

/// Calls that end connections. Each takes the lock once for each of them.
fn halved_pool() {
    for number in 0..256 {
        expect(HALVED.insert(Driver(number)).is_ok());
    }
    expect(HALVED.resize(128).is_ok());
    measured(c"drop_surplus, 256 slots", || used(&HALVED.drop_surplus()));
    measured(c"close with 128 idle, 256 slots", || HALVED.close());
}

object_pool!(OBJECTS: Driver);

static mut BLOCKS: [ObjectBlock<Driver>; 4] = {
    let [a, b, c, d] = Driver::ALL;
    [ObjectBlock::new(a), ObjectBlock::new(b), ObjectBlock::new(c), ObjectBlock::new(d)]
};

fn object() {
    // SAFETY: the blocks are borrowed once.
    for block in unsafe { &mut *&raw mut BLOCKS } {
        OBJECTS.manage(block);
    }
    twice(c"pair/heapless object", || {
        if let Some(driver) = OBJECTS.request() {
            used(&*driver);
        }
    });
    let _held: [_; 4] = core::array::from_fn(|_| OBJECTS.request());
    twice(c"refused/heapless object", || used(&OBJECTS.request().is_none()));
}

atomic_pool::pool!(BOXES: [Driver; 4]);

fn box_of_atomic_pool() {
    let new = || atomic_pool::Box::<BOXES>::new(Driver::ALL[0]);
    twice(c"pair/atomic-pool", || {
        if let Some(driver) = new() {
            used(&*driver);
        }
    });
    let _held: [_; 4] = core::array::from_fn(|_| new());
    twice(c"refused/atomic-pool", || used(&new().is_none()));
}

static CHANNEL: Channel<CriticalSectionRawMutex, Driver, 4> = Channel::new();

fn channel() {
    Driver::ALL.into_iter().for_each(send);
    twice(c"pair/embassy Channel", || {
        if let Ok(driver) = CHANNEL.try_receive() {
            used(&driver);
            send(driver);
        }
    });
    for _ in 0..2 {
        let held: [_; 4] = core::array::from_fn(|_| CHANNEL.try_receive().unwrap_or_else(|_| give_up()));
        measured(c"refused/embassy Channel", || used(&CHANNEL.try_receive().is_err()));
        let [first, rest @ ..] = held;
        measured(c"wait/embassy Channel", || {
            let mut get = pin!(CHANNEL.receive());
            used(&poll(get.as_mut()).is_pending());
            send(first);
            if let Poll::Ready(driver) = poll(get) {
                used(&driver);
                send(driver);
            }
        });
        rest.into_iter().for_each(send);
    }
}

#[inline(always)]
fn send(driver: Driver) {
    expect(CHANNEL.try_send(driver).is_ok());
}

static COUNTED: SemaphorePool<Driver, 4> = SemaphorePool::new();

fn semaphore() {
    for driver in Driver::ALL {
        expect(COUNTED.insert(driver).is_ok());
    }
    twice(c"pair/embassy FairSemaphore", || {
        if let Some(driver) = COUNTED.try_get() {
            used(&*driver);
        }
    });
    for _ in 0..2 {
        let [first, _rest @ ..] = core::array::from_fn::<_, 4, _>(|_| COUNTED.try_get());
        measured(c"refused/embassy FairSemaphore", || used(&COUNTED.try_get().is_none()));
        measured(c"wait/embassy FairSemaphore", || {
            let mut get = pin!(COUNTED.get());
            used(&poll(get.as_mut()).is_pending());
            drop(first);
            if let Poll::Ready(Some(driver)) = poll(get) {
                used(&*driver);
            }
        });
    }
}

fn fill(pool: &Pool<Driver, 4>) {
    for driver in Driver::ALL {
        expect(pool.insert(driver).is_ok());
    }
}

fn hold_all(pool: &Pool<Driver, 4>) -> [ConnGuard<'_, Driver, 4>; 4] {
    core::array::from_fn(|_| pool.try_get().unwrap_or_else(|_| give_up()))
}

#[inline(always)]
fn twice(row: &CStr, mut section: impl FnMut()) {
    for _ in 0..2 {
        measured(row, &mut section);
    }
}

#[inline(always)]
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn nth<'p, 'a, const WAITERS: usize>(
    gets: Pin<&'p mut [Get<'a, Driver, 4>; WAITERS]>,
    number: usize,
) -> Pin<&'p mut Get<'a, Driver, 4>> {
    // SAFETY: an element of an array is pinned with it: nothing here moves one.
    unsafe { gets.map_unchecked_mut(|gets| &mut gets[number]) }
}

/// Ends the run without the end that ci/firmware waits for if the pool is not as it should be.
#[track_caller]
fn expect(holds: bool) {
    if !holds {
        give_up();
    }
}
