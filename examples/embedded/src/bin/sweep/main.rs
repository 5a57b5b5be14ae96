//! Interrupts each call of a plain pool before each of its instructions.
//!
//! With the feature `critical-section` the handler makes each of these calls too. Without, it does what a handler may
//! do then: take, give back, and look at the status.
#![no_std]
#![no_main]

mod planted;

use core::pin::pin;

use conn_pool::{ConnGuard, InsertError, Pool};
use conn_pool_embedded::report::Report;
use conn_pool_embedded::sweep::{Call, Conn, Needs, Queue, Side, Subject, Wait, sweep};

static POOL: Pool<Conn, 3> = Pool::new();

struct Plain;

impl Subject for Plain {
    type Guard = ConnGuard<'static, Conn, 3>;

    fn try_get() -> Option<Self::Guard> {
        POOL.try_get().ok()
    }

    fn refill() {
        POOL.resize(3).expect("it has three slots");
        while POOL.insert(Conn::new()).is_ok() {}
    }

    fn vacate_one() {
        if let Ok(guard) = POOL.try_get() {
            ConnGuard::discard(guard);
        }
    }

    fn shrink() {
        POOL.resize(1).expect("it has three slots");
    }

    fn at_rest() -> Result<(), &'static str> {
        let status = POOL.status();
        if (status.idle, status.in_use, status.waiting, status.vacant) == (3, 0, 0, 0) {
            Ok(())
        } else {
            Err("the pool is not at rest")
        }
    }
}

fn insert(_: &mut Side<'_, Plain>) {
    if let Err(InsertError { connection, .. }) = POOL.insert(Conn::new()) {
        drop(connection);
    }
}

fn discard(side: &mut Side<'_, Plain>) {
    if let Some(mut guard) = side.held.take() {
        guard.end();
        ConnGuard::discard(guard);
    }
}

fn retain(_: &mut Side<'_, Plain>) {
    POOL.retain(|conn| {
        conn.begin();
        conn.end();
        true
    });
}

fn resize(size: usize) {
    POOL.resize(size).expect("it has three slots");
}

fn status(_: &mut Side<'_, Plain>) {
    core::hint::black_box(POOL.status());
}

const TAKE: Call<Plain> = Call { name: "take", needs: Needs::Nothing, run: |side| side.take() };
const GIVE: Call<Plain> = Call { name: "give back", needs: Needs::Held, run: |side| side.give_back() };
const STATUS: Call<Plain> = Call { name: "status", needs: Needs::Nothing, run: status };

const CALLS: [Call<Plain>; 11] = [
    TAKE,
    GIVE,
    Call { name: "wait", needs: Needs::Nothing, run: |side| side.wait() },
    Call { name: "poll again", needs: Needs::Waiting, run: |side| side.wait() },
    Call { name: "cancel", needs: Needs::Waiting, run: |side| side.leave() },
    Call { name: "insert", needs: Needs::Vacancy, run: insert },
    Call { name: "discard", needs: Needs::Held, run: discard },
    Call { name: "shrink", needs: Needs::Nothing, run: |_| resize(1) },
    Call { name: "grow", needs: Needs::Shrunk, run: |_| resize(3) },
    Call { name: "retain", needs: Needs::Nothing, run: retain },
    STATUS,
];

#[cfg(feature = "critical-section")]
const HANDLER_CALLS: [Call<Plain>; 11] = CALLS;
#[cfg(not(feature = "critical-section"))]
const HANDLER_CALLS: [Call<Plain>; 3] = [TAKE, GIVE, STATUS];

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut report = Report::begin("sweep of a plain pool");
    report.check("the timer strikes before each instruction", conn_pool_embedded::calibration::calibrate());
    report.check("a take that is not atomic is found", planted::is_found());

    let get = || async { POOL.get_async().await.ok() };
    let mut queue: Queue<'_, Plain> = [pin!(Wait::new(get)), pin!(Wait::new(get)), pin!(Wait::new(get))];
    sweep(&mut report, &CALLS, &HANDLER_CALLS, &mut queue);
    report.end()
}
