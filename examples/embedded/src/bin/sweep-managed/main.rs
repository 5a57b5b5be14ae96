//! Interrupts each call of a managed pool before each of its instructions. The handler makes each of these calls too.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;

use conn_pool::managed::{AsyncManager, Clock, Config, ConnGuard, Lifecycle, Manager, Pool};
use conn_pool_embedded::report::Report;
use conn_pool_embedded::sweep::{Call, Conn, Needs, Queue, Side, Subject, Wait, sweep};

struct Bus;

impl Lifecycle for Bus {
    type Connection = Conn;
    type Error = Infallible;
}

impl Manager for Bus {
    fn connect(&self, _within: Option<Duration>) -> Result<Conn, Infallible> {
        Ok(Conn::new())
    }

    fn is_valid(&self, conn: &mut Conn, _within: Option<Duration>) -> Result<(), Infallible> {
        visit(conn);
        Ok(())
    }
}

impl AsyncManager for Bus {
    async fn connect(&self) -> Result<Conn, Infallible> {
        Ok(Conn::new())
    }

    async fn is_valid(&self, conn: &mut Conn) -> Result<(), Infallible> {
        visit(conn);
        Ok(())
    }
}

fn visit(conn: &mut Conn) {
    conn.begin();
    conn.end();
}

/// Nothing ages.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// Each connection is checked each time.
const CONFIG: Config = Config::new().min_idle(3).validate_after(Some(Duration::ZERO)).keepalive(None);

static POOL: Pool<Bus, 3, Still> = Pool::const_with_clock(Bus, CONFIG, Still);

struct Managed;

impl Subject for Managed {
    type Guard = ConnGuard<'static, Bus, 3, Still>;

    fn try_get() -> Option<Self::Guard> {
        POOL.try_get().ok()
    }

    fn refill() {
        POOL.resize(3).expect("it has three slots");
        POOL.maintain(Duration::ZERO);
    }

    fn vacate_one() {
        if let Ok(guard) = POOL.try_get() {
            ConnGuard::discard(guard);
        }
    }

    fn vacate_all() {
        POOL.retain(|_| false);
    }

    fn shrink() {
        POOL.resize(1).expect("it has three slots");
    }

    fn at_rest() -> Result<(), &'static str> {
        Self::refill();
        let status = POOL.status();
        if (status.idle, status.in_use, status.waiting, status.vacant) == (3, 0, 0, 0) {
            Ok(())
        } else {
            Err("the pool is not at rest")
        }
    }
}

fn discard(side: &mut Side<'_, Managed>) {
    if let Some(mut guard) = side.held.take() {
        guard.end();
        ConnGuard::discard(guard);
    }
}

fn retain(_: &mut Side<'_, Managed>) {
    POOL.retain(|conn| {
        visit(conn);
        true
    });
}

fn resize(size: usize) {
    POOL.resize(size).expect("it has three slots");
}

fn maintain(_: &mut Side<'_, Managed>) {
    POOL.maintain(Duration::ZERO);
}

fn evict(_: &mut Side<'_, Managed>) {
    POOL.evict_all();
}

fn status(_: &mut Side<'_, Managed>) {
    core::hint::black_box(POOL.status());
}

const CALLS: [Call<Managed>; 13] = [
    Call { name: "take, with a check", needs: Needs::Nothing, run: |side| side.take() },
    Call { name: "take, with a connect", needs: Needs::Empty, run: |side| side.take() },
    Call { name: "give back", needs: Needs::Held, run: |side| side.give_back() },
    Call { name: "wait", needs: Needs::Nothing, run: |side| side.wait() },
    Call { name: "poll again", needs: Needs::Waiting, run: |side| side.wait() },
    Call { name: "cancel", needs: Needs::Waiting, run: |side| side.leave() },
    Call { name: "maintain", needs: Needs::Vacancy, run: maintain },
    Call { name: "evict", needs: Needs::Nothing, run: evict },
    Call { name: "discard", needs: Needs::Held, run: discard },
    Call { name: "shrink", needs: Needs::Nothing, run: |_| resize(1) },
    Call { name: "grow", needs: Needs::Shrunk, run: |_| resize(3) },
    Call { name: "retain", needs: Needs::Nothing, run: retain },
    Call { name: "status", needs: Needs::Nothing, run: status },
];

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut report = Report::begin("sweep of a managed pool");
    let get = || async { POOL.get_async().await.ok() };
    let mut queue: Queue<'_, Managed> = [pin!(Wait::new(get)), pin!(Wait::new(get)), pin!(Wait::new(get))];
    sweep(&mut report, &CALLS, &CALLS, &mut queue);
    report.end()
}
