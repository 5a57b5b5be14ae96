//! Tasks of embassy's executor share a driver that is not `Send`, as the sockets of a network stack are.
#![no_std]
#![no_main]

use core::cell::Cell;
use core::convert::Infallible;

use conn_pool::managed::{Config, EmbassyClock, Lifecycle, Local, LocalAsyncManager, Pool};
use conn_pool_embedded::report::Report;
use conn_pool_embedded::time;
use embassy_executor::{Executor, Spawner};
use embassy_futures::yield_now;
use embassy_time::{Duration, Instant, Timer};
use static_cell::StaticCell;

type Found = Result<u32, &'static str>;

/// A network stack that stays on its core: its sockets share it by a reference to a cell.
#[derive(Default)]
struct Stack {
    sent: Cell<u32>,
}

struct Radio(&'static Stack);

struct Socket {
    stack: &'static Stack,
}

impl Socket {
    async fn send(&mut self) {
        let sent = self.stack.sent.get();
        yield_now().await;
        self.stack.sent.set(sent + 1);
    }
}

impl Lifecycle for Radio {
    type Connection = Socket;
    type Error = Infallible;
}

impl LocalAsyncManager for Radio {
    async fn connect(&self) -> Result<Socket, Infallible> {
        let stack = self.0;
        Timer::after(Duration::from_millis(2)).await;
        Ok(Socket { stack })
    }
}

type Sockets = Pool<Local<Radio>, 1, EmbassyClock>;

#[embassy_executor::task(pool_size = 2)]
async fn sender(sockets: &'static Sockets) {
    if let Ok(mut socket) = sockets.get_async().await {
        socket.send().await;
    }
}

async fn tasks_share_a_driver(spawner: Spawner) -> Found {
    static STACK: StaticCell<Stack> = StaticCell::new();
    static SOCKETS: StaticCell<Sockets> = StaticCell::new();
    let stack: &'static Stack = STACK.init_with(Stack::default);
    let sockets: &'static Sockets =
        SOCKETS.init_with(|| Pool::const_with_clock(Local(Radio(stack)), Config::new(), EmbassyClock));
    for _ in 0..2 {
        spawner.spawn(sender(sockets).map_err(|_| "there is no room for a task")?);
    }
    let began = Instant::now();
    while stack.sent.get() < 2 {
        yield_now().await;
        if began.elapsed().as_millis() > 100 {
            return Err("they have not both sent");
        }
    }
    Ok(2)
}

#[embassy_executor::task]
async fn run(spawner: Spawner, mut report: Report) {
    report.check("tasks share a driver that is not Send", tasks_share_a_driver(spawner).await);
    report.end()
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let report = Report::begin("a managed pool of a driver that is not Send");
    time::start(None);
    EXECUTOR.init(Executor::new()).run(|spawner| {
        spawner.spawn(run(spawner, report).expect("there is room for one"));
    })
}
