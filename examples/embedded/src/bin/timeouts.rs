//! A managed pool on embassy's time: deadlines of tasks, a connect that hangs, and maintenance as a task.
#![no_std]
#![no_main]

use core::cell::Cell;
use core::future::pending;
use core::time::Duration;

use conn_pool::managed::{AsyncManager, Config, EmbassyClock, GetError, Lifecycle, Pool};
use conn_pool_embedded::report::Report;
use conn_pool_embedded::time;
use critical_section::Mutex;
use embassy_executor::{Executor, Spawner};
use embassy_futures::yield_now;
use embassy_time::{Instant, Timer};
use static_cell::StaticCell;

struct Session(u32);

#[derive(Debug)]
struct NoCarrier;

/// A modem that may be out of reach: then it never answers.
struct Modem;

static IS_SILENT: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));

fn set_silent(is_silent: bool) {
    critical_section::with(|token| IS_SILENT.borrow(token).set(is_silent));
}

impl Lifecycle for Modem {
    type Connection = Session;
    type Error = NoCarrier;
}

impl AsyncManager for Modem {
    async fn connect(&self) -> Result<Session, NoCarrier> {
        if critical_section::with(|token| IS_SILENT.borrow(token).get()) {
            pending::<()>().await;
        }
        Timer::after(embassy_time::Duration::from_millis(2)).await;
        Ok(Session(1))
    }
}

const CONFIG: Config = Config::new().min_idle(2).connect_timeout(Some(Duration::from_millis(30)));

static SESSIONS: Pool<Modem, 2, EmbassyClock> = Pool::const_with_clock(Modem, CONFIG, EmbassyClock);

type Found = Result<u32, &'static str>;

fn took(began: Instant, least: u64, most: u64) -> Found {
    let took = began.elapsed().as_millis();
    if (least..=most).contains(&took) { Ok(took as u32) } else { Err("it took another time") }
}

async fn a_wait_ends_at_its_deadline() -> Found {
    let mut held = (SESSIONS.get_async().await, SESSIONS.get_async().await);
    if let Ok(session) = &mut held.0 {
        session.0 += 1;
    }
    let began = Instant::now();
    match SESSIONS.get_async_timeout(Duration::from_millis(20)).await {
        Err(GetError::Timeout(_)) => took(began, 20, 22),
        Ok(_) => Err("there was a third session"),
        Err(_) => Err("it has failed otherwise"),
    }
}

async fn a_connect_that_hangs_is_ended() -> Found {
    SESSIONS.retain(|_| false);
    set_silent(true);
    let began = Instant::now();
    let answer = SESSIONS.get_async().await;
    set_silent(false);
    match answer {
        Err(GetError::ConnectTimeout { .. }) => took(began, 30, 32),
        Ok(_) => Err("it has connected"),
        Err(_) => Err("it has failed otherwise"),
    }
}

#[embassy_executor::task]
async fn maintain() {
    SESSIONS.run_maintenance().await;
}

async fn maintenance_connects(spawner: Spawner) -> Found {
    spawner.spawn(maintain().map_err(|_| "there is no room for a task")?);
    let began = Instant::now();
    while SESSIONS.status().idle < 2 {
        yield_now().await;
        if began.elapsed().as_millis() > 100 {
            return Err("it has not connected");
        }
    }
    Ok(2)
}

#[embassy_executor::task]
async fn run(spawner: Spawner, mut report: Report) {
    report.check("a wait ends at its deadline", a_wait_ends_at_its_deadline().await);
    report.check("a connect that hangs is ended", a_connect_that_hangs_is_ended().await);
    report.check("maintenance connects", maintenance_connects(spawner).await);
    report.end()
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let report = Report::begin("a managed pool on embassy's time");
    time::start(None);
    EXECUTOR.init(Executor::new()).run(|spawner| {
        spawner.spawn(run(spawner, report).expect("there is room for one"));
    })
}
