//! What tasks of embassy's executor do with a pool.
#![no_std]
#![no_main]

use core::cell::Cell;

use conn_pool::{ConnGuard, Pool, PoolError};
use conn_pool_embedded::report::Report;
use conn_pool_embedded::time;
use critical_section::Mutex;
use embassy_executor::{Executor, Spawner};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_time::{Duration, Timer, with_timeout};
use static_cell::StaticCell;

type Found = Result<u32, &'static str>;

/// Numbers, in the order in which they were noted.
struct Notes(Mutex<Cell<([u32; 10], usize)>>);

impl Notes {
    const fn new() -> Self {
        Self(Mutex::new(Cell::new(([0; 10], 0))))
    }

    fn note(&self, number: u32) {
        critical_section::with(|token| {
            self.0.borrow(token).update(|(mut numbers, count)| {
                numbers[count] = number;
                (numbers, count + 1)
            });
        });
    }

    fn all(&self) -> ([u32; 10], usize) {
        critical_section::with(|token| self.0.borrow(token).get())
    }
}

fn expect(holds: bool, fault: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(fault) }
}

static TWO: Pool<u32, 2> = Pool::from_array([1, 2]);
static SERVED: Notes = Notes::new();

#[embassy_executor::task(pool_size = 10)]
async fn client(number: u32) {
    let connection = TWO.get_async().await;
    SERVED.note(number);
    yield_now().await;
    drop(connection);
}

/// Ten tasks over two connections, in the order in which they asked. Of two that are granted a connection at once the
/// executor may run either first.
async fn ten_are_served_in_order(spawner: Spawner) -> Found {
    let held = (TWO.get_async().await, TWO.get_async().await);
    for number in 0..10 {
        spawner.spawn(client(number).map_err(|_| "there is no room for a task")?);
        // Until it has asked.
        while TWO.status().waiting <= number as usize {
            yield_now().await;
        }
    }
    drop(held);
    while SERVED.all().1 < 10 || TWO.status().idle < 2 {
        yield_now().await;
    }
    let (served, _) = SERVED.all();
    let is_in_order = served.iter().zip(0..).all(|(number, place)| number.abs_diff(place) <= 1);
    expect(is_in_order, "they were served in another order")?;
    Ok(10)
}

static ONE: Pool<u32, 1> = Pool::from_array([7]);
static SECOND: Notes = Notes::new();

#[embassy_executor::task]
async fn second_in_the_queue() {
    let connection = ONE.get_async().await;
    SECOND.note(1);
    drop(connection);
}

/// The head of the queue is cancelled by `select`; the next is served.
async fn a_cancelled_head_leaves_its_place(spawner: Spawner) -> Found {
    let held = ONE.get_async().await;
    let head = async {
        let _never = ONE.get_async().await;
    };
    let other = async {
        while ONE.status().waiting < 1 {
            yield_now().await;
        }
        spawner.spawn(second_in_the_queue().expect("there is room for one"));
        while ONE.status().waiting < 2 {
            yield_now().await;
        }
    };
    let winner = select(head, other).await;
    expect(matches!(winner, Either::Second(())), "the head was served")?;
    expect(ONE.status().waiting == 1, "the head waits still")?;
    drop(held);
    while SECOND.all().1 == 0 {
        yield_now().await;
    }
    Ok(1)
}

/// A deadline by `with_timeout`, and a wait that ends before it.
async fn a_timeout_ends_a_wait() -> Found {
    let held = ONE.get_async().await;
    let waited = with_timeout(Duration::from_millis(5), ONE.get_async()).await;
    expect(waited.is_err(), "a wait without an end was served")?;
    expect(ONE.status().waiting == 0, "the wait that has timed out is in the queue")?;
    let release = async {
        Timer::after(Duration::from_millis(2)).await;
        drop(held);
    };
    let wait = with_timeout(Duration::from_millis(50), ONE.get_async());
    let (_, served) = embassy_futures::join::join(release, wait).await;
    expect(matches!(served, Ok(Ok(_))), "a wait was not served in time")?;
    Ok(2)
}

static HANDED_ON: Notes = Notes::new();

#[embassy_executor::task]
async fn owns_a_guard(mut connection: ConnGuard<'static, u32, 1>) {
    *connection += 1;
    Timer::after(Duration::from_millis(1)).await;
    HANDED_ON.note(*connection);
}

/// A guard as an argument of a task: a guard of a `static` pool is `'static`.
async fn a_guard_moves_into_a_task(spawner: Spawner) -> Found {
    let connection = ONE.get_async().await.map_err(|_| "the pool is open")?;
    let before = *connection;
    spawner.spawn(owns_a_guard(connection).map_err(|_| "there is no room for a task")?);
    let after = ONE.get_async().await.map_err(|_| "the pool is open")?;
    expect(HANDED_ON.all().1 == 1, "it was acquired while the task had it")?;
    expect(*after == before + 1, "it is another connection")?;
    Ok(1)
}

/// Who waits for a pool that is closed is told.
async fn a_waiter_is_told_that_the_pool_is_closed() -> Found {
    static CLOSED: Pool<u32, 1> = Pool::from_array([1]);
    let _held = CLOSED.get_async().await;
    let close = async {
        while CLOSED.status().waiting == 0 {
            yield_now().await;
        }
        CLOSED.close();
    };
    let (waited, ()) = embassy_futures::join::join(CLOSED.get_async(), close).await;
    expect(matches!(waited, Err(PoolError::Closed)), "it was not told so")?;
    Ok(1)
}

#[embassy_executor::task]
async fn run(spawner: Spawner, mut report: Report) {
    report.check("ten tasks over two connections are served in order", ten_are_served_in_order(spawner).await);
    report.check("a cancelled head leaves its place", a_cancelled_head_leaves_its_place(spawner).await);
    report.check("a timeout ends a wait", a_timeout_ends_a_wait().await);
    report.check("a guard moves into a task", a_guard_moves_into_a_task(spawner).await);
    report.check("a waiter is told that the pool is closed", a_waiter_is_told_that_the_pool_is_closed().await);
    report.end()
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let report = Report::begin("tasks of embassy's executor");
    time::start(None);
    EXECUTOR.init(Executor::new()).run(|spawner| {
        spawner.spawn(run(spawner, report).expect("there is room for one"));
    })
}
